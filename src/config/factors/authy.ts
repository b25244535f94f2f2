/** The block `factors.authy`: off without a key, and careful with the key that a vendor once published. */
import { z } from 'zod';
import { error, type Remark, warning } from '../remark.ts';
import { secretRef } from '../secret.ts';
import { isKnownSharedKey } from '../shared-key.ts';
import { type Around, block } from './block.ts';

const keys = z.strictObject({
  apiKey: secretRef
    .nullish()
    .transform((ref) => ref ?? undefined)
    .describe('The API key of your own Authy application. Without it Authy is off and nothing is sent to anybody.'),
  baseUrl: z
    .string()
    .refine(
      (text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol),
      'an address: https://api.authy.com',
    )
    .default('https://api.authy.com')
    .describe('Address of the service.'),
  insecureSharedKey: z
    .boolean()
    .default(false)
    .describe(
      'Allows the key that a vendor once published: its owner gets e-mail addresses, phone numbers and login times. Test systems only.',
    ),
  locale: z
    .string()
    .regex(/^[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$/, 'a language tag: de, pt-BR')
    .optional()
    .describe('Language of texts and calls; the choice of the service without it.'),
  emailDomain: z
    .string()
    .regex(/^[a-z0-9-]+(?:\.[a-z0-9-]+)*$/i, 'a domain name: example.com')
    .optional()
    .describe(
      'Makes an e-mail address of an account name that is none, because Authy wants one. The host of publicUrl without it.',
    ),
  channels: z
    .array(z.enum(['sms', 'call']))
    .default(['sms', 'call'])
    .describe('Ways in which a code may be sent on request. An empty list: only the app.'),
  push: z
    .boolean()
    .default(false)
    .describe(
      'Lets people have a request sent to their Authy app, to approve or deny. Off by default: a request shows a word that the page shows too, but nothing makes anybody compare them.',
    ),
  pushCallback: z
    .boolean()
    .default(false)
    .describe(
      'Authy may call the gateway when somebody answered a request, at `<publicUrl><gatewayPath>/callbacks/authy`, so that a denial is heard although nobody waits. Needs `push`.',
    ),
  timeoutMs: z
    .int()
    .min(500)
    .max(60_000)
    .default(5_000)
    .describe('For one whole call to the service, in milliseconds.'),
});

export const authy = block({
  schema: keys.optional().describe('Authy (Twilio): codes from its app, by text, by call.'),
  isOn: (parsed) => parsed?.apiKey !== undefined,
  secrets: (parsed) => ({ apiKey: parsed?.apiKey }),
  check(parsed, { secret }) {
    const key = secret('apiKey')?.reveal();
    if (parsed === undefined || key === undefined) return [];
    return [...checkKey(key, parsed.insecureSharedKey), ...checkCalls(key, parsed)];
  },
  complete(parsed, around) {
    const apiKey = around.secret('apiKey');
    if (parsed === undefined || apiKey === undefined) return undefined;
    const { locale, emailDomain, ...keys } = parsed;
    return {
      ...keys,
      apiKey,
      emailDomain: emailDomain ?? ownDomain(around),
      ...(locale === undefined ? {} : { locale }),
    };
  },
});

function checkKey(key: string, mayBeShared: boolean): readonly Remark[] {
  const at = ['apiKey'];
  const remarks: Remark[] = [];
  if (!/^[\x21-\x7e]{1,200}$/.test(key)) {
    remarks.push(error(at, 'no key looks like this: it has blanks, or characters that no key has'));
  }
  if (!isKnownSharedKey(key)) return remarks;
  remarks.push(
    mayBeShared
      ? warning(
          at,
          'this is the published key: its owner learns e-mail addresses, phone numbers and login times. Use a key of your own',
        )
      : error(
          at,
          'this is the published key, which is for test systems only; set insecureSharedKey: true to use it all the same',
        ),
  );
  return remarks;
}

/** Whoever has the key can sign calls: they would only make the gateway ask, but anybody could. */
function checkCalls(key: string, { push, pushCallback }: z.output<typeof keys>): readonly Remark[] {
  if (!pushCallback) return [];
  const at = ['pushCallback'];
  if (!push) return [error(at, 'there is nothing to call about without push: true')];
  if (!isKnownSharedKey(key)) return [];
  return [error(at, 'calls are signed with the key, and everybody has the published one; use a key of your own')];
}

/** An address in brackets is no domain of an e-mail address that Authy takes. */
function ownDomain({ publicUrl }: Around): string {
  const { hostname } = new URL(publicUrl);
  return /^[a-z0-9-]+(?:\.[a-z0-9-]+)*$/i.test(hostname) ? hostname : 'localhost';
}
