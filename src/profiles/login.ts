/**
 * What a login attempt looks like, and what the answer to it says. A user or password field that the application might
 * read differently than we do is told, never chosen from (attacks 28 to 31). Nothing here believes the form.
 */
import type { Verdict } from '../gate/types.ts';
import { type Condition, condition, hasBody } from './conditions.ts';
import type { Fields, Lookup, ParsedFields } from './fields.ts';
import { Page } from './page.ts';
import type { Answer, LoginMatch, RouteQuestion } from './profile.ts';
import { methodMatcher, type PlaceMatcher, pathMatcher } from './routes.ts';
import { compileRule } from './rules.ts';
import type { LoginData, LoginRequestData } from './schema.ts';

export interface LoginRequest {
  readonly place: PlaceMatcher;
  readonly kind: 'urlencoded' | 'json';
  /** Credentials in the query of a GET; the body is never looked at then. */
  readonly inQuery: boolean;
  /** Names that must not stand in a query, where the application might prefer them. */
  readonly names: readonly string[];
  /** The name of a password in JSON; in a query, of a GET too, an obliging application might take it. */
  readonly jsonPassword: string | undefined;
  match(question: RouteQuestion): LoginMatch | undefined;
  /** Whether another reading of the same request would be a login; it is then closed, not judged. */
  mightMatch(question: RouteQuestion): boolean;
  /** Fields of this login at an address or by a method that only some servers take for its own: `/login.php/x`, `/LOGIN.PHP`. */
  stray(question: RouteQuestion): LoginMatch | undefined;
  /** Whether the body may hold this password, whatever the address; one that was not read may. */
  mightCarry(question: RouteQuestion): boolean;
}

const UNREADABLE: LoginMatch = { user: undefined, ambiguous: true, unreadable: true };

export function compileLoginRequest(data: LoginRequestData): LoginRequest {
  const place = pathMatcher(data.path);
  const methodFits = methodMatcher([data.method]);
  const when = condition(data.when);
  const kind = data.json === undefined ? 'urlencoded' : 'json';
  const { user, password } = data.json ?? data.form ?? { user: '', password: '' };
  const inQuery = !hasBody(data.method);

  const read = (question: RouteQuestion): LoginMatch | undefined => {
    const may = when(question);
    if (may === 'no') return undefined;
    const fields = inQuery ? question.query : question.form;
    if (fields === undefined || kindOf(fields) !== kind) return UNREADABLE;
    const asked = { user: fields.lookup(user), password: fields.lookup(password) };
    const doubled = !inQuery && [user, password].some((name) => question.query.lookup(name).found !== 'never');
    // A form without a password is some other form of the same address: with it neither `u` nor `q` is a login.
    if (asked.password.found === 'never' && !doubled) return undefined;
    const ambiguous =
      doubled || may === 'doubtful' || asked.user.found === 'ambiguous' || asked.password.found === 'ambiguous';
    return { user: ambiguous ? undefined : single(asked.user), ambiguous };
  };

  const isWide = ({ method, path }: RouteQuestion): boolean => inQuery !== hasBody(method) && place.wide(path);
  const isExact = ({ method, path }: RouteQuestion): boolean => methodFits(method) && place.exact(path);

  return {
    place,
    kind,
    inQuery,
    names: data.json === undefined && !inQuery ? [user, password] : [],
    jsonPassword: data.json === undefined || inQuery ? undefined : password.slice(password.lastIndexOf('/') + 1),
    match: (question) => (isExact(question) ? read(question) : undefined),
    mightMatch: (question) => isWide(question) && read(question) !== undefined,
    stray: (question) => (isWide(question) && !isExact(question) ? read(question) : undefined),
    mightCarry: ({ form, method }) =>
      !inQuery &&
      hasBody(method) &&
      (form === undefined || (kindOf(form) === kind && form.lookup(password).found !== 'never')),
  };
}

/** What all entries together say: they are several forms of one application, and it may read any of them. */
export function matchLogins(logins: readonly LoginRequest[], question: RouteQuestion): LoginMatch | undefined {
  const found = logins.flatMap((login) => {
    const match = login.match(question);
    return match === undefined ? [] : [{ match, kind: login.kind }];
  });
  const { form } = question;
  const here = logins.filter((login) => login.place.exact(question.path));
  const isListed = form !== undefined && here.some((login) => !login.inQuery && login.kind === kindOf(form));
  // A JSON body is no riddle for the form's entry when another entry says what JSON means here.
  const matches = found.map(({ match }) => match).filter((match) => match.unreadable === undefined || !isListed);
  const [first, ...others] = matches;
  if (first === undefined) return undefined;
  const doubtful = matches.find((match) => match.ambiguous);
  if (doubtful !== undefined) return doubtful;
  return others.every((other) => other.user === first.user) ? first : { user: undefined, ambiguous: true };
}

/** Never judged, because it may be none; never let through either, because it may be one, and in a verified session, too. */
export function strayLogin(logins: readonly LoginRequest[], question: RouteQuestion): LoginMatch | undefined {
  const found = logins.flatMap((login) => login.stray(question) ?? []);
  if (found.length === 0) return undefined;
  return found.every((match) => match.unreadable === true) ? UNREADABLE : { user: undefined, ambiguous: true };
}

function single(lookup: Lookup): string | undefined {
  return lookup.found === 'once' ? lookup.value : undefined;
}

function kindOf(fields: Fields & Partial<Pick<ParsedFields, 'kind'>>): 'urlencoded' | 'json' {
  return fields.kind ?? 'urlencoded';
}

export interface Oracle {
  readonly place: PlaceMatcher | undefined;
  /** Path and method are of its own, or those of a login request. */
  matches(question: RouteQuestion, isLoginRequest: boolean): boolean;
}

/** Only an exact and unambiguous match is an oracle: anything else is judged as a login. */
export function compileOracle(data: LoginData['ignore'][number]): Oracle {
  const place = data.path === undefined ? undefined : pathMatcher(data.path);
  const fields: Condition = condition(data.when, data.form);
  const body: Condition = condition(data.json);
  const methodFits = methodMatcher([data.method]);
  return {
    place,
    matches(question, isLoginRequest) {
      if (!methodFits(question.method)) return false;
      if (place === undefined ? !isLoginRequest : !place.exact(question.path)) return false;
      return fields(question) === 'yes' && body(question) === 'yes';
    },
  };
}

/** A failure rule is asked too when a success rule matched: two answers at once are none (I6). */
export function compileJudge(login: LoginData): (answer: Answer) => Verdict {
  const success = login.success.map((rule) => compileRule(rule, login.page));
  const failure = login.failure.map((rule) => compileRule(rule, login.page));
  return (answer) => {
    const page = new Page(answer);
    const accepted = success.some((holds) => holds(page));
    const rejected = failure.some((holds) => holds(page));
    if (accepted === rejected) return 'unsure';
    return accepted ? 'accepted' : 'rejected';
  };
}
