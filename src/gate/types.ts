/**
 * The vocabulary of the gate. Nothing here does anything: no clock, no store, no HTTP.
 * The invariants I1 to I9 and the threats T1 to T10 that comments cite are listed in SECURITY.md.
 */

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** Milliseconds since the Unix epoch, from the one clock that is passed in. */
export type Instant = number;

/** An account name of the application, already normalised by the profile (see profiles/identity.ts). */
export type Identity = Branded<string, 'Identity'>;

/** Names one accepted password (or one step-up). A proof is only good for the login that it names (I4). */
export type LoginId = Branded<string, 'LoginId'>;

/** A same-origin path with query, checked by gate/redirect.ts. The only thing we ever redirect to. */
export type ReturnPath = Branded<string, 'ReturnPath'>;

/** Every kind of proof, strongest first. Adding one: a folder in factors/, a line in its registry, a line here. */
export const FACTOR_IDS = ['passkey', 'totp', 'authy', 'verify', 'sms', 'email', 'recovery', 'bypass'] as const;
export type FactorId = (typeof FACTOR_IDS)[number];

/** Any value that survives JSON unchanged. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A factor bound to an identity (NIST: authenticator binding). `data` belongs to the factor and is secret. */
export interface Enrolment {
  readonly id: string;
  readonly factor: FactorId;
  readonly data: Json;
  readonly createdAt: Instant;
  /** Given by the person, at most 40 characters. */
  readonly name?: string;
}

/** A recovery code as it is kept: by what it is found, and a password hash of it. Never the code. */
export type RecoveryCode = { readonly index: string; readonly salt: string; readonly hash: string };

/** What is known of the browser behind a login. Shown to the person, believed by nobody. */
export interface ClientFacts {
  readonly address: string;
  /** `User-Agent`: printable, at most 256 characters. */
  readonly agent: string;
}

/** A phone number as it is stored: E.164, with the parts that the pages and Authy need. */
export interface Phone {
  /** E.164, for example `+41791234567`. */
  readonly e164: string;
  /** Calling code, digits only, for example `41`. */
  readonly callingCode: string;
  /** ISO 3166-1 alpha-2, for example `CH`. */
  readonly country: string;
}

/** One question that waits for its proof: a password that was accepted, or a step-up in a verified session. */
export interface PendingLogin {
  readonly id: LoginId;
  readonly identity: Identity;
  readonly acceptedAt: Instant;
  readonly returnTo: ReturnPath;
}

/** A factor that was checked, tied to the one login it was checked for. */
export interface Proof {
  readonly loginId: LoginId;
  readonly identity: Identity;
  readonly factor: FactorId;
  readonly at: Instant;
}

/** What the application's answer to a login attempt looked like to the profile's rules. */
export type Verdict = 'accepted' | 'rejected' | 'unsure';

/** What the application said when it was asked whose jar this is (I3). */
export type Naming =
  /** `email`: where the profile reads it; `null` where it found none, or more than one. */
  | { readonly is: 'named'; readonly identity: Identity; readonly email?: string | null }
  | { readonly is: 'nobody' }
  /** The application did not answer, or with something the profile does not know. Never read as nobody (I6). */
  | { readonly is: 'unknown'; readonly why: string };

/** Class of a route. A route that no rule names is `protected`, unless the profile says `access: public` (I1). */
export type RouteClass = 'login' | 'static' | 'public' | 'protected' | 'service';

/**
 * `Authorization` of a request in a verified session: it goes along, because it is nobody else's; it stays behind; or it names
 * another person than the one who proved a factor. `exchanged`: a token of ours, for which the application's goes along. `void`: a
 * token of ours that is none of this session, whatever its state; it goes nowhere.
 */
export type Authorization = 'own' | 'dropped' | 'foreign' | 'exchanged' | 'void';

/** How much the policy asks of an identity. */
export type PolicyLevel = 'off' | 'optional' | 'required';

export type GateErrorCode = 'illegal-transition' | 'foreign-proof';

/** A caller asked the gate for something that no request may cause. Always a bug or an attack; never shown to people. */
export class GateError extends Error {
  readonly code: GateErrorCode;
  constructor(code: GateErrorCode, detail: string) {
    super(`${code}: ${detail}`);
    this.name = 'GateError';
    this.code = code;
  }
}
