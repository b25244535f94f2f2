/**
 * Everything that is known of one request when the gate is asked, and how it is put together. Pure, but for reading the
 * request; HTTP and upgrades use the same functions, so that they cannot come to differ.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from './clock.ts';
import type { Budget } from './gate/attempts.ts';
import { shownToken } from './gate/bearer.ts';
import type { Asked } from './gate/decide.ts';
import type { DemandedProof } from './gate/proof-age.ts';
import type { Session } from './gate/session.ts';
import type { Authorization } from './gate/types.ts';
import type { TakenForm } from './login/kept-forms.ts';
import type { FormRead } from './profiles/fields.ts';
import type { Profile, RouteAnswer } from './profiles/profile.ts';
import type { BodyStart } from './request/body.ts';
import type { ApiClients } from './request/client-credential.ts';
import type { Scope, ScopeRules } from './request/scope.ts';
import { mayHideAnother, readCookies, type SentCookies } from './session/cookie.ts';
import type { LiveSession } from './session/live.ts';
import { type Framing, requestHeaders } from './upstream/request-headers.ts';
import type { FlatHeaders } from './upstream/upstream.ts';
import type { GatePage } from './web/web.ts';

/** What a reload may change; replaced as a whole, never edited. */
export interface Settings {
  readonly profile: Profile;
  readonly publicUrl: URL;
  readonly gatewayPath: string;
  /** By what a request is read. */
  readonly scopeRules: ScopeRules;
  /** Whether the policy trusts the network of this address. */
  readonly isTrustedPlace: (client: string) => boolean;
  /** Login attempts per client address (per /64 for IPv6). */
  readonly loginBudgets: readonly Budget[];
  readonly apiClients: ApiClients;
  /** How old a proof may be at an address, in ms; `undefined` where no route demands one. Absent without any such rule. */
  readonly demands?: Demands | undefined;
}

export type Demands = (method: string, path: string) => number | undefined;

/** What is known of a request by itself, before anybody was asked whose it is. */
export interface Arrival {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** A form that was kept, and is sent now. */
  readonly resumed: TakenForm | undefined;
  readonly scope: Scope;
  readonly settings: Settings;
  readonly cookies: SentCookies;
  /** Name of the API client whose credential came along. */
  readonly apiClient: string | undefined;
}

/** Everything that is known of one request when the gate has decided. */
export interface Way extends Arrival {
  readonly session: LiveSession | undefined;
  readonly route: RouteAnswer;
  readonly start: BodyStart | undefined;
  readonly form: FormRead | undefined;
  readonly queryMayLogIn: boolean;
  /** The application's token, for which one of ours was shown in this verified session. */
  readonly token: string | undefined;
}

/** Whether a body that may hold a login can be judged at all; if not, it is refused, not guessed at (I7). */
export function doubtOf(
  route: RouteAnswer,
  start: BodyStart | undefined,
  form: FormRead | undefined,
  isVerified: boolean,
  profile: Profile,
): GatePage | undefined {
  if (form?.read === 'fields' && form.fields.names().some((name) => profile.isSessionName(name))) return 'bad-request';
  if (route.givesToken !== undefined && start?.complete === false) return 'body-too-large';
  const rechecked = isVerified && profile.whoami?.recheck === 'unsafe';
  if (route.login?.unreadable === true && !rechecked)
    return start?.complete === false ? 'body-too-large' : 'unsupported-type';
  if (route.login !== undefined && route.login.unreadable !== true && route.login.ambiguous) return 'bad-request';
  if (isVerified) return undefined;
  if (form?.read === 'refused' && route.class === 'login') return 'bad-request';
  return start?.complete === false && route.class === 'login' ? 'body-too-large' : undefined;
}

/** What the policy demands of a request by its address. */
export function demandOf(
  { demands }: Settings,
  method: string,
  { target }: Scope,
  clock: Clock,
): DemandedProof | undefined {
  if (demands === undefined) return undefined;
  const withinMs = demands(method, target.path);
  return withinMs === undefined ? undefined : { withinMs, now: clock.now() };
}

export function askedOf(
  { req, scope }: Pick<Arrival, 'req' | 'scope'>,
  route: RouteAnswer,
  { authorization, isUpgrade, proof }: Pick<Asked, 'authorization' | 'isUpgrade' | 'proof'>,
): Asked {
  return {
    authorization,
    route: route.class,
    method: req.method ?? 'GET',
    isLogin: (route.login !== undefined && route.login.unreadable !== true) || route.isOracle,
    isLogout: route.isLogout,
    isNavigation: scope.isNavigation,
    isUpgrade,
    givesToken: route.givesToken,
    proof,
  };
}

/** What a request shows in `Authorization`, and the application's token that it stands for. */
export interface ShownCredential {
  readonly authorization: Authorization;
  readonly token?: string | undefined;
}

/** Whether a token of ours is shown of which this session knows nothing, as far as it is held here. */
export function showsUnknownToken({ headers }: IncomingMessage, { jar }: LiveSession): boolean {
  if (headers.authorization === undefined) return false;
  const shown = shownToken([headers.authorization]);
  return shown.is === 'ours' && jar.bearers.tokenFor(shown.text) === undefined;
}

