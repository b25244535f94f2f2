/**
 * Credentials of API clients: programs that an administrator lets in by a route of class `service`. Each is a name and 256
 * random bits, of which only the SHA-256 is kept. It travels in a header of its own, so that `Authorization` stays what the
 * application makes of it, and no header `X-2FA-…` ever reaches the application.
 */
import { createHash, timingSafeEqual } from 'node:crypto';

/** As Node writes header names. */
export const CLIENT_HEADER = 'x-2fa-client';

/** Small letters, digits and hyphens: a name stands in the credential, in rules and in the log. */
export const CLIENT_NAME = /^[a-z0-9][a-z0-9-]{0,39}$/;

const SECRET_BYTES = 32;
const CREDENTIAL = /^([a-z0-9][a-z0-9-]{0,39})\.([A-Za-z0-9_-]{43})$/;
const HASH_PREFIX = 'sha256:';

export interface ApiClient {
  readonly name: string;
  /** `sha256:` and 64 hex digits, of the whole credential. */
  readonly hash: string;
}

/** What a request says of itself. `name`: which client it claims to be, when there is one of that name. */
export type Presented =
  | { readonly is: 'nobody' }
  | { readonly is: 'client'; readonly name: string }
  | { readonly is: 'refused'; readonly name: string | undefined };

const NOBODY: Presented = { is: 'nobody' };

/** @returns the credential, to be told once, and the hash for the configuration. */
export function makeCredential(
  name: string,
  randomBytes: (count: number) => Buffer,
): { readonly credential: string; readonly hash: string } {
  const credential = `${name}.${randomBytes(SECRET_BYTES).toString('base64url')}`;
  return { credential, hash: `${HASH_PREFIX}${digest(credential).toString('hex')}` };
}

export class ApiClients {
  readonly #hashes: ReadonlyMap<string, Buffer>;

  constructor(clients: readonly ApiClient[]) {
    this.#hashes = new Map(
      clients.map(({ name, hash }) => [name, Buffer.from(hash.slice(HASH_PREFIX.length), 'hex')] as const),
    );
  }

  /** @param header the value of {@link CLIENT_HEADER}; two lines of it come as a list or joined, and are no credential. */
  read(header: string | readonly string[] | undefined): Presented {
    if (header === undefined) return NOBODY;
    const [text = '', name = ''] = (typeof header === 'string' ? CREDENTIAL.exec(header) : undefined) ?? [];
    const hash = this.#hashes.get(name);
    if (hash === undefined) return { is: 'refused', name: undefined };
    return timingSafeEqual(hash, digest(text)) ? { is: 'client', name } : { is: 'refused', name };
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
