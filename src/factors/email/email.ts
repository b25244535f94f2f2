/**
 * Codes by e-mail, through the operator's own mail server. The address is the one that the application or an administrator
 * gave, proved by the first code; nobody types one, and another one than that gets nothing. The weakest factor: whoever
 * reads the mail can often reset the password too (NIST SP 800-63B 3.1.3.1), so it is off by default and offered last.
 */
import type { Enrolment, Json } from '../../gate/types.ts';
import type {
  Asked,
  Begun,
  Channel,
  Disclosure,
  Factor,
  Mailer,
  Person,
  Purpose,
  Sending,
  Verification,
} from '../factor.ts';
import { issue, judge } from '../issued.ts';

export interface EmailNeeds {
  readonly mac: (label: string, text: string) => Buffer;
  readonly mailer: Mailer;
  readonly site: { readonly service: string };
}

const DIGITS = 6;
const LIFE_MS = 5 * 60_000;

export function createEmail({ mac, mailer, site }: EmailNeeds): Factor {
  return {
    id: 'email',
    answer: 'digits',
    digits: { min: DIGITS, max: DIGITS },
    channels: ['email'],
    needs: 'email',
    several: false,
    singleUse: 'success',

    discloses: ({ email }: Person): readonly Disclosure[] =>
      email === undefined ? [] : [{ what: 'email', value: email }],

    async begin({ email }: Person): Promise<Begun> {
      return email === undefined ? { ok: false, reason: 'email-missing' } : { ok: true, data: { email } };
    },

    instructions: async () => ({}),

    async send(asked: Asked, channel: Channel): Promise<Sending> {
      if (channel !== 'email') return { sent: false, reason: 'channel-off' };
      const to = addressOf(asked.enrolment.data);
      // Whose account it is may have got another address since; the old one may be somebody else's now.
      if (to === undefined || to !== asked.person.email) return { sent: false, reason: 'gone' };
      const { code, state } = issue({ mac }, asked, DIGITS);
      const mailed = await mailer.send({ to, ...message(site.service, code, asked) });
      return mailed.sent ? { sent: true, open: { state, lifeMs: LIFE_MS } } : mailed;
    },

    async verify(asked: Asked, answer: string): Promise<Verification> {
      const judgement = judge({ mac }, asked, answer);
      return judgement === 'right' ? { ok: true } : { ok: false, reason: judgement };
    },

    remove: async (_enrolment: Enrolment) => {},
  };
}

const PURPOSES: Readonly<Record<Purpose, string>> = {
  login: 'sign in',
  'step-up': 'change your account',
  enrol: 'set up codes by e-mail',
  'first-method': 'set up two-factor authentication',
};

/** The code is in the text alone: a subject is shown on locked screens. */
function message(
  service: string,
  code: string,
  { purpose }: Asked,
): { readonly subject: string; readonly text: string } {
  return {
    subject: `${service}: your security code`,
    text: [
      `${code} is your ${service} security code.`,
      '',
      'It works once, within five minutes, in the browser in which it was asked for.',
      'Give it to nobody: nobody from support will ever ask for it.',
      '',
      `If you did not try to ${PURPOSES[purpose]}, somebody knows your password. Change it now.`,
      '',
    ].join('\n'),
  };
}

function addressOf(data: Json): string | undefined {
  if (data === null || typeof data !== 'object' || !('email' in data)) return undefined;
  return typeof data.email === 'string' ? data.email : undefined;
}
