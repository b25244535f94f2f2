/**
 * What the gateway knows about one application, compiled from data (config/profiles/*.yaml). Everything here is a question
 * that the request path asks; no profile runs code of its own.
 */
import type { Authorization, Identity, Naming, RouteClass, Verdict } from '../gate/types.ts';
import type { Fields } from './fields.ts';

export interface RouteQuestion {
  readonly method: string;
  /** The canonical path, decoded once (upstream target and match see the same string). */
  readonly path: string;
  readonly query: Fields;
  /** The fields of the body when it was read: urlencoded or JSON, at most 64 kB. */
  readonly form: Fields | undefined;
  /** Whether the request came to one of `hosts.public`, where the default is public and `protected` rules still hold. */
  readonly onPublicHost: boolean;
  /** Address of the client, for `service` rules. */
  readonly client: string;
  /** Name of the API client whose credential came along, for `service` rules. */
  readonly apiClient?: string | undefined;
  /** Host that was asked for, lower case and without port; a rule with `hosts` opens nothing without it. */
  readonly host?: string;
}

export interface RouteAnswer {
  readonly class: RouteClass;
  /** A login request of the profile matched. */
  readonly login?: LoginMatch;
  readonly isLogout: boolean;
  /** A password check that logs nobody in (Yii's AJAX validation): forwarded like a login, never taken for one. */
  readonly isOracle: boolean;
  /** The answer has a token of the application in it, or may have. */
  readonly givesToken?: TokenGiver;
}

export interface LoginMatch {
  /** The user name as typed; `undefined` when the field is missing or ambiguous. */
  readonly user: string | undefined;
  /** A user or password field that the application might read differently than we do (attacks 28 to 31): refuse with 400. */
  readonly ambiguous: boolean;
  /**
   * The body is of a type that is not read here, and might hold a login: 415, unless the session is verified and whoami is
   * asked again after unsafe requests. `ambiguous` is true as well, so that who does not look here refuses.
   */
  readonly unreadable?: true;
}

/** A buffered answer of the application. Header names in lower case; order and duplicates kept. */
export interface Answer {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
}

export interface Profile {
  readonly name: string;
  /** Which comes first: the login of the application, or the factor, on a page of the gateway. */
  readonly mode: 'app-first' | 'gateway-first';
  /** Path to go to when there is no better target. */
  readonly home: string;
  /** Path that a navigation without a session is sent to; the application's, and not used with `gateway-first`. */
  readonly loginPage: string;
  /** Whether the login of the page at this path (canonical) goes by script, so that ours belongs into it. */
  wantsLoginScript(path: string): boolean;
  /** What `Host` the application sees: the browser's, or the one of its own address. */
  readonly upstreamHost: 'keep' | 'rewrite';
  /** Whether a host (lower case, without port) is passed through untouched. */
  isPublicHost(host: string): boolean;
  /** Whether the fields of the body can change the answer of `route`; only then is the body read first. */
  readsBody(method: string, path: string): boolean;
  route(question: RouteQuestion): RouteAnswer;
  /** What the rules say of the answer to a login attempt. */
  judge(answer: Answer): Verdict;
  readonly whoami: Whoami | undefined;
  /** Tokens in the bodies of answers; `undefined` where the application is not known to hand out any. */
  readonly tokens: TokenRules | undefined;
  /** How to end the application's own session, in the order to try. */
  readonly signOut: readonly SignOut[];
  /** Cookies that script reads or writes and that travel both ways; everything else is vaulted. */
  isReadable(cookie: string): boolean;
  /** Cookies whose value changes with every answer and says nothing by that. */
  isRolling(cookie: string): boolean;
  /** Names in the query that could carry the application's session or a login, and are refused there. */
  isForbiddenInQuery(name: string): boolean;
  /** Names of the application's session cookies, in every spelling that PHP folds into them; refused in forms that are read. */
  isSessionName(name: string): boolean;
  /** @returns the identity, or `undefined` for a name that cannot be one (empty, too long, control characters). */
  identify(name: string): Identity | undefined;
  /** What `Authorization` is worth in the verified session of this person. @param lines every line of it, in order */
  authorization(lines: readonly string[], identity: Identity): Authorization;
  /** Whether a form field that names somebody else than whoami is a refusal. */
  readonly hintMustMatch: boolean;
}

export interface Whoami {
  readonly path: string;
  /** In a verified session: ask again after unsafe requests and changed cookies, or after changed cookies only. */
  readonly recheck: 'unsafe' | 'cookies';
  read(answer: Answer): Naming;
}

export interface FoundToken {
  readonly token: string;
  /** The body with another token in its place, and nothing of the first one. */
  putIn(ours: string): Buffer;
  /** Another text of the same answer with `ours` in the place of the token; `undefined` when a trace of it would be left. */
  cover(text: string, ours: string): string | undefined;
}

/** `login`: the address of a login, where anything may be answered with a token; `refresh`: one that the profile lists. */
export type TokenGiver = 'login' | 'refresh';

export interface TokenRules {
  /** Whether the whoami question carries the token. */
  readonly withWhoami: boolean;
  /** Whether the answer of this request may have a token. */
  gives(method: string, path: string): TokenGiver | undefined;
  /** Whether a body is looked at at all: anything else than JSON may have a token that is not seen. */
  isRead(body: Buffer): boolean;
  /** @returns `unfit` for a body that has, or may have, one that cannot be exchanged: it must not go out. */
  find(body: Buffer): FoundToken | 'unfit' | undefined;
}

export interface SignOut {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Finds the address with its token on the whoami page instead; `undefined` when the page has no such link. */
  findOn?(page: Answer): string | undefined;
}
