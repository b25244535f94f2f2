/**
 * The configuration: every key with its default, its limits and what goes wrong with it, in one place. The reference page,
 * the JSON Schema for editors and the example are checked against this. Reads nothing, decides nothing.
 */
import { z } from 'zod';
import { cidr, clientName } from '../profiles/checks.ts';
import { overrideSchemas } from '../profiles/json-schema.ts';
import { canonicalTarget, isRefused } from '../profiles/path.ts';
import { duration, time } from './durations.ts';
import { factorsSchema } from './factors/factors.ts';
import { policySchema } from './policy.ts';
import { storeSchema } from './store.ts';

const port = z.int().min(0).max(65_535);
const path = z.string().min(1);

const listen = z.strictObject({
  host: z
    .string()
    .min(1)
    .default('0.0.0.0')
    .describe('Address to listen on. 127.0.0.1 when another proxy is in front on this machine.'),
  port: port.default(8080).describe('Port to listen on; 0 takes a free one.'),
  tls: z
    .strictObject({
      cert: path.describe('PEM file with the certificate and its chain.'),
      key: path.describe('PEM file with its private key.'),
      http2: z.boolean().default(true).describe('HTTP/2 for browsers that ask for it; the others get HTTP/1.1.'),
    })
    .optional()
    .describe(
      'Without it the gateway speaks plain HTTP, for a proxy in front that ends TLS. Replaced files are taken into use at once.',
    ),
});

function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return (url.protocol === 'https:' || url.protocol === 'http:') && (url.origin === text || `${url.origin}/` === text);
}

function isPlainUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, pathname, search, hash } = new URL(text);
  return (
    (protocol === 'https:' || protocol === 'http:') && username + password + search + hash === '' && pathname === '/'
  );
}

/** Each profile key may stand here too; they are checked after merging, as one profile. */
const overrides = Object.fromEntries(Object.keys(overrideSchemas()).map((key) => [key, z.unknown().optional()]));

/** Says more than that a key is missing, and leaves every other mistake to the schema. */
function ifMissing(rule: string) {
  return ({ input }: { readonly input?: unknown }) => (input === undefined ? rule : undefined);
}

const upstream = z.strictObject({
  url: z
    .string({ error: ifMissing('is missing; write the address of the application: https://10.0.0.5') })
    .refine(
      isPlainUrl,
      'the address of the application: http://host:port or https://host:port, without path and credentials',
    )
    .describe('Address of the application, as the gateway reaches it. Make sure that nobody else does.'),
  profile: z
    .string()
    .min(1)
    .default('lucy')
    .describe(
      'Name of a shipped profile (lucy, dokuwiki, qbittorrent, radicale, generic-php), or the path of your own.',
    ),
  ca: path
    .optional()
    .describe(
      'PEM file with the authority that signed the certificate of the application, instead of those of the machine.',
    ),
  pin: z
    .string()
    .regex(
      /^(?:sha256\/{1,2}[A-Za-z0-9+/]{43}=|[0-9a-fA-F]{64}|[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){31})$/,
      'a pin is sha256/<base64> of the public key, or the SHA-256 fingerprint of the certificate in hex',
    )
    .optional()
    .describe('Accept exactly this key or certificate, also when it is self-signed. There is no way to accept any.'),
  servername: z
    .string()
    .min(1)
    .optional()
    .describe('Name in the certificate (and in SNI), when it is not the one in the URL.'),
  timeouts: z
    .strictObject({
      connect: duration('100ms', '2m', '5s').describe('For making a connection.'),
      headers: duration('1s', '24h', '10m').describe(
        'Until the application begins its answer. Too short: reports and exports end in 504.',
      ),
      queue: duration('100ms', '5m', '10s').describe(
        'How long a request waits for a free connection; then the answer is 503.',
      ),
    })
    .prefault({})
    .describe('How long the application may take.'),
  connections: z
    .int()
    .min(1)
    .max(10_000)
    .default(256)
    .describe('Most connections to the application at a time; further requests wait.'),
  queue: z
    .int()
    .min(0)
    .max(100_000)
    .default(1_024)
    .describe('Most requests that wait for a connection; more are answered with 503 and Retry-After.'),
  ...overrides,
});

const count = (most: number) => z.int().min(1).max(most);

