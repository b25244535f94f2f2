/**
 * The own pages below `gatewayPath`: Koa, a router, nunjucks. They show what ceremonies say and decide nothing. Refusal
 * pages of the gate are rendered here too, so that everything a person sees looks alike.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { LiveSession } from '../session/live.ts';

/** What the request path already knows when a request comes to the own pages; set once, never changed. */
export interface WebScope {
  readonly requestId: string;
  /** Address of the client, as the trusted proxies tell it. */
  readonly client: string;
  readonly session: LiveSession | undefined;
  /** `User-Agent`: printable, at most 256 characters. */
  readonly agent: string;
  /** What the browser remembers of where the person wanted to go, unchecked. */
  readonly wish: string | undefined;
  /** Path below `gatewayPath`, canonical, beginning with `/`. */
  readonly path: string;
}

/** What pages say about the installation; read at each request, because a reload may change it. */
export interface Site {
  /** Name that people know the application by. */
  readonly service: string;
  /** `https://lucy.example.com`, without a slash at the end. */
  readonly publicUrl: string;
  readonly gatewayPath: string;
  /** Where the application begins, and where its login page is. */
  readonly home: string;
  readonly loginPage: string;
  /** Whom to ask when signing in does not work; plain text from the configuration. */
  readonly contact: string | undefined;
  /** ISO 3166-1 alpha-2 of the country that is selected first. */
  readonly defaultCountry: string;
  /** Whether a first method needs a ticket of an administrator. */
  readonly usesTickets: boolean;
  /** Whether any outside service is configured. */
  readonly usesProvider: boolean;
}

/** The "2FA key" of the administrator's page. Write-only: nobody gets the key back. */
export interface KeySettings {
  state(): KeyState;
  /** Saves the key in the config file, comments and order kept, and takes it into use. `null` removes it. */
  save(key: string | null, allowSharedKey: boolean): Promise<{ readonly ok: true } | KeyRefusal>;
  /** Asks the provider whether it knows the key. Only ever called by an administrator's click. */
  check(): Promise<
    | { readonly ok: true; readonly application?: string }
    | { readonly ok: false; readonly reason: 'rejected' | 'unavailable' | 'no-key' }
  >;
}

export type KeyState =
  | { readonly set: false; readonly editable: boolean }
  | { readonly set: true; readonly ending: string; readonly shared: boolean; readonly editable: boolean };

export interface KeyRefusal {
  readonly ok: false;
  readonly reason:
    | 'empty'
    | 'malformed'
    | 'shared-key-needs-switch'
    | 'set-elsewhere'
    | 'file-changed'
    | 'file-invalid'
    | 'file-unwritable';
  /** What is wrong with the file, for the administrator. */
  readonly detail?: string;
}

/** Why the gate answers itself instead of the application; each has a page and, for programs, a problem document. */
export type GatePage =
  | 'bad-request' // 400: ambiguous input (I7)
  | 'wrong-host' // 421
  | 'not-signed-in' // 401
  | 'factor-needed' // 401
  | 'other-account' // 403: the password of another account than the one that proved a factor
  | 'api-client-needed' // 401: a program, or a credential of the application, where only verified sessions go
  | 'api-client-unknown' // 401: X-2FA-Client holds no credential of ours
  | 'proof-needed' // 401: this address asks a verified session for a fresher proof
  | 'nothing-kept' // 409: a form that was kept is gone, or this session may not send it
  | 'still-kept' // 503: a form that was kept did not reach the application, and is kept on
  | 'sent-unanswered' // 502: one left, or could not be kept on, and nobody knows whether it arrived
  | 'method-not-allowed' // 405
  | 'body-too-large' // 413
  | 'unsupported-type' // 415
  | 'too-many-logins' // 429, with Retry-After
  | 'identity-unknown' // 502: the application accepted something, but does not say who it is
  | 'identity-mismatch' // 403
  | 'session-ended' // 401: the session ended while the request was on its way
  | 'upstream-unreachable' // 502
  | 'upstream-timeout' // 504
  | 'upstream-busy' // 503, with Retry-After: nothing was sent to the application
  | 'store-unavailable' // 503
  | 'internal'; // 500

export interface Web {
  /** Path below `gatewayPath` of the script for login pages of the application. */
  readonly loginScript: string;
  /** Serves one request below `gatewayPath`. Never rejects. */
  handle(req: IncomingMessage, res: ServerResponse, scope: WebScope): Promise<void>;
  /**
   * Writes a refusal of the gate, headers and all: an HTML page for a navigation, `application/problem+json` otherwise.
   * @param facts.challenge path of the prompt, for programs; facts.retryAfterMs for 429 and 503.
   */
  refuse(
    req: IncomingMessage,
    res: ServerResponse,
    page: GatePage,
    facts: {
      requestId: string;
      asPage: boolean;
      challenge?: string;
      retryAfterMs?: number;
      setCookies?: readonly string[];
    },
  ): void;
}
