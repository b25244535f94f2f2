/**
 * A double click, a reload or an impatient second Enter is the same attempt: it gets the answer of the first and spends no
 * second guess. Only for the very same code in the very same session, and only for two seconds.
 */
import type { Proved } from '../ceremonies/ceremonies.ts';
import type { Refusal, RefusalCode } from '../ceremonies/outcomes.ts';
import type { Clock } from '../clock.ts';
import type { LiveSession } from '../session/live.ts';

type Answer = Proved | Refusal;

interface Attempt {
  readonly what: string;
  readonly answer: Promise<Answer>;
  /** When it was answered; `undefined` while the check runs. */
  answeredAt: number | undefined;
}

const SAME_MS = 2000;
/** What the same code gets again. */
const SAME_AGAIN: ReadonlySet<RefusalCode> = new Set(['code-wrong', 'code-replayed', 'entrance-refused']);

export class AttemptOnce {
  readonly #clock: Clock;
  readonly #last = new WeakMap<LiveSession, Attempt>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param what names the attempt: the way and the code. */
  run(session: LiveSession, what: string, check: () => Promise<Answer>): Promise<Answer> {
    const last = this.#last.get(session);
    if (last !== undefined && last.what === what && this.#stillStands(last)) return last.answer;
    const attempt: Attempt = { what, answer: check(), answeredAt: undefined };
    this.#last.set(session, attempt);
    attempt.answer.then(
      (answer) => {
        // Only what would be the same again is kept: an outage may be over at the next click.
        if (!answer.ok && SAME_AGAIN.has(answer.code)) {
          attempt.answeredAt = this.#clock.now();
        } else this.#forget(session, attempt);
      },
      () => this.#forget(session, attempt),
    );
    return attempt.answer;
  }

  #stillStands({ answeredAt }: Attempt): boolean {
    return answeredAt === undefined || this.#clock.now() - answeredAt < SAME_MS;
  }

  #forget(session: LiveSession, attempt: Attempt): void {
    if (this.#last.get(session) === attempt) this.#last.delete(session);
  }
}
