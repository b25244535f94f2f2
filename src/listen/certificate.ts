/**
 * The gateway's own certificate: read, checked as a pair, and read again when its files change. A new pair is taken into use
 * only when it is whole; what is half replaced or no certificate leaves the old one in place.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { Clock } from '../clock.ts';
import { type Log, reasonOf } from '../log.ts';
import { watchFile } from '../watch.ts';

export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** PEM, certificate and chain, with its key. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
  /** The end of its validity, in ms since the Unix epoch. */
  readonly expires: number;
}

/** How often the files are read although nobody said that they changed: not every file system tells. */
const REREAD_MS = 3_600_000;
const WARN_EVERY_MS = 86_400_000;
const WARN_BEFORE_DAYS = 14;
const DAY_MS = 86_400_000;

/** @throws Error with what is wrong in one sentence; files, keys and names are not in it. */
export async function readPair(files: CertificateFiles): Promise<Pair> {
  const [cert, key] = await Promise.all([readFile(files.cert, 'utf8'), readFile(files.key, 'utf8')]);
  const leaf = new X509Certificate(cert);
  if (!leaf.checkPrivateKey(createPrivateKey(key))) {
    throw new Error('the key is not the one of the certificate; put both files of one pair in place');
  }
  createSecureContext({ cert, key }); // what OpenSSL would not use fails here, not at the first client
  return { cert, key, expires: Date.parse(leaf.validTo) };
}

export interface Watched {
  /** Reads the files now; as SIGHUP does. */
  reload(): Promise<void>;
  stop(): void;
}

export interface CertificateParts {
  readonly clock: Clock;
  readonly log: Log;
  /** Takes a pair into use; connections that exist go on with the old one. */
  readonly use: (pair: Pair) => void;
}

/** @param first the pair that is in use already. */
export function watchPair(files: CertificateFiles, first: Pair, { clock, log, use }: CertificateParts): Watched {
  let pair = first;
  let warnedAt = Number.NEGATIVE_INFINITY;
  let cancel = (): void => {};

  const warn = (): void => {
    if (clock.now() - warnedAt < WARN_EVERY_MS) return;
    const days = Math.floor((pair.expires - clock.now()) / DAY_MS);
    if (days >= WARN_BEFORE_DAYS) return;
    warnedAt = clock.now();
    log.warn('tls_certificate_expires', { days, expires: new Date(pair.expires).toISOString() });
  };
  const reload = async (): Promise<void> => {
    try {
      const next = await readPair(files);
      if (next.cert === pair.cert && next.key === pair.key) return;
      use(next);
      pair = next;
      warnedAt = Number.NEGATIVE_INFINITY;
      log.info('tls_certificate_reloaded', { expires: new Date(pair.expires).toISOString() });
    } catch (error) {
      log.error('tls_reload_refused', { reason: reasonOf(error) });
    }
    warn();
  };
  const again = (): void => {
    cancel = clock.after(REREAD_MS, () => {
      void reload();
      warn();
      again();
    });
  };

  const watchers = [files.cert, files.key].map((path) => watchFile(path, clock, () => void reload()));
  warn();
  again();
  return {
    reload,
    stop() {
      cancel();
      for (const watcher of watchers) watcher.close();
    },
  };
}
