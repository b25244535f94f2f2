/** The block `factors.email`: a mail server, which sends codes and notices. Off without it. */
import { z } from 'zod';
import { isLoopback } from '../loopback.ts';
import { error } from '../remark.ts';
import { Secret, secretRef } from '../secret.ts';
import { block } from './block.ts';

const keys = z.strictObject({
  smtp: secretRef.describe(
    'Address of the mail server, with user and password: smtp://user:password@mail.example.com:587, or smtps:// for TLS from the start. STARTTLS is required, unless the server is on this machine.',
  ),
  from: z
    .string()
    .max(254)
    .regex(
      /^[^\s@<>",;:\\()[\]]{1,64}@[a-z0-9-]+(?:\.[a-z0-9-]+)*$/i,
      'an address without a name: no-reply@example.com',
    )
    .describe('Address that mails come from.'),
  codes: z
    .boolean()
    .default(true)
    .describe(
      'Codes by e-mail, the weakest factor: who reads the mail can often reset the password too. false: notices only.',
    ),
});

export const email = block({
  schema: keys
    .optional()
    .describe('E-mail: codes, and notices about changes of an account. Nothing is sent without it.'),
  isOn: (parsed) => parsed?.codes === true,
  secrets: (parsed) => ({ smtp: parsed?.smtp }),
  check(_parsed, { secret }) {
    const smtp = secret('smtp');
    if (smtp === undefined || serverOf(smtp.reveal()) !== undefined) return [];
    return [
      error(
        ['smtp'],
        'must be smtp://user:password@host:port or smtps://…; other characters of user and password as %40 and so on',
      ),
    ];
  },
  complete(parsed, { secret }) {
    const server = serverOf(secret('smtp')?.reveal() ?? '');
    if (parsed === undefined || server === undefined) return undefined;
    return { server, from: parsed.from, codes: parsed.codes };
  },
});

interface Server {
  readonly host: string;
  readonly port: number;
  readonly tls: 'implicit' | 'starttls' | 'none';
  readonly auth?: { readonly user: string; readonly password: Secret };
}

const SMTP =
  /^(?<scheme>smtps?):\/\/(?:(?<user>[^\s:@/]+):(?<password>[^\s:@/]+)@)?(?:\[(?<ip6>[0-9a-f:]+)\]|(?<name>[a-z0-9._-]+))(?::(?<port>\d{1,5}))?\/?$/i;

function serverOf(text: string): Server | undefined {
  const { scheme, user, password, ip6, name, port } = SMTP.exec(text)?.groups ?? {};
  const host = ip6 ?? name;
  if (scheme === undefined || host === undefined || Number(port) > 65_535 || port === '0') return undefined;
  const isImplicit = scheme.toLowerCase() === 'smtps';
  const tls = isImplicit ? 'implicit' : isLoopback(host) ? 'none' : 'starttls';
  const server = { host, port: Number(port ?? (isImplicit ? 465 : 587)), tls } as const;
  if (user === undefined || password === undefined) return server;
  try {
    return { ...server, auth: { user: decodeURIComponent(user), password: new Secret(decodeURIComponent(password)) } };
  } catch {
    return undefined;
  }
}
