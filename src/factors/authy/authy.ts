/**
 * Authy as a factor: codes from the Authy app, or by text or call on request, or a request in the app. The service judges the
 * code; this file decides what is asked and keeps only the service's id for the person. It never says yes on its own account.
 */
import type { Dispatcher } from 'undici';
import type { Clock } from '../../clock.ts';
import type { Enrolment, Json } from '../../gate/types.ts';
import { openPool } from '../exchange.ts';
import type {
  Asked,
  Begun,
  Callback,
  Called,
  Channel,
  Disclosure,
  Factor,
  FactorLog,
  KeyCheck,
  Look,
  Person,
  Sending,
  Verification,
} from '../factor.ts';
import {
  AUTHY_ID,
  readCreation,
  readKeyCheck,
  readRemoval,
  readSending,
  readStatus,
  readVerification,
  TOKEN,
  type UserStatus,
} from './answers.ts';
import { asking } from './asking.ts';
import { readCallback } from './callback.ts';
import { type Call, createClient } from './client.ts';
import { type AuthyBase, type AuthyOptions, checkOptions, DEFAULT_TIMEOUT_MS, emailFor } from './options.ts';
import { lookAtApproval, requestApproval } from './push.ts';

export interface AuthyNeeds {
  readonly clock: Clock;
  readonly log: FactorLog;
  /** How connections are made; a pool of undici outside tests. */
  readonly open?: ((origin: string, timeoutMs: number) => Dispatcher) | undefined;
  /** What requests in the app name. */
  readonly site?: { readonly service: string };
}

export interface AuthyFactor extends Factor {
  checkKey(): Promise<KeyCheck>;
  /** What the service says of the person's account, for the admin page. */
  status(enrolment: Enrolment): Promise<UserStatus>;
  close(): Promise<void>;
}

