/** The block `store`: the folder of the embedded store, or how a Redis or Valkey server is reached. Opens nothing. */
import { z } from 'zod';
import { duration } from './durations.ts';
import type { Remark } from './remark.ts';
import { type Secret, secretRef } from './secret.ts';

const path = z.string().min(1);

const place = z
  .string()
  .refine((text) => placeOf(text) !== undefined, 'a host and a port: redis-1.example.com:26379')
  .transform((text) => placeOf(text) ?? { host: '', port: 0 });

export const storeSchema = z.strictObject({
  kind: z
    .enum(['lowdb', 'redis'], 'the kind is lowdb or redis')
    .default('lowdb')
    .describe(
      'lowdb: files in one folder, for one gateway process. redis: a Redis or Valkey server that several share.',
    ),
  path: path.default('./data').describe('Folder of the data. A second gateway on the same folder refuses to start.'),
  url: z
    .string()
    .refine((text) => serverOf(text) !== undefined, 'an address: redis://host:6379/0, or rediss:// for TLS')
    .optional()
    .describe('redis: address of the server, with the number of the database. No password here: see store.password.'),
  username: z.string().min(1).optional().describe('redis: user of an ACL; the default user without it.'),
  password: secretRef.optional().describe('redis: its password.'),
  prefix: z
    .string()
    .regex(/^[A-Za-z0-9_.:-]{1,64}$/, 'letters, digits and _ . : -')
    .default('lucy2fa')
    .describe('redis: stands before every key. Gateways with another one share the server, and nothing else.'),
  tls: z
    .strictObject({
      ca: path.optional().describe('PEM file with the authority of the server, instead of those of the machine.'),
      servername: z.string().min(1).optional().describe('Name in the certificate, when it is not the host.'),
      cert: path.optional().describe('PEM file with a certificate of the gateway, when the server asks for one.'),
      key: path.optional().describe('PEM file with its private key.'),
    })
    .optional()
    .describe('redis: TLS, also without rediss:// and to sentinels. The certificate is always checked.'),
  sentinels: z
    .array(place)
    .min(1)
    .optional()
    .describe('redis: host:port of the sentinels, instead of url. They say which server takes the writes.'),
  sentinelName: z.string().min(1).optional().describe('redis: name under which the sentinels watch the server.'),
  cluster: z
    .array(place)
    .min(1)
    .optional()
    .describe('redis: host:port of some nodes of a cluster, instead of url. All keys are in one slot.'),
  timeout: duration('100ms', '30s', '2s').describe(
    'redis: for one answer of the server. After it nobody passes, and the answer is 503.',
  ),
});

export type ParsedStore = z.output<typeof storeSchema>;

/** Paths are absolute, files are read. */
export type StoreConfig =
  | { readonly kind: 'lowdb'; readonly path: string }
  | { readonly kind: 'redis'; readonly server: ServerConfig; readonly prefix: string };

/** What store/redis/dial.ts needs to know, with a password that does not print. */
export interface ServerConfig {
  readonly kind: 'single' | 'sentinel' | 'cluster';
  readonly addresses: readonly Place[];
  readonly sentinelName?: string;
  readonly username?: string;
  readonly password?: Secret;
  readonly database: number;
  /** PEM texts. */
  readonly tls?: { readonly ca?: string; readonly servername?: string; readonly cert?: string; readonly key?: string };
  readonly timeoutMs: number;
}

interface Place {
  readonly host: string;
  readonly port: number;
}

/** What single keys cannot know. */
export function checkStore(store: ParsedStore): readonly Remark[] {
  const { kind, url, sentinels, cluster, sentinelName, tls } = store;
  const error = (key: keyof ParsedStore, rule: string): Remark => ({ path: ['store', key], rule, severity: 'error' });
  if (kind === 'lowdb') {
    const misplaced = ['url', 'username', 'password', 'tls', 'sentinels', 'sentinelName', 'cluster'] as const;
    return misplaced.filter((key) => store[key] !== undefined).map((key) => error(key, 'needs store.kind: redis'));
  }
  const remarks: Remark[] = [];
  const ways = [url, sentinels, cluster].filter((way) => way !== undefined).length;
  if (ways !== 1)
    remarks.push(error('kind', 'redis needs exactly one of store.url, store.sentinels and store.cluster'));
  if ((sentinels === undefined) !== (sentinelName === undefined)) {
    remarks.push(
      error(sentinels === undefined ? 'sentinelName' : 'sentinels', 'sentinels and sentinelName need each other'),
    );
  }
  if ((tls?.cert === undefined) !== (tls?.key === undefined))
    remarks.push(error('tls', 'cert and key need each other'));
  const hosts = url === undefined ? [...(sentinels ?? []), ...(cluster ?? [])] : [serverOf(url)];
  const isSealed = tls !== undefined || url?.startsWith('rediss:') === true;
  if (!isSealed && hosts.some((one) => one !== undefined && !/^(localhost|::1|127(\.\d{1,3}){3})$/.test(one.host))) {
    const rule =
      'without TLS the password of the server can be read on the way, and answers can be forged; use rediss://';
    remarks.push({ path: ['store', url === undefined ? 'kind' : 'url'], rule, severity: 'warning' });
  }
  return remarks;
}

/** @param read what was in the files of `tls`, and the password */
export function serverConfig(
  store: ParsedStore,
  read: { readonly tls: { ca?: string; cert?: string; key?: string }; readonly password?: Secret },
): ServerConfig {
  const { url, username, sentinels, sentinelName, cluster, tls, timeout } = store;
  const single = url === undefined ? undefined : serverOf(url);
  const isSealed = tls !== undefined || single?.secure === true;
  const servername = tls?.servername === undefined ? {} : { servername: tls.servername };
  return {
    kind: sentinels !== undefined ? 'sentinel' : cluster !== undefined ? 'cluster' : 'single',
    addresses: sentinels ?? cluster ?? (single === undefined ? [] : [{ host: single.host, port: single.port }]),
    database: single?.database ?? 0,
    timeoutMs: timeout,
    ...(sentinelName === undefined ? {} : { sentinelName }),
    ...(username === undefined ? {} : { username }),
    ...(read.password === undefined ? {} : { password: read.password }),
    ...(isSealed ? { tls: { ...read.tls, ...servername } } : {}),
  };
}

function placeOf(text: string): Place | undefined {
  const match = /^(?:\[([0-9a-f:]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/i.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}

function serverOf(text: string): (Place & { readonly database: number; readonly secure: boolean }) | undefined {
  const match = /^(rediss?):\/\/(\[[0-9a-f:]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?(?:\/(\d{1,3})?)?$/i.exec(text);
  if (match === null) return undefined;
  const [, scheme = '', host = '', port = '6379', database = '0'] = match;
  const found = placeOf(`${host}:${port}`);
  return found && { ...found, database: Number(database), secure: scheme.toLowerCase() === 'rediss' };
}
