/**
 * The people and tokens of the stand-in for Authy: who shares an id, which token is good, once. Knows no HTTP, and
 * nothing of it is ever used by the gateway itself: the demo and the tests speak to it over the wire.
 */
import { createHmac, randomBytes, randomInt } from 'node:crypto';
import type { Clock } from '../clock.ts';

export interface StandInUser {
  readonly id: string;
  readonly emails: Set<string>;
  /** National digits. */
  readonly cellphone: string;
  /** Calling code, digits only. */
  readonly countryCode: string;
  /** A code was right before. */
  confirmed: boolean;
  /** Has the app. */
  registered: boolean;
  removedAt?: number;
}

export type Judgement = 'valid' | 'invalid' | 'used';

interface Secrets {
  readonly app: Buffer;
  /** Texted tokens and when each ends. */
  readonly texted: Map<string, number>;
  /** Tokens that were accepted, and when they may be forgotten. */
  readonly used: Map<string, number>;
}

/** The service publishes no lifetime; ten minutes is what NIST allows at most. */
const TEXT_LIFETIME_MS = 10 * 60_000;
const APP_STEP_MS = 20_000;
/** A removed user's tokens are good for about a day more, as with the service. */
const REMOVAL_DELAY_MS = 24 * 3_600_000;
const TOKENS = 10_000_000;

export class StandInUsers {
  readonly #clock: Clock;
  readonly #users = new Map<string, StandInUser>();
  readonly #secrets = new Map<string, Secrets>();
  #lastId = 1634;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The phone is the key: the same one gives the same id, also after a removal; the e-mail is added. */
  create(email: string, countryCode: string, cellphone: string): StandInUser {
    for (const user of this.#users.values()) {
      if (user.countryCode !== countryCode || user.cellphone !== cellphone) continue;
      user.emails.add(email);
      delete user.removedAt;
      return user;
    }
    this.#lastId += 1;
    const id = String(this.#lastId);
    const user = { id, emails: new Set([email]), cellphone, countryCode, confirmed: false, registered: false };
    this.#users.set(id, user);
    this.#secrets.set(id, { app: randomBytes(20), texted: new Map(), used: new Map() });
    return user;
  }

  /** A user who was not removed. */
  find(id: string): StandInUser | undefined {
    const user = this.#users.get(id);
    return user?.removedAt === undefined ? user : undefined;
  }

  remove(id: string): boolean {
    const user = this.find(id);
    if (user === undefined) return false;
    user.removedAt = this.#clock.now();
    return true;
  }

  /** A user whose tokens may still be judged. */
  judged(id: string): StandInUser | undefined {
    const user = this.#users.get(id);
    if (user?.removedAt === undefined) return user;
    return this.#clock.now() - user.removedAt < REMOVAL_DELAY_MS ? user : undefined;
  }

  /** A fresh token for a text or a call; earlier ones stay good. */
  textToken(id: string): string {
    const token = String(randomInt(TOKENS)).padStart(7, '0');
    this.#secretsOf(id).texted.set(token, this.#clock.now() + TEXT_LIFETIME_MS);
    return token;
  }

  /** What the app of the user shows now. */
  appToken(id: string): string {
    return this.#appTokenAt(id, Math.floor(this.#clock.now() / APP_STEP_MS));
  }

  judge(user: StandInUser, token: string): Judgement {
    const { texted, used } = this.#secretsOf(user.id);
    const now = this.#clock.now();
    for (const [old, end] of used) if (end <= now) used.delete(old);
    if (used.has(token)) return 'used';

    const end = texted.get(token);
    const byText = end !== undefined && end > now;
    if (!byText && !this.#isAppToken(user, token, now)) return 'invalid';
    texted.delete(token);
    used.set(token, now + TEXT_LIFETIME_MS);
    user.confirmed = true;
    return 'valid';
  }

  #isAppToken(user: StandInUser, token: string, now: number): boolean {
    if (!user.registered) return false;
    const step = Math.floor(now / APP_STEP_MS);
    return [step - 1, step, step + 1].some((near) => this.#appTokenAt(user.id, near) === token);
  }

  #appTokenAt(id: string, step: number): string {
    const digest = createHmac('sha256', this.#secretsOf(id).app).update(String(step)).digest();
    return String(digest.readUInt32BE(0) % TOKENS).padStart(7, '0');
  }

  #secretsOf(id: string): Secrets {
    const secrets = this.#secrets.get(id);
    if (secrets === undefined) throw new RangeError(`the stand-in has no user ${id}`);
    return secrets;
  }
}