/** @throws AuthyOptionError before anything is opened. */
export function createAuthy(options: AuthyOptions, needs: AuthyNeeds): AuthyFactor {
  const base: AuthyBase = checkOptions(options);
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const hasPush = options.push === true;
  const isCalled = hasPush && options.pushCallback === true;
  const channels: readonly Channel[] = [...(options.channels ?? ['sms', 'call']), ...(hasPush ? PUSH : [])];
  const pool = (needs.open ?? openPool)(base.origin, timeoutMs);
  const client = createClient({ apiKey: options.apiKey, basePath: base.path, timeoutMs }, pool, needs.clock);
  const ask = asking(client, needs.log);

  return {
    id: 'authy',
    provider: 'Authy, a service of Twilio',
    // The app shows 7 digits, other apps 6; public clients differ in the most they take, and a longer code costs nothing.
    digits: { min: 6, max: 10 },
    channels,
    answer: 'digits',
    needs: 'phone',
    several: false,
    singleUse: 'none',

    discloses(person: Person): readonly Disclosure[] {
      const phone = person.phone?.e164;
      return [
        { what: 'email', value: emailFor(person.identity, options.emailDomain) },
        phone === undefined ? { what: 'phone' } : { what: 'phone', value: phone },
        { what: 'login-time' },
        ...(hasPush ? ([{ what: 'address' }, { what: 'browser' }] as const) : []),
      ];
    },

    async begin(person: Person): Promise<Begun> {
      const { phone } = person;
      if (phone === undefined) return { ok: false, reason: 'phone-missing' };
      const prefix = `+${phone.callingCode}`;
      if (!/^\+\d{7,15}$/.test(phone.e164) || !phone.e164.startsWith(prefix)) return { ok: false, reason: 'number' };
      const created = await ask(
        'create',
        {
          method: 'POST',
          path: 'users/new',
          form: {
            'user[email]': emailFor(person.identity, options.emailDomain),
            'user[cellphone]': phone.e164.slice(prefix.length),
            'user[country_code]': phone.callingCode,
            // The service's default is to text an advertisement for its app to the number.
            send_install_link_via_sms: 'false',
          },
        },
        readCreation,
        SILENT,
      );
      if (!created.ok) return created;
      return { ok: true, data: { authyId: created.authyId, phoneEnding: phone.e164.slice(-2) } };
    },

    async instructions(enrolment: Enrolment) {
      const user = userOf(enrolment.data);
      return user === undefined ? {} : { phoneEnding: user.phoneEnding };
    },

    async verify({ enrolment }: Asked, code: string): Promise<Verification> {
      const user = userOf(enrolment.data);
      if (user === undefined) return { ok: false, reason: 'gone' };
      if (!TOKEN.test(code)) return { ok: false, reason: 'wrong' };
      return ask(
        'verify',
        // Without `force` the service does not enforce the token of a person who never used one, and answers 200.
        { method: 'GET', path: `verify/${code}/${user.authyId}`, query: { force: 'true' } },
        readVerification,
        SILENT,
      );
    },

    async send(asked: Asked, channel: Channel, insist: boolean): Promise<Sending> {
      if (!channels.includes(channel)) return { sent: false, reason: 'channel-off' };
      const user = userOf(asked.enrolment.data);
      if (user === undefined) return { sent: false, reason: 'gone' };
      if (channel === 'push') {
        const service = needs.site?.service ?? 'the application';
        return requestApproval(ask, user.authyId, asked, { service, isCalled });
      }
      if (channel !== 'sms' && channel !== 'call') return { sent: false, reason: 'channel-off' };
      const query = {
        ...(insist ? { force: 'true' } : {}),
        ...(options.locale === undefined ? {} : { locale: options.locale }),
      };
      const call: Call = { method: 'GET', path: `${channel}/${user.authyId}`, query };
      const silent: Sending = { sent: false, reason: 'unavailable' };
      return ask(channel, call, (answer) => readSending(answer, user.phoneEnding), silent);
    },

    ...(hasPush
      ? {
          async look({ enrolment, state }: Asked): Promise<Look> {
            const user = userOf(enrolment.data);
            if (user === undefined) return { is: 'unknown', reason: 'gone' };
            return lookAtApproval(ask, user.authyId, state);
          },
        }
      : {}),
    ...(isCalled ? { called: (callback: Callback): Called => readCallback(options.apiKey, callback) } : {}),

    async remove(enrolment: Enrolment): Promise<void> {
      const user = userOf(enrolment.data);
      if (user === undefined) return;
      await ask('remove', { method: 'POST', path: `users/${user.authyId}/remove` }, readRemoval, SILENT);
    },

    async status(enrolment: Enrolment): Promise<UserStatus> {
      const user = userOf(enrolment.data);
      if (user === undefined) return { ok: false, reason: 'gone' };
      return ask('status', { method: 'GET', path: `users/${user.authyId}/status` }, readStatus, SILENT);
    },

    async checkKey(): Promise<KeyCheck> {
      return ask('details', { method: 'GET', path: 'app/details' }, readKeyCheck, SILENT);
    },

    close: () => client.close(),
  };
}

const PUSH: readonly Channel[] = ['push'];

/** What a person gets when the service did not answer (I6, T8). */
const SILENT = { ok: false, reason: 'unavailable' } as const;

/** Asks the service about a key before it is saved; opens and closes its own connection. @throws AuthyOptionError */
export async function checkAuthyKey(options: AuthyOptions, needs: AuthyNeeds): Promise<KeyCheck> {
  const authy = createAuthy(options, needs);
  try {
    return await authy.checkKey();
  } finally {
    await authy.close();
  }
}

interface AuthyUser {
  readonly authyId: string;
  readonly phoneEnding: string;
}

/** Stored data is checked like any other input: the id goes into a path. */
function userOf(data: Json): AuthyUser | undefined {
  if (data === null || typeof data !== 'object' || !('authyId' in data)) return undefined;
  const { authyId, phoneEnding } = data;
  if (typeof authyId !== 'string' || !AUTHY_ID.test(authyId)) return undefined;
  return typeof phoneEnding === 'string' ? { authyId, phoneEnding } : { authyId, phoneEnding: '' };
}
