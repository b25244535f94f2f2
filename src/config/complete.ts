/** The last step of loading: paths made absolute, secrets and files put in, everything frozen. Checks nothing. */
import { resolve } from 'node:path';
import { type Config, deepFreeze, type Upstream } from './config.ts';
import type { ParsedConfig } from './schema.ts';
import type { Secret } from './secret.ts';

export interface Files {
  /** PEM text. */
  readonly ca?: string;
  readonly authyKey?: Secret;
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
    store: { kind: 'lowdb' as const, path: resolve(folder, parsed.store.path) },
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
