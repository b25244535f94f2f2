/**
 * Reads the body of an own form: urlencoded, small, every field known and sent once. Anything else is refused, never
 * repaired (I7, ASVS 4.1.1, attack "HTTP parameter pollution").
 */
import type { IncomingMessage } from 'node:http';
import type { GatePage } from './web.ts';

export const MAX_BODY_BYTES = 16 * 1024;

/** The encoding leaves printable ASCII only (URL standard 5.2); raw bytes would be read in as many ways as there are readers. */
const NOT_URLENCODED = /[^\x21-\x7e]/;

export type Form = ReadonlyMap<string, string>;
export type FormProblem = Extract<GatePage, 'bad-request' | 'body-too-large' | 'unsupported-type'>;

export type ReadForm =
  | { readonly ok: true; readonly form: Form }
  | { readonly ok: false; readonly problem: FormProblem };

export async function readForm(req: IncomingMessage, allowed: readonly string[]): Promise<ReadForm> {
  if (!isUrlencoded(req.headers['content-type']) || req.headers['content-encoding'] !== undefined) {
    return { ok: false, problem: 'unsupported-type' };
  }
  if (Number(req.headers['content-length'] ?? 0) > MAX_BODY_BYTES) return { ok: false, problem: 'body-too-large' };
  const body = await readBody(req);
  if (body === undefined) return { ok: false, problem: 'body-too-large' };
  const form = parseForm(body, allowed);
  return form === undefined ? { ok: false, problem: 'bad-request' } : { ok: true, form };
}

/**
 * @returns `undefined` for a field that is not allowed, came twice, or is not well-formed percent-encoded UTF-8.
 */
export function parseForm(body: string, allowed: readonly string[]): Form | undefined {
  if (NOT_URLENCODED.test(body)) return undefined;
  const form = new Map<string, string>();
  for (const pair of body.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decode(equals === -1 ? pair : pair.slice(0, equals));
    const value = decode(equals === -1 ? '' : pair.slice(equals + 1));
    if (name === undefined || value === undefined || !allowed.includes(name) || form.has(name)) return undefined;
    form.set(name, value);
  }
  return form;
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

function isUrlencoded(contentType: string | undefined): boolean {
  const [type = '', ...parameters] = (contentType ?? '').split(';').map((part) => part.trim().toLowerCase());
  return type === 'application/x-www-form-urlencoded' && parameters.every((one) => one === 'charset=utf-8');
}

/** `undefined` when there is more than a form of ours can have. Rejects when the client goes away half-way. */
function readBody(req: IncomingMessage): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    if (req.destroyed && !req.readableEnded) return reject(new ClientGone());
    const chunks: Buffer[] = [];
    let size = 0;
    req.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_BODY_BYTES) chunks.push(chunk);
      else resolve(undefined); // what still comes is dropped; the answer closes the connection
    });
    req.once('end', () => resolve(Buffer.concat(chunks).toString('latin1')));
    req.once('error', reject);
    req.once('close', () => reject(new ClientGone()));
  });
}

/** The client left before its form was complete; nobody is there to read an answer. */
export class ClientGone extends Error {
  constructor() {
    super('the client went away before its form was complete');
    this.name = 'ClientGone';
  }
}
