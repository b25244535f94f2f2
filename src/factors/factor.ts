/**
 * What a factor is to the rest of the gateway. To add one: a folder here, a line in registry.ts, a variant in the config
 * schema, tests. A factor never counts guesses, never sees a session and never decides what a proof is worth.
 */
import type { ClientFacts, Enrolment, FactorId, Identity, Instant, Json, Phone, RecoveryCode } from '../gate/types.ts';

/** Ways in which a question reaches a person who asked for it. */
export const CHANNELS = ['sms', 'call', 'whatsapp', 'email', 'push'] as const;
export type Channel = (typeof CHANNELS)[number];

export interface Person {
  readonly identity: Identity;
  readonly phone?: Phone;
  /** As the application or an administrator knows it; never what somebody typed at a login. */
  readonly email?: string;
}

/** `first-method`: to show whose account it is, before anything is set up. */
export type Purpose = 'login' | 'step-up' | 'enrol' | 'first-method';

/**
 * What an answer looks like: digits that a person reads somewhere, a code on paper, one that an administrator told, or what a
 * browser makes of a key (JSON).
 */
export type AnswerKind = 'digits' | 'recovery-code' | 'bypass-code' | 'assertion';

/** What one check is about. Made by the ceremony from the session, never from a request (I4). */
export interface Asked {
  readonly enrolment: Enrolment;
  /** The person's other enrolments of this factor: where one may have several, any of them may answer. */
  readonly others: readonly Enrolment[];
  readonly person: Person;
  readonly purpose: Purpose;
  /** The pending login, step-up or draft that an answer is good for. */
  readonly question: string;
  readonly from?: ClientFacts;
  /** What `send` or `open` gave for this question and enrolment; absent: nothing is open, or it has expired. */
  readonly state?: Json;
  readonly now: Instant;
}

/** What asks at the prompt, and judges what is answered. */
export interface Judge {
  readonly id: FactorId;
  /** The outside service that gets data, as people should read it ("Authy, a service of Twilio"); absent when local. */
  readonly provider?: string;
  readonly answer: AnswerKind;
  /** Digits that a code of this factor may have; zero where answers are no digits. */
  readonly digits: { readonly min: number; readonly max: number };
  /** Ways in which a question can be sent on request; empty when the person's own device makes the code. */
  readonly channels: readonly Channel[];
  /**
   * Whether answers need the state of an open question, and what uses it up: one right answer (`success`) or any answer
   * (`answer`). `none`: the caller keeps nothing (codes of an app, codes that a provider judges).
   */
  readonly singleUse: 'none' | 'success' | 'answer';
  /**
   * Where the provider keeps one question for each address or number, whoever asks: after how many wrong answers it shuts that for
   * everybody. Absent: one question has nothing to do with another.
   */
  readonly checksPerAddress?: number;
  /** @param answer of the right shape for its kind, at most 12 kB; checked before it comes here. */
  verify(asked: Asked, answer: string): Promise<Verification>;
  /** Sends a code or a request. `insist`: the person asked for a message although an app is registered. Never retried. */
  send(asked: Asked, channel: Channel, insist: boolean): Promise<Sending>;
  /** Makes the question that the page shows (WebAuthn options); only where `answer` is `assertion`. */
  open?(asked: Asked): Promise<Opened>;
  /** How a request in an app stands; only where `channels` has `push`. Asked with the state that `send` gave. */
  look?(asked: Asked): Promise<Look>;
}

export interface Factor extends Judge {
  /** What must be known of a person before an enrolment can begin. */
  readonly needs: 'nothing' | 'phone' | 'email';
  /** Whether a person may have several; otherwise a new one replaces the old one. */
  readonly several: boolean;
  /** What `begin` would send to the provider, for the page that asks before it does; empty when local. */
  discloses(person: Person): readonly Disclosure[];
  /**
   * Starts an enrolment; nothing is active before a first right answer came back. Where messages are sent, `data` says
   * where to: the budget of an address or number is counted by it.
   */
  begin(person: Person, now: Instant): Promise<Begun>;
  /** What the enrolment page shows, again after a reload, as long as the enrolment is a draft. */
  instructions(enrolment: Enrolment, person: Person): Promise<Instructions>;
  /** Whether two enrolments are one thing, which only one account may have (one key, for example). Absent: never. */
  isSame?(one: Json, other: Json): boolean;
  /**
   * What stands in for the enrolment of a name that has none, where nobody may be told that: always the same for a name, and
   * judged like a real one. Whoever asks for it takes no answer to it for a proof.
   */
  decoy?(identity: Identity): Json;
  /**
   * What a question to a stranger names, given what the account has, or its decoy: as much for every name, in no order that
   * tells anything. Only where questions name what an account has.
   */
  crowd?(identity: Identity, own: readonly Json[]): readonly Json[];
  /** Tells the provider that the enrolment ended. Best effort: ours is gone whatever it answers. */
  remove(enrolment: Enrolment): Promise<void>;
  /** Reads a call of the provider to us; only where it may call. What it is about is a hint: nobody is let in by it. */
  called?(callback: Callback): Called;
  /** Whether the provider takes our key and our account, for the admin page; absent when local. Names no person. */
  checkKey?(): Promise<KeyCheck>;
  /** Ends connections; calls under way are waited for, within their time limit. */
  close?(): Promise<void>;
}

