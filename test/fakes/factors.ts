/**
 * Two small kinds of factor: codes that the gateway sends, and keys that answer a challenge. They show what a factor may rely
 * on, and let the ceremonies be tried without a provider.
 */
import type { Asked, Factor, Look, Verification } from '../../src/factors/factor.ts';
import { issue, judge } from '../../src/factors/issued.ts';
import type { Enrolment } from '../../src/gate/types.ts';

const none = {
  needs: 'nothing',
  several: false,
  discloses: () => [],
  begin: async () => ({ ok: true, data: null }),
  instructions: async () => ({}),
  remove: async () => undefined,
} as const satisfies Partial<Factor>;

/** Sends codes of six digits; an approval in an app, too, when `look` says how it stands. */
export class SentCodes {
  readonly sent: { readonly to: Enrolment; readonly question: string; readonly code: string }[] = [];
  stands: Look = { is: 'waiting' };
  looks = 0;
  readonly #mac: (label: string, text: string) => Buffer;

  constructor(mac: (label: string, text: string) => Buffer) {
    this.#mac = mac;
  }

  get last(): string {
    return this.sent.at(-1)?.code ?? '';
  }

  get factor(): Factor {
    return {
      ...none,
      id: 'sms',
      answer: 'digits',
      digits: { min: 6, max: 6 },
      channels: ['sms', 'push'],
      singleUse: 'success',
      send: async (asked: Asked) => {
        const { code, state } = issue({ mac: this.#mac }, asked, 6);
        this.sent.push({ to: asked.enrolment, question: asked.question, code });
        return { sent: true, open: { state, lifeMs: 300_000 } };
      },
      verify: async (asked: Asked, code: string): Promise<Verification> => {
        const judged = judge({ mac: this.#mac }, asked, code);
        return judged === 'right' ? { ok: true } : { ok: false, reason: judged };
      },
      look: async () => {
        this.looks += 1;
        return this.stands;
      },
    };
  }
}

/** A key answers the challenge that it was shown, with the name that it was enrolled under. */
export class Keys {
  #challenges = 0;
  /** A signature counter as WebAuthn has it; absent: the key has none. */
  counter: number | undefined;

  answer(key: string, challenge: unknown): string {
    return JSON.stringify([key, challenge]);
  }

  get factor(): Factor {
    return {
      ...none,
      id: 'passkey',
      answer: 'assertion',
      digits: { min: 0, max: 0 },
      channels: [],
      several: true,
      singleUse: 'answer',
      send: async () => ({ sent: false, reason: 'channel-off' }),
      open: async () => {
        this.#challenges += 1;
        return { ok: true, state: `c${this.#challenges}`, shown: `c${this.#challenges}`, lifeMs: 300_000 };
      },
      verify: async ({ enrolment, others, purpose, state }: Asked, answer: string): Promise<Verification> => {
        const [key, challenge] = JSON.parse(answer) as [string, unknown];
        if (challenge !== state) return { ok: false, reason: 'wrong' };
        if (purpose === 'enrol') return { ok: true, data: key };
        const found = [enrolment, ...others].find(({ data }) => data === key);
        if (found === undefined) return { ok: false, reason: 'wrong' };
        return { ok: true, enrolment: found.id, ...(this.counter === undefined ? {} : { step: this.counter }) };
      },
    };
  }
}
