/** The last step of loading: paths made absolute, secrets and files put in, everything frozen. Checks nothing. */
import { resolve } from 'node:path';
import { type Config, deepFreeze, type Upstream } from './config.ts';
import { type AroundAll, completeFactors } from './factors/factors.ts';
import type { ParsedConfig } from './schema.ts';
import type { Secret } from './secret.ts';
import { type ParsedStore, type StoreConfig, serverConfig } from './store.ts';

export interface Files {
  /** PEM text. */
  readonly ca?: string;
  /** By its place in the file. Absent: not given, or it could not be read. */
  readonly secret: (path: readonly string[]) => Secret | undefined;
  /** PEM texts. */
  readonly storeTls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

export function complete(parsed: ParsedConfig, files: Files, folder: string): Config {
  const { tls } = parsed.listen;
  return deepFreeze({
    ...parsed,
    listen: {
      ...parsed.listen,
      ...(tls === undefined ? {} : { tls: { ...tls, cert: resolve(folder, tls.cert), key: resolve(folder, tls.key) } }),
    },
    upstream: upstreamOf(parsed.upstream, files.ca),
    store: storeOf(parsed.store, files, folder),
    people: { file: resolve(folder, parsed.people.file) },
    secrets: { keyFile: resolve(folder, parsed.secrets.keyFile) },
    factors: completeFactors(parsed.factors, aroundOf(parsed, files)),
  });
}

/** What the blocks of the factors may depend on. */
export function aroundOf(parsed: ParsedConfig, { secret }: Pick<Files, 'secret'>): AroundAll {
  return { publicUrl: parsed.publicUrl, service: parsed.branding.service, secret };
}

function storeOf(parsed: ParsedStore, { secret, storeTls }: Files, folder: string): StoreConfig {
  if (parsed.kind === 'lowdb') return { kind: 'lowdb', path: resolve(folder, parsed.path) };
  const given = secret(['store', 'password']);
  const password = given === undefined ? {} : { password: given };
  return { kind: 'redis', server: serverConfig(parsed, { tls: storeTls, ...password }), prefix: parsed.prefix };
}

function upstreamOf(parsed: ParsedConfig['upstream'], ca: string | undefined): Upstream {
  const { url, profile, pin, servername, timeouts, connections, queue } = parsed;
  return {
    url,
    profile,
    timeouts,
    connections,
    queue,
    ...(ca === undefined ? {} : { ca }),
    ...(pin === undefined ? {} : { pin }),
    ...(servername === undefined ? {} : { servername }),
  };
}
