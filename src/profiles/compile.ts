/**
 * From the data of a profile to the questions that a request asks of it. The order in `route` is the whole policy: an
 * explicit protected rule, then logins, then the first rule that opens, then the default (I1).
 */
import { compileAuthorization } from './authorization.ts';
import { compileBearer } from './bearer.ts';
import { condition, hasBody } from './conditions.ts';
import { compileForbiddenInQuery, compileReadable, compileRolling, compileSessionName } from './cookies.ts';
import { NO_FIELDS } from './fields.ts';
import { compileIdentity } from './identity.ts';
import { compileJudge, compileLoginRequest, compileOracle, matchLogins, strayLogin } from './login.ts';
import { anyOf, hostMatcher } from './patterns.ts';
import type { Profile, RouteAnswer, RouteQuestion } from './profile.ts';
import { remembered } from './remember.ts';
import { compileRoute, methodMatcher, type PlaceMatcher, pathMatcher } from './routes.ts';
import { type LoginData, type ProfileData, profileSchema } from './schema.ts';
import { compileSignOut } from './sign-out.ts';
import { compileWhoami } from './whoami.ts';

/** @throws ZodError when the data breaks the contract; load.ts tells where. */
export function profileFrom(raw: unknown): Profile {
  return compileProfile(profileSchema.parse(raw));
}

/** The login of an application that comes after ours: nothing of it is known here, or open. */
const UNSEEN: LoginData = { page: '/', requests: [], success: [], failure: [], script: [], ignore: [] };

/** RFC 6750 2.2 and 2.3: where an application may believe a token beside the header. What stands there is never one of ours. */
const OTHER_PLACES_OF_TOKENS = ['access_token'];

export function compileProfile(data: ProfileData): Profile {
  const login = data.login ?? UNSEEN;
  const identify = compileIdentity(data.identity);
  const rules = data.routes.map(compileRoute);
  const logins = login.requests.map(compileLoginRequest);
  const oracles = login.ignore.map(compileOracle);
  const logouts = data.logout.map((rule) => ({
    place: pathMatcher(rule.path),
    methodFits: methodMatcher(rule.method === undefined ? undefined : [rule.method]),
    when: condition(rule.when),
    readsBody: rule.when !== undefined,
  }));
  const places = logins.map(({ place }) => place);
  const tokens = login.bearer === undefined ? undefined : compileBearer(login.bearer, places);
  const tokenNames = tokens === undefined ? [] : OTHER_PLACES_OF_TOKENS;
  const passwordNames = tokens === undefined ? [] : logins.flatMap(({ jsonPassword }) => jsonPassword ?? []);
  const scripted = new Set([login.script].flat());
  const bodyPlaces: readonly PlaceMatcher[] = [
    ...rules.filter((rule) => rule.readsBody).map((rule) => rule.place),
    ...logins.filter((login) => !login.inQuery).map((login) => login.place),
    ...oracles.flatMap((oracle) => oracle.place ?? []),
    ...logouts.filter((logout) => logout.readsBody).map((logout) => logout.place),
    ...(tokens?.places ?? []),
  ];

  // Only a certain logout ends our session: `do[save]=` beside `do=logout` is how a wiki saves a page. One that was missed
  // shows in the next whoami.
  const isLogout = (question: RouteQuestion): boolean =>
    logouts.some(
      ({ place, methodFits, when }) =>
        methodFits(question.method) && place.exact(question.path) && when(question) === 'yes',
    );
  const mightBeLogin = (question: RouteQuestion): boolean => logins.some((login) => login.mightMatch(question));

  /** Nobody logs in on a campaign domain: what would be a login anywhere else is closed there, in every reading of it. */
  const onPublicHost = (question: RouteQuestion): RouteAnswer['class'] => {
    const closed = (rule: (typeof rules)[number]): boolean =>
      (rule.class === 'protected' || rule.class === 'login') && rule.mightMatch(question);
    if (rules.some(closed) || mightBeLogin(question)) return 'protected';
    if (logouts.some(({ place, when }) => place.wide(question.path) && when(question) !== 'no')) return 'protected';
    return rules.find((rule) => rule.matches(question))?.class === 'service' ? 'service' : 'public';
  };

  const onOwnHost = (question: RouteQuestion, isAttempt: boolean): RouteAnswer['class'] => {
    const rule = rules.find((candidate) => candidate.matches(question));
    if (rule?.class === 'protected') return 'protected';
    if (isAttempt) return 'login';
    // Many applications log people in at every address: each page of a public one would answer a password by itself.
    if (rule === undefined && logins.some((login) => login.mightCarry(question))) return 'protected';
    const routeClass = rule?.class ?? data.access;
    // Another case, or something after the path: not the login that we know, and nothing that is open.
    return routeClass !== 'login' && mightBeLogin(question) ? 'protected' : routeClass;
  };

  const route = (question: RouteQuestion): RouteAnswer => {
    const attempt = matchLogins(logins, question);
    const isOracle = oracles.some((oracle) => oracle.matches(question, attempt !== undefined));
    const routeClass = question.onPublicHost
      ? onPublicHost(question)
      : onOwnHost(question, attempt !== undefined || isOracle);
    const bare = { class: routeClass, isLogout: isLogout(question), isOracle };
    const gives = tokens?.gives(question.method, question.path);
    const givesToken = gives !== undefined && question.onPublicHost ? 'refresh' : gives; // nobody logs in there
    const answer: RouteAnswer = givesToken === undefined ? bare : { ...bare, givesToken };
    const told = attempt ?? (question.onPublicHost ? undefined : strayLogin(logins, question));
    return told === undefined ? answer : { ...answer, login: told };
  };

  // Most of what browsers ask for is a path without a query, and fields of a body are read for few; unless a rule wants to know
  // who asks, host, method and path say everything.
  const asksWho = data.routes.some((rule) => rule.from !== undefined || rule.clients !== undefined);
  const isBare = ({ query, form, onPublicHost, host }: RouteQuestion): boolean =>
    query === NO_FIELDS && form === undefined && host !== undefined && !onPublicHost && !asksWho;
  const bareRoute = remembered((host) =>
    remembered((method) =>
      remembered((path) => {
        const bare = { query: NO_FIELDS, form: undefined, onPublicHost: false, client: '' };
        return route({ ...bare, method, path, host });
      }),
    ),
  );

  return {
    name: data.name,
    mode: data.mode,
    home: data.home,
    loginPage: login.page,
    wantsLoginScript: scripted.size === 0 ? () => false : (path) => scripted.has(path),
    upstreamHost: data.upstreamHost,
    isPublicHost: anyOf(data.hosts.public.map(hostMatcher)),
    readsBody: (method, path) =>
      hasBody(method) && (data.access === 'public' || bodyPlaces.some((place) => place.wide(path))),
    route: (question) =>
      isBare(question) ? bareRoute(question.host ?? '')(question.method)(question.path) : route(question),
    judge: compileJudge(login),
    whoami: data.whoami === undefined ? undefined : compileWhoami(data.whoami, identify),
    tokens,
    signOut: compileSignOut(data),
    isReadable: compileReadable(data.cookies),
    isRolling: compileRolling(data.cookies),
    isForbiddenInQuery: compileForbiddenInQuery(data.cookies, logins, [...tokenNames, ...passwordNames]),
    isSessionName: compileSessionName(data.cookies, tokenNames),
    identify,
    authorization: compileAuthorization(data.authorization, identify),
    hintMustMatch: data.identity.hint === 'match',
  };
}
