/** The last step of loading: paths made absolute, secrets and files put in, everything frozen. Checks nothing. */
import { resolve } from 'node:path';
import { type Config, deepFreeze, type Upstream } from './config.ts';
import type { ParsedConfig } from './schema.ts';
import type { Secret } from './secret.ts';
import { type ParsedStore, type StoreConfig, serverConfig } from './store.ts';

export interface Files {
  /** PEM text. */
  readonly ca?: string;
  readonly authyKey?: Secret;
  readonly storePassword?: Secret;
  /** PEM texts. */
  readonly storeTls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

export function complete(parsed: ParsedConfig, files: Files, folder: string): Config {
  const { totp, authy } = parsed.factors;
  const own = new URL(parsed.publicUrl).hostname;
  const emailDomain = /^[a-z0-9-]+(?:\.[a-z0-9-]+)*$/i.test(own) ? own : 'localhost';
  const { tls } = parsed.listen;
  return deepFreeze({
    ...parsed,
    listen: {
      ...parsed.listen,
      ...(tls === undefined ? {} : { tls: { ...tls, cert: resolve(folder, tls.cert), key: resolve(folder, tls.key) } }),
    },
    upstream: upstreamOf(parsed.upstream, files.ca),
    store: storeOf(parsed.store, files, folder),
    secrets: { keyFile: resolve(folder, parsed.secrets.keyFile) },
    factors: {
      ...(totp === false ? {} : { totp: { ...totp, issuer: totp.issuer ?? parsed.branding.service } }),
      ...(authy === undefined || files.authyKey === undefined
        ? {}
        : { authy: { ...authy, apiKey: files.authyKey, emailDomain: authy.emailDomain ?? emailDomain } }),
    },
    policy: { default: parsed.policy.default, users: parsed.policy.users },
  });
}

function storeOf(parsed: ParsedStore, { storePassword, storeTls }: Files, folder: string): StoreConfig {
  if (parsed.kind === 'lowdb') return { kind: 'lowdb', path: resolve(folder, parsed.path) };
  const password = storePassword === undefined ? {} : { password: storePassword };
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