/** Codes on paper. Nobody enrols them by themselves: they come with the first factor, and stand in for a lost one. */
export interface RecoveryCodes extends Judge {
  make(identity: Identity): Promise<MadeCodes>;
}

/** Codes that an administrator tells a person who lost every method. Kept nowhere. */
export interface BypassCodes extends Judge {
  make(identity: Identity, now: Instant): MadeBypass;
}

export interface MadeBypass {
  readonly code: string;
  /** As the code says it, in whole seconds. */
  readonly madeAt: Instant;
  readonly until: Instant;
}

/** `shown` is for the one page that shows them; `kept` is all that is stored. */
export interface MadeCodes {
  readonly shown: readonly string[];
  readonly kept: readonly RecoveryCode[];
}

/** `shown` goes to the page and is no secret; `state` stays here until the answer. */
export type Opened =
  | { readonly ok: true; readonly state: Json; readonly shown: Json; readonly lifeMs: number }
  | { readonly ok: false; readonly reason: ProviderTrouble };

export type Look =
  | { readonly is: 'waiting' | 'approved' | 'denied' | 'expired' }
  | { readonly is: 'unknown'; readonly reason: ProviderTrouble };

/** A call of a provider to us, as it came. */
export type Callback = {
  /** Our address as the provider was told it, without a query: from the configuration, never from a request. */
  readonly url: string;
  /** All values of a header, by its name in lower case. */
  readonly header: (name: string) => readonly string[];
} & (
  | { readonly method: 'GET' /** As it stands in the address. */; readonly query: string }
  | { readonly method: 'POST'; readonly json: Json }
);

export type Called =
  /**
   * Signed with our key. `about`: the `calledBy` of a question, perhaps of none that anybody knows; absent when it is about
   * no question at all. `signature`: no two calls have the same.
   */
  | { readonly ok: true; readonly about?: string; readonly signedAt: Instant; readonly signature: string }
  | { readonly ok: false; readonly reason: 'malformed' | 'signature' };

/** Sends a mail of ours. Never throws; `sent` only after the other side took it. */
export interface Mailer {
  send(mail: { readonly to: string; readonly subject: string; readonly text: string }): Promise<Mailed>;
}

export type Mailed = { readonly sent: true } | { readonly sent: false; readonly reason: ProviderTrouble };

export type KeyCheck =
  /** `name`: what the provider calls our application. */
  { readonly ok: true; readonly name?: string } | { readonly ok: false; readonly reason: ProviderTrouble };

/** Where a factor reports what an operator should see. Facts never hold a key, a code or more of a number than two digits. */
export interface FactorLog {
  warn(event: string, facts: { readonly [key: string]: Json }): void;
}

export interface Disclosure {
  readonly what: 'email' | 'phone' | 'login-time' | 'address' | 'browser';
  readonly value?: string;
}

/** Why a provider could not do what it was asked; each has one sentence in web/outcomes.ts. */
export type ProviderTrouble =
  /** Time-out, 5xx, 429, not JSON: the person did nothing wrong and loses no attempt. */
  | 'unavailable'
  /** Our key, our account, our settings: an operator must act; for the person the same as unavailable. */
  | 'misconfigured'
  /** The provider does not know this enrolment any more. */
  | 'gone'
  /** The number cannot be used: invalid, landline, blocked country, opted out. */
  | 'number'
  /** The provider's own limit for this person. */
  | 'limited';

export type Begun =
  | { readonly ok: true; readonly data: Json }
  | { readonly ok: false; readonly reason: ProviderTrouble | 'phone-missing' | 'email-missing' };

export interface Instructions {
  /** Local TOTP: what the app needs. The secret stands in groups of four. */
  readonly totp?: { readonly uri: string; readonly secret: string; readonly qrSvg: string };
  /** Last two digits of the number that a code can be sent to. */
  readonly phoneEnding?: string;
}

/** `expired`: nothing is open any more. `superseded`: right, for an older message. Neither costs a guess. */
export type Verification =
  /**
   * `step`: must be higher than every one before it (a time step of RFC 6238, a signature counter of WebAuthn, where zero
   * may stay zero). `data`:
   * replaces the draft's own, at enrolment only. `enrolment`: the id of which one answered, when it was one of the others.
   * `spends`: the hash of the recovery code that must be used up with this. `vouchedAt`: when an administrator made what was
   * entered, which must be used up as well, with all that were made before.
   */
  | {
      readonly ok: true;
      readonly step?: number;
      readonly data?: Json;
      readonly enrolment?: string;
      readonly spends?: string;
      readonly vouchedAt?: Instant;
    }
  | { readonly ok: false; readonly reason: 'wrong' | 'replayed' | 'expired' | 'superseded' | ProviderTrouble };

export type Sending =
  /**
   * `state`: what the answer will be judged by, for `lifeMs` ms; it replaces the one of an earlier message. `shown` goes to
   * the page and is no secret.
   */
  | { readonly sent: true; readonly ending?: string; readonly open?: SentQuestion }
  | { readonly sent: false; readonly reason: 'app-instead' | 'channel-off' | ProviderTrouble };

export interface SentQuestion {
  readonly state: Json;
  readonly shown?: Json;
  readonly lifeMs: number;
  /** What the provider will call it by when it calls us; absent when it will not. */
  readonly calledBy?: string;
}
