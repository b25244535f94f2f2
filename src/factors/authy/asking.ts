/**
 * Makes a call, reads its answer, and reports to the operator what only an operator can mend. What is reported is the
 * name of the call, the status and the service's code: never its text, which quotes numbers, and never ours.
 */
import type { FactorLog } from '../factor.ts';
import { type Answer, errorCode } from './answers.ts';
import type { AuthyClient, Call } from './client.ts';

export type CallName = 'create' | 'verify' | 'sms' | 'call' | 'remove' | 'status' | 'details' | 'push' | 'poll';

/** What happens to people on any day and is no news to an operator. */
const EVERYDAY: ReadonlySet<unknown> = new Set(['wrong', 'replayed', 'app-instead', 'number', 'limited']);

export type Asking = <T extends object>(
  name: CallName,
  call: Call,
  read: (answer: Answer) => T,
  /** The outcome when there is no answer to read. */
  silent: T,
) => Promise<T>;

export function asking(client: AuthyClient, log: FactorLog): Asking {
  return async (name, call, read, silent) => {
    const heard = await client.call(call);
    if (!heard.ok) {
      log.warn('authy.silent', { call: name, why: heard.why });
      return silent;
    }
    const { answer } = heard;
    const outcome = read(answer);
    const reason = 'reason' in outcome ? outcome.reason : undefined;
    if (typeof reason === 'string' && !EVERYDAY.has(reason)) {
      const code = errorCode(answer.body) ?? null;
      log.warn('authy.refused', { call: name, reason, status: answer.status, code, json: answer.body !== undefined });
    }
    return outcome;
  };
}
