/**
 * What a factor is to the rest of the gateway. To add one: a folder here, a line in registry.ts, a variant in the config
 * schema, tests. A factor never counts guesses, never sees a session and never decides what a proof is worth.
 */
import type { Enrolment, FactorId, Identity, Instant, Json, Phone } from '../gate/types.ts';

/** Ways in which a question reaches a person who asked for it. */
export const CHANNELS = ['sms', 'call', 'whatsapp', 'email', 'push'] as const;
export type Channel = (typeof CHANNELS)[number];

export interface Person {
  readonly identity: Identity;
  readonly phone?: Phone;
}

export interface Factor {
  readonly id: FactorId;
  /** The outside service that gets data, as people should read it ("Authy, a service of Twilio"); absent when local. */
  readonly provider?: string;
  /** Digits that a code of this factor may have. */
  readonly digits: { readonly min: number; readonly max: number };
  /** Ways in which a code can be sent on request; empty when the person's own device makes it. */
  readonly channels: readonly Channel[];
  readonly needsPhone: boolean;
  /** What `begin` would send to the provider, for the page that asks before it does; empty when local. */
  discloses(person: Person): readonly Disclosure[];
  /** Starts an enrolment; nothing is active before a first right code came back. */
  begin(person: Person, now: Instant): Promise<Begun>;
  /** What the enrolment page shows, again after a reload, as long as the enrolment is a draft. */
  instructions(enrolment: Enrolment, person: Person): Promise<Instructions>;
  /**
   * @param code digits only, of a length within `digits`; checked by the caller before it comes here.
   */
  verify(enrolment: Enrolment, code: string, now: Instant): Promise<Verification>;
  /** Sends a code. `insist`: the person asked for a message although an app is registered. Never retried. */
  send(enrolment: Enrolment, channel: Channel, insist: boolean): Promise<Sending>;
  /** Tells the provider that the enrolment ended. Best effort: ours is gone whatever it answers. */
  remove(enrolment: Enrolment): Promise<void>;
  /** Whether the provider takes our key and our account, for the admin page; absent when local. Names no person. */
  checkKey?(): Promise<KeyCheck>;
}

export type KeyCheck =
  /** `name`: what the provider calls our application. */
  { readonly ok: true; readonly name?: string } | { readonly ok: false; readonly reason: ProviderTrouble };

/** Where a factor reports what an operator should see. Facts never hold a key, a code or more of a number than two digits. */
export interface FactorLog {
  warn(event: string, facts: { readonly [key: string]: Json }): void;
}

export interface Disclosure {
  readonly what: 'email' | 'phone' | 'login-time';
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
  | { readonly ok: false; readonly reason: ProviderTrouble | 'phone-missing' };

export interface Instructions {
  /** Local TOTP: what the app needs. The secret stands in groups of four. */
  readonly totp?: { readonly uri: string; readonly secret: string; readonly qrSvg: string };
  /** Last two digits of the number that a code can be sent to. */
  readonly phoneEnding?: string;
}

export type Verification =
  /** `step`: the time step that was used; the caller refuses it when it was used before (RFC 6238 5.2). */
  | { readonly ok: true; readonly step?: number }
  | { readonly ok: false; readonly reason: 'wrong' | 'replayed' | ProviderTrouble };

export type Sending =
  | { readonly sent: true; readonly ending?: string }
  | { readonly sent: false; readonly reason: 'app-instead' | 'channel-off' | ProviderTrouble };
