/**
 * `when`: fields and query parameters that a rule asks for. A condition has three outcomes, because "cannot say" opens
 * nothing and closes everything (I6, I7).
 */
import type { Fields, Lookup } from './fields.ts';
import { textMatcher } from './patterns.ts';
import type { RouteQuestion } from './profile.ts';
import type { WhenData } from './schema.ts';

export type Outcome = 'yes' | 'no' | 'doubtful';

export type Condition = (question: RouteQuestion) => Outcome;

/** Methods whose body no application reads as a form. */
const WITHOUT_BODY = new Set(['GET', 'HEAD', 'OPTIONS']);

export function hasBody(method: string): boolean {
  return !WITHOUT_BODY.has(method);
}

/** All fields of all given records must hold. Without any the outcome is yes. */
export function condition(...records: readonly (WhenData | undefined)[]): Condition {
  const wanted = records
    .flatMap((record) => Object.entries(record ?? {}))
    .map(([name, value]) => ({ name, matches: textMatcher(String(value)) }));
  return (question) => {
    let outcome: Outcome = 'yes';
    for (const { name, matches } of wanted) {
      const found = inQueryOrForm(question, name);
      if (found.found === 'ambiguous') outcome = 'doubtful';
      else if (found.found === 'never' || !matches(found.value)) return 'no';
    }
    return outcome;
  };
}

/** Query and form together, as an application that reads both would; both at once must agree. */
function inQueryOrForm(question: RouteQuestion, name: string): Lookup {
  const query = question.query.lookup(name);
  if (!hasBody(question.method)) return query;
  const form = inForm(question.form, name);
  if (query.found === 'never') return form;
  if (form.found === 'never') return query;
  if (query.found === 'once' && form.found === 'once' && query.value === form.value) return query;
  return { found: 'ambiguous' };
}

/** A body that was not read may hold anything. */
function inForm(form: Fields | undefined, name: string): Lookup {
  return form === undefined ? { found: 'ambiguous' } : form.lookup(name);
}
