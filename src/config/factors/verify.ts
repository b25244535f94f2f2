/** The block `factors.verify`: codes that Twilio Verify makes, sends and judges. Off without it. */
import { z } from 'zod';
import { isLoopback } from '../loopback.ts';
import { error, type Remark } from '../remark.ts';
import { secretRef } from '../secret.ts';
import { block } from './block.ts';

const keys = z.strictObject({
  accountSid: z
    .string()
    .regex(/^(?:AC|SK)[0-9a-fA-F]{32}$/, 'an id of 34 characters: AC… for the account, SK… for an API key of it')
    .describe('The account (AC…), or rather an API key of it (SK…), which can be taken back by itself.'),
  authToken: secretRef.describe('The token of the account, or the secret of the API key.'),
  serviceSid: z
    .string()
    .regex(/^VA[0-9a-fA-F]{32}$/, 'an id of 34 characters: VA…')
    .describe('The Verify service. Its settings decide the length of codes, their life and the name in the messages.'),
  channels: z
    .array(z.enum(['sms', 'call', 'whatsapp', 'email']))
    .min(1)
    .default(['sms', 'call'])
    .describe(
      'Ways in which a code may be sent on request. email stands alone, and goes to the address that the account is known by.',
    ),
  baseUrl: z
    .string()
    .refine(
      (text) => /^https?:\/\/[^/?#@\s]+(?:\/[^?#\s]*)?$/.test(text) && URL.canParse(text),
      'an address without user, query and fragment: https://verify.twilio.com',
    )
    .default('https://verify.twilio.com')
    .describe('Address of the service.'),
  locale: z
    .string()
    .regex(/^[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$/, 'a language tag: de, pt-BR')
    .optional()
    .describe('Language of the messages; the choice of the service without it.'),
  timeoutMs: z
    .int()
    .min(500)
    .max(60_000)
    .default(5_000)
    .describe('For one whole call to the service, in milliseconds. Sending a code takes two of them.'),
});

type Parsed = z.output<typeof keys>;

export const verify = block({
  schema: keys.optional().describe('Twilio Verify: codes by text, call, WhatsApp or e-mail.'),
  isOn: (parsed) => parsed !== undefined,
  secrets: (parsed) => ({ authToken: parsed?.authToken }),
  check(parsed, { secret }) {
    if (parsed === undefined) return [];
    const token = secret('authToken')?.reveal();
    return [
      ...checkChannels(parsed),
      ...checkAddress(parsed),
      ...(token === undefined || /^[\x21-\x7e]{1,200}$/.test(token)
        ? []
        : [error(['authToken'], 'no token looks like this: it has blanks, or characters that no token has')]),
    ];
  },
  complete(parsed, { secret }) {
    const authToken = secret('authToken');
    if (parsed === undefined || authToken === undefined) return undefined;
    const { locale, ...rest } = parsed;
    return { ...rest, authToken, ...(locale === undefined ? {} : { locale }) };
  },
});

function checkChannels({ channels }: Parsed): readonly Remark[] {
  const at = ['channels'];
  if (new Set(channels).size !== channels.length) return [error(at, 'names a channel twice')];
  return channels.includes('email') && channels.length > 1
    ? [error(at, 'has email beside others: the first code proves an address or a number, and not both')]
    : [];
}

/** The token, numbers and codes would be readable on the way. */
function checkAddress({ baseUrl }: Parsed): readonly Remark[] {
  const { protocol, hostname } = new URL(baseUrl);
  return protocol === 'https:' || isLoopback(hostname)
    ? []
    : [error(['baseUrl'], 'must be https; plain http is for this machine only')];
}