const limits = z.strictObject({
  guesses: z
    .strictObject({
      free: count(20).default(5).describe('Wrong codes before the first pause.'),
      pauses: z
        .array(time('1s', '24h'))
        .min(1)
        .prefault(['30s', '1m', '2m', '5m', '15m', '60m'])
        .describe('Pauses after the wrong codes that follow; the last one repeats.'),
      hard: count(100)
        .default(50)
        .describe('Wrong codes in a row after which only an administrator helps (NIST SP 800-63B: at most 100).'),
    })
    .prefault({})
    .describe('Guesses against one identity, over all its logins and factors.'),
  perLogin: count(20).default(5).describe('Wrong codes that end one login, so that the password must be typed again.'),
  sends: z
    .strictObject({
      gap: duration('5s', '1h', '30s').describe('Between two messages.'),
      perHour: count(100).default(5).describe('Messages an hour.'),
      perDay: count(1_000).default(10).describe('Messages a day.'),
      prefixPerHour: count(10_000)
        .default(20)
        .describe(
          'Texts and calls an hour to all numbers that begin with the same seven digits: fraud uses whole ranges.',
        ),
      countryPerHour: count(100_000).default(200).describe('Texts and calls an hour to one country.'),
      addressPerHour: count(10_000)
        .default(30)
        .describe('Texts and calls an hour for one client address. Too few: an office behind one address waits.'),
      allPerDay: count(1_000_000)
        .default(1_000)
        .describe(
          'Texts and calls a day for everybody; then none is sent, and the log says sends_stopped. Set it to what you would pay.',
        ),
      countries: z
        .array(z.string().regex(/^[A-Z]{2}$/, 'two capital letters: CH'))
        .default([])
        .describe(
          'Countries whose numbers may be saved, texted and called; empty: all. Name yours: texts to some cost a hundred times more.',
        ),
    })
    .prefault({})
    .describe(
      'Texts and calls, for each identity and each number. Too high: somebody with a password spends your money.',
    ),
  logins: z
    .strictObject({
      perMinute: count(10_000).default(10).describe('Attempts a minute.'),
      perHour: count(100_000).default(60).describe('Attempts an hour.'),
    })
    .prefault({})
    .describe(
      'Login attempts for each client address (/64 for IPv6), and apart from these names at the entrance and unknown API clients. Too low: an office behind one address locks itself out.',
    ),
  anonymousSessions: count(1_000_000)
    .default(10_000)
    .describe('Sessions without a login that are kept; the oldest go first.'),
  headerBytes: z
    .int()
    .min(4_096)
    .max(262_144)
    .default(16_384)
    .describe('Longest head of a request, in bytes; above it the answer is 431.'),
  headers: z
    .int()
    .min(20)
    .max(1_000)
    .default(100)
    .describe(
      'Most header lines of a request; above it the answer is 431. Too few: cookies of large sites do not fit.',
    ),
  urlBytes: z
    .int()
    .min(1_024)
    .max(65_536)
    .default(8_192)
    .describe('Longest address of a request, query included, in bytes; above it the answer is 414.'),
  headersTimeout: duration('1s', '5m', '20s').describe(
    'How long the head of a request, or a TLS handshake, may take to arrive; then the answer is 408.',
  ),
  bodyIdle: duration('10s', '1h', '2m').describe(
    'A client that neither sends what it announced nor reads what is waiting for it is cut off after this. Silence of the application is never cut.',
  ),
  keepAlive: duration('1s', '1h', '65s').describe(
    'How long a connection without a request stays open; it ends at most a quarter later. Longer than the same setting of a proxy in front, else requests fail now and then.',
  ),
  connections: count(1_000_000)
    .default(10_000)
    .describe('Connections of clients at a time; more are closed. The process must be allowed as many open files.'),
  connectionsPerAddress: count(1_000_000)
    .default(512)
    .describe(
      'Connections from one address (/64 for IPv6) at a time; trustedProxies are exempt. Too few: an office behind one address is cut off.',
    ),
});

const sessions = z.strictObject({
  idle: duration('1m', '30d', '30m').describe(
    'Without a request for so long, a session ends. Not above the timeout of the application itself.',
  ),
  absolute: duration('5m', '90d', '12h').describe('A session ends after this, whatever happens.'),
  pending: duration('1m', '1h', '10m').describe('How long a login waits for its code.'),
  stepUp: duration('1m', '1h', '5m').describe('How fresh a proof must be to change factors.'),
});