const NONE: ShownCredential = { authorization: 'dropped' };

/** @param live the session whose state this is; without it, or when it ended, the state is anonymous */
export function credentialOf(
  req: IncomingMessage,
  state: Session,
  live: LiveSession | undefined,
  profile: Profile,
): ShownCredential {
  if (req.headers.authorization === undefined) return NONE;
  const { rawHeaders } = req;
  // Node keeps the first of two; the application would get both.
  const lines = rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === 'authorization');
  if (profile.tokens !== undefined) {
    const shown = shownToken(lines);
    const token =
      shown.is === 'ours' && state.state === 'verified' ? live?.jar.bearers.tokenFor(shown.text) : undefined;
    if (token !== undefined) return { authorization: 'exchanged', token };
    if (shown.is !== 'other') return { authorization: 'void' };
  }
  return state.state === 'verified' ? { authorization: profile.authorization(lines, state.identity) } : NONE;
}

/** Path below the reserved prefix, on our own host; `undefined` for everything that is the application's. */
export function ownPathOf(scope: Scope, gatewayPath: string): string | undefined {
  const { path } = scope.target;
  if (scope.onPublicHost || !path.startsWith(gatewayPath)) return undefined;
  if (path.length === gatewayPath.length) return '/';
  return path.charCodeAt(gatewayPath.length) === 47 ? path.slice(gatewayPath.length) : undefined;
}

/** Path of a page that the gate sends people to. */
export type GateTarget = 'login' | 'challenge' | 'enrol';

export function pageOf(page: GateTarget, settings: Settings): string {
  if (page === 'login') return signInPage(settings.profile, settings.gatewayPath);
  return `${settings.gatewayPath}/${page === 'challenge' ? 'challenge' : 'account'}`;
}

/** Page of ours that asks for a fresh proof and leads on from there. @param to path of our own origin */
export function stepUpPath({ gatewayPath }: Settings, to: string): string {
  return `${gatewayPath}/step-up?${new URLSearchParams({ to })}`;
}

/** Where people sign in: at the application, or at ours before it. */
export function signInPage(profile: Pick<Profile, 'mode' | 'loginPage'>, gatewayPath: string): string {
  return profile.mode === 'gateway-first' ? `${gatewayPath}/entrance` : profile.loginPage;
}

/** The last Cookie line of a connection and what was read in it: browsers send the same one with every request. */
interface LastCookies {
  readonly line: string;
  readonly profile: Profile;
  readonly onPublicHost: boolean;
  readonly cookies: SentCookies;
}

const lastOf = new WeakMap<object, LastCookies>();

/** Our cookie and the readable ones. */
export function cookiesOf(req: IncomingMessage, scope: Scope, profile: Profile, cookieName: string): SentCookies {
  const line = req.headers.cookie ?? '';
  const { onPublicHost } = scope;
  const last = lastOf.get(req.socket);
  if (last?.line === line && last.profile === profile && last.onPublicHost === onPublicHost) return last.cookies;
  const cookies = freshCookiesOf(req, scope, profile, cookieName);
  lastOf.set(req.socket, { line, profile, onPublicHost, cookies });
  return cookies;
}

/** A public host is another site to the browser; a session of ours has no business there. */
function freshCookiesOf(req: IncomingMessage, scope: Scope, profile: Profile, cookieName: string): SentCookies {
  const isReadable = (name: string, value: string): boolean =>
    scope.onPublicHost || (profile.isReadable(name) && !mayHideAnother(value));
  const cookies = readCookies(req.headers.cookie, cookieName, isReadable);
  return scope.onPublicHost ? { ...cookies, key: undefined } : cookies;
}

export interface HeaderNeeds {
  readonly cookie: string | undefined;
  readonly framing: Framing;
  /** `Authorization` goes along: on a service route, or where it is this person's own. */
  readonly credentials?: boolean;
  /** The application's token, for one of ours. */
  readonly bearer?: string | undefined;
  /** A login exchange: the answer must come in the clear. */
  readonly identityEncoding?: boolean;
}

/** The headers that the application sees. @param upstreamHost host and port of its own address, for `upstreamHost: rewrite`. */
export function headersFor(
  way: Pick<Way, 'req' | 'scope' | 'settings'>,
  upstreamHost: string,
  needs: HeaderNeeds,
): FlatHeaders {
  const { req, scope, settings } = way;
  return requestHeaders(req.rawHeaders, {
    host: settings.profile.upstreamHost === 'keep' ? scope.host : upstreamHost,
    forwardedFor: scope.client,
    forwardedProto: scope.proto,
    forwardedHost: scope.host,
    forwardedPort: scope.port,
    cookie: needs.cookie,
    credentials: needs.credentials ?? false,
    bearer: needs.bearer,
    identityEncoding: needs.identityEncoding ?? false,
    framing: needs.framing,
  });
}

export function newRequestId(): string {
  return randomBytes(9).toString('base64url');
}
