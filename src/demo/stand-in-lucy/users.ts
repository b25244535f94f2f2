/**
 * The application's user table: who a typed name means, and who is locked out. Names are matched as sloppily as a database
 * collation does it. It knows nothing of sessions.
 */
import { randomBytes, randomInt } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import type { Role, StandInUser } from './options.ts';

const LOCKOUT_MS = 15 * 60_000;

export interface User {
  readonly email: string;
  readonly role: Role;
  /** Something only this user may read; what a break-in would be after. */
  readonly secret: string;
  password: string;
  phone: string;
}

/** A mail that the application would send. */
export interface Mail {
  readonly to: string;
  readonly subject: string;
  /** The code or the token in it. */
  readonly secret: string;
}

export class Users {
  readonly #users: readonly User[];
  readonly #clock: Clock;
  readonly #lockoutAfter: number;
  readonly #failures = new Map<string, { count: number; until: number }>();
  readonly mails: Mail[] = [];

  constructor(users: readonly StandInUser[], lockoutAfter: number, clock: Clock) {
    this.#users = users.map((user) => ({ ...user, phone: '', secret: `lure-${randomBytes(9).toString('hex')}` }));
    this.#lockoutAfter = lockoutAfter;
    this.#clock = clock;
  }

  all(): readonly User[] {
    return this.#users;
  }

  /** Finds the user in any spelling of case and with blanks around it. */
  find(typed: string | undefined): User | undefined {
    const name = (typed ?? '').trim().toLowerCase();
    return this.#users.find((user) => user.email.toLowerCase() === name);
  }

  check(typed: string | undefined, password: string | undefined): User | undefined {
    const user = this.find(typed);
    return user !== undefined && user.password === password ? user : undefined;
  }

  isLockedOut(address: string): boolean {
    const failures = this.#failures.get(address);
    return (
      this.#lockoutAfter > 0 &&
      failures !== undefined &&
      failures.count >= this.#lockoutAfter &&
      failures.until > this.#clock.now()
    );
  }

  countFailure(address: string): void {
    const now = this.#clock.now();
    const before = this.#failures.get(address);
    const count = before === undefined || before.until <= now ? 1 : before.count + 1;
    this.#failures.set(address, { count, until: now + LOCKOUT_MS });
  }

  clearFailures(address: string): void {
    this.#failures.delete(address);
  }

  mail(to: User, subject: string, secret: string): void {
    this.mails.push({ to: to.email, subject, secret });
    if (this.mails.length > 1000) this.mails.shift();
  }
}

export function sixDigits(): string {
  return String(randomInt(1_000_000)).padStart(6, '0');
}