export const configSchema = z.strictObject({
  listen: listen.prefault({}).describe('Where the gateway listens.'),
  publicUrl: z
    .string({ error: ifMissing('is missing; write the one address that people use: https://lucy.example.com') })
    .refine(isOrigin, 'the one address that people use: https://lucy.example.com, without a path')
    .transform((text) => text.replace(/\/$/, ''))
    .describe('The one origin that people use. Requests for another host are refused, and cookies are bound to it.'),
  trustedProxies: z
    .array(cidr)
    .default([])
    .describe(
      'Networks of proxies in front, whose X-Forwarded-* is believed. Too wide: clients choose their own address.',
    ),
  gatewayPath: z
    .string()
    .refine((text) => {
      const read = canonicalTarget(text);
      return !isRefused(read) && read.target === text && read.query === '' && text.length > 1 && !text.endsWith('/');
    }, 'a path of its own: /_2fa')
    .default('/_2fa')
    .describe('Everything of the gateway lives below this path. It hides what the application has there.'),
  upstream: upstream.describe('The application. Any key of its profile may be overridden here; see docs/profiles.md.'),
  store: storeSchema.prefault({}).describe('Where enrolments, sessions and counters live.'),
  secrets: z
    .strictObject({
      keyFile: path
        .default('./data/keys.json')
        .describe(
          'Keys that the data is encrypted with; made at the first start. Lost: every enrolment is lost. Keep a copy elsewhere.',
        ),
    })
    .prefault({})
    .describe('The gateway’s own keys.'),
  factors: factorsSchema.prefault({}).describe('Kinds of proof.'),
  policy: policySchema.prefault({}).describe('Who is asked for a second factor.'),
  limits: limits.prefault({}).describe('Budgets against guessing, spending and flooding.'),
  sessions: sessions.prefault({}).describe('How long sessions live.'),
  clients: z
    .array(
      z.strictObject({
        name: clientName.describe('Name, for the rules of class service and for the log.'),
        hash: z
          .string()
          .regex(/^sha256:[0-9a-f]{64}$/, 'sha256: and 64 hex digits, as `lucy-2fa client NAME` prints them')
          .describe(
            'SHA-256 of its credential. `lucy-2fa client NAME` makes both; the credential itself stands nowhere.',
          ),
      }),
    )
    .default([])
    .describe('API clients: programs that a route of class service lets in without a second factor.'),
  people: z
    .strictObject({
      file: path
        .default('./data/people.sealed')
        .describe('What is known of people, sealed with the keys; written by lucy-2fa people import.'),
    })
    .prefault({})
    .describe('E-mail addresses and numbers that you vouch for; see policy.firstEnrolment.'),
  admins: z
    .array(z.string().min(1))
    .default([])
    .describe('Identities that may open the administration, after a second factor.'),
  management: z
    .union([
      z.literal(false),
      z.strictObject({
        host: z.string().min(1).default('127.0.0.1').describe('Address of the probes. Not the public one.'),
        port: port.default(9464).describe('Port of the probes.'),
      }),
    ])
    .prefault({})
    .transform((value) => (value === false ? undefined : value))
    .describe('/livez and /readyz, on a port of their own; false switches them off.'),
  support: z
    .strictObject({
      contact: z
        .string()
        .min(1)
        .max(200)
        .optional()
        .describe('Whom to ask when signing in does not work; shown as plain text.'),
    })
    .prefault({})
    .describe('Help for people.'),
  branding: z
    .strictObject({
      service: z.string().min(1).max(60).default('Lucy').describe('Name that people know the application by.'),
      country: z
        .string()
        .regex(/^[A-Z]{2}$/, 'two capital letters: CH')
        .default('US')
        .describe('Country that is selected first for phone numbers.'),
    })
    .prefault({})
    .describe('What people read on the gateway’s pages.'),
  log: z
    .strictObject({
      level: z
        .enum(['debug', 'info', 'warn', 'error', 'silent'])
        .default('info')
        .describe('How much is written. Never secrets, at any level.'),
    })
    .prefault({})
    .describe('The log on standard output.'),
});

export type ParsedConfig = z.output<typeof configSchema>;
