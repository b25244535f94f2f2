/**
 * Whether an answer of the SMS gateway is what the operator said it would be. Many gateways answer 200 to everything and
 * say in the body what became of the message, so nothing counts as sent that no rule names (I6).
 */
import type { Json } from '../../gate/types.ts';

/** Everything that is there must hold. */
export interface AnswerRule {
  /** Any 2xx when absent. */
  readonly status?: readonly number[];
  /** JSON pointers (RFC 6901) and the text, number or truth value there, as text; a list: any of them. */
  readonly json?: Readonly<Record<string, string | readonly string[]>>;
  /** How the body begins, blanks aside. */
  readonly text?: string;
}

export interface SmsAnswer {
  readonly status: number;
  readonly body: Buffer;
}

export function fits(rule: AnswerRule, { status, body }: SmsAnswer): boolean {
  const isStatus = rule.status === undefined ? status >= 200 && status <= 299 : rule.status.includes(status);
  if (!isStatus) return false;
  const text = new TextDecoder().decode(body);
  if (rule.text !== undefined && !text.trimStart().startsWith(rule.text)) return false;
  if (rule.json === undefined) return true;
  const value = parsed(text);
  return Object.entries(rule.json).every(([pointer, wanted]) => {
    const found = at(value, pointer);
    return found !== undefined && (typeof wanted === 'string' ? [wanted] : wanted).includes(found);
  });
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

/** The scalar at a pointer, as text. */
function at(value: Json | undefined, pointer: string): string | undefined {
  const keys = pointer.split('/').slice(1);
  let found: unknown = value;
  for (const key of keys.map((one) => one.replaceAll('~1', '/').replaceAll('~0', '~'))) {
    if (found === null || typeof found !== 'object' || !Object.hasOwn(found, key)) return undefined;
    found = (found as Readonly<Record<string, unknown>>)[key];
  }
  return typeof found === 'string' || typeof found === 'number' || typeof found === 'boolean'
    ? String(found)
    : undefined;
}
