/**
 * Codes by text through any SMS gateway that speaks HTTP. The code is made and judged here, the gateway only delivers it: its
 * outage sends nothing and lets nobody in. A number is taken from the enrolment and never from a login.
 */
import type { Dispatcher } from 'undici';
import type { Clock } from '../../clock.ts';
import type { Enrolment } from '../../gate/types.ts';
import { exchange, openPool } from '../exchange.ts';
import type { Asked, Begun, Channel, Disclosure, Factor, FactorLog, Person, Sending, Verification } from '../factor.ts';
import { issue, judge } from '../issued.ts';
import { numberData, numberIn } from '../number.ts';
import { messageFor } from './message.ts';
import { originOf, type RequestTemplate, requestFor } from './request.ts';
import { type AnswerRule, fits, type SmsAnswer } from './rule.ts';
import type { Values } from './template.ts';

/** Checked by the configuration: see config/factors/sms.ts. */
export interface SmsOptions extends RequestTemplate {
  /** Whom the number goes to, as people should read it. */
  readonly provider: string;
  /** Further places of the templates. */
  readonly secrets: Values;
  readonly success: AnswerRule;
  /** Answers that say that the number is at fault. */
  readonly numberRefused?: AnswerRule;
  readonly digits: number;
  readonly lifeMs: number;
  /** For one whole call. */
  readonly timeoutMs: number;
}

export interface SmsNeeds {
  readonly clock: Clock;
  readonly log: FactorLog;
  readonly randomBytes: (count: number) => Buffer;
  readonly mac: (label: string, text: string) => Buffer;
  readonly open?: ((origin: string, timeoutMs: number) => Dispatcher) | undefined;
  readonly site: { readonly service: string; readonly publicUrl: URL };
}

export function createSms(options: SmsOptions, needs: SmsNeeds): Factor {
  const { digits, lifeMs, timeoutMs } = options;
  const pool = (needs.open ?? openPool)(originOf(options), timeoutMs);
  const { service, publicUrl } = needs.site;

  return {
    id: 'sms',
    provider: options.provider,
    answer: 'digits',
    digits: { min: digits, max: digits },
    channels: ['sms'],
    needs: 'phone',
    several: false,
    singleUse: 'success',

    discloses({ phone }: Person): readonly Disclosure[] {
      return [phone === undefined ? { what: 'phone' } : { what: 'phone', value: phone.e164 }, { what: 'login-time' }];
    },

    async begin({ phone }: Person): Promise<Begun> {
      return phone === undefined ? { ok: false, reason: 'phone-missing' } : { ok: true, data: numberData(phone) };
    },

    async instructions({ data }: Enrolment) {
      const known = numberIn(data);
      return known === undefined ? {} : { phoneEnding: known.e164.slice(-2) };
    },

    async verify(asked: Asked, code: string): Promise<Verification> {
      const judged = judge(needs, asked, code);
      return judged === 'right' ? { ok: true } : { ok: false, reason: judged };
    },

    async send(asked: Asked, channel: Channel): Promise<Sending> {
      if (channel !== 'sms') return { sent: false, reason: 'channel-off' };
      const known = numberIn(asked.enrolment.data);
      if (known === undefined) return { sent: false, reason: 'gone' };
      const { code, state } = issue(needs, asked, digits);
      const call = requestFor(options, {
        ...options.secrets,
        to: known.e164,
        number: known.e164.slice(1),
        text: messageFor(code, service, publicUrl.hostname),
        id: needs.randomBytes(16).toString('hex'),
      });
      const heard = await exchange(pool, needs.clock, timeoutMs, call);
      if (!heard.ok) {
        needs.log.warn('sms.silent', { why: heard.why });
        return { sent: false, reason: 'unavailable' };
      }
      const reason = refusalIn(options, heard);
      if (reason === undefined) return { sent: true, ending: known.e164.slice(-2), open: { state, lifeMs } };
      if (reason !== 'number') needs.log.warn('sms.refused', { reason, status: heard.status });
      return { sent: false, reason };
    },

    async remove(): Promise<void> {
      // Nobody else keeps anything.
    },

    close: () => pool.close(),
  };
}

/** Why nothing was sent; `undefined` when it was. What the answer says in words is not for the log: it may quote the text. */
function refusalIn(
  { success, numberRefused }: SmsOptions,
  answer: SmsAnswer,
): 'number' | 'misconfigured' | 'unavailable' | undefined {
  if (numberRefused !== undefined && fits(numberRefused, answer)) return 'number';
  if (fits(success, answer)) return undefined;
  const { status } = answer;
  const isOurs = status >= 300 && status <= 499 && status !== 408 && status !== 429;
  return isOurs ? 'misconfigured' : 'unavailable';
}
