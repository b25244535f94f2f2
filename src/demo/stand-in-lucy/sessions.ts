/**
 * PHP sessions as PHP keeps them: any well-formed id that a browser sends is adopted, and whoever has the id is the user.
 * It never checks where an id came from.
 */
import { randomBytes } from 'node:crypto';
import type { User } from './users.ts';

/** Sessions kept, so that a demo that runs for days does not grow. */
const MAX_SESSIONS = 50_000;

export interface AppSession {
  user?: User;
  /** Where the person wanted to go before the login page came. */
  returnUrl?: string;
  /** Password accepted, the application's own code still open. */
  awaiting?: { user: User; remember: boolean; code: string; triesLeft: number; until: number };
  captcha?: { text: string; triesLeft: number };
}

export class Sessions {
  readonly #sessions = new Map<string, AppSession>();

  /** The session of this id, made when there is none: PHP without `session.use_strict_mode`. */
  adopt(id: string): AppSession {
    const known = this.#sessions.get(id);
    if (known !== undefined) return known;
    const fresh: AppSession = {};
    this.#sessions.set(id, fresh);
    if (this.#sessions.size > MAX_SESSIONS) {
      const oldest = this.#sessions.keys().next().value;
      if (oldest !== undefined) this.#sessions.delete(oldest);
    }
    return fresh;
  }

  /** Gives the session a new id; the old one is dead. */
  rename(from: string, to: string): void {
    const session = this.adopt(from);
    this.#sessions.delete(from);
    this.#sessions.set(to, session);
  }

  destroy(id: string): void {
    this.#sessions.delete(id);
  }

  loggedIn(): { id: string; email: string }[] {
    const found: { id: string; email: string }[] = [];
    for (const [id, session] of this.#sessions) {
      if (session.user !== undefined) found.push({ id, email: session.user.email });
    }
    return found;
  }
}

/** Whether PHP's session module takes this as an id. */
export function isSessionId(text: string | undefined): text is string {
  return text !== undefined && /^[A-Za-z0-9,-]{1,128}$/.test(text);
}

export function newSessionId(): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz012345';
  return [...randomBytes(26)].map((byte) => alphabet[byte & 31]).join('');
}
