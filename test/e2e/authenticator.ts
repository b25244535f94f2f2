/**
 * The app on a person's phone: shows codes of a secret that was typed in from the page. A gateway takes each step once, so
 * the app hands each one out once, oldest acceptable first, and waits only when none is left.
 */
import { Secret, TOTP } from 'otpauth';

const PERIOD_MS = 30_000;
/** A code of the step before must not run out on its way. */
const MARGIN_MS = 6_000;

export class Authenticator {
  readonly #totp: TOTP;
  #lastStep = 0;

  /** @param secret base32, blanks allowed as the page shows them. */
  constructor(secret: string) {
    this.#totp = new TOTP({ secret: Secret.fromBase32(secret.replace(/\s/g, '')), digits: 6, period: 30 });
  }

  /** A code that the gateway must take, and has not seen. */
  async code(): Promise<string> {
    for (;;) {
      const now = Date.now();
      const current = Math.floor(now / PERIOD_MS);
      const isLate = PERIOD_MS - (now % PERIOD_MS) < MARGIN_MS;
      const step = Math.max(this.#lastStep + 1, isLate ? current : current - 1);
      if (step <= current + 1) {
        this.#lastStep = step;
        return this.#totp.generate({ timestamp: step * PERIOD_MS });
      }
      await new Promise((resolve) => setTimeout(resolve, PERIOD_MS - (now % PERIOD_MS)));
    }
  }

  /** A code that no step near now has. */
  wrongCode(): string {
    const near = [-2, -1, 0, 1, 2].map((away) => this.#totp.generate({ timestamp: Date.now() + away * PERIOD_MS }));
    const wrong = ['135790', '246801', '975310', '864209', '112233', '445566'].find((code) => !near.includes(code));
    return wrong ?? '000001';
  }
}
