/**
 * Sealing and keyed hashing. Every use has a key of its own, derived by HKDF-SHA-256 with a label (RFC 5869), so that no
 * output of one use says anything about another. The master keys never leave this file.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { createKeyFile, KEY_BYTES, type MasterKeys, readKeyFile } from './key-file.ts';
import { StoreError } from './store.ts';

export interface Keys {
  /**
   * Encrypts with AES-256-GCM and a random 96-bit nonce; the text names the key, so that keys can be changed. Random nonces
   * are good for 2^32 sealings with one key (NIST SP 800-38D 8.3).
   * @param aad what the text belongs to, for example collection and key: it opens nowhere else.
   */
  seal(aad: string, plain: Buffer | string): string;
  /** @throws StoreError `wrong-key` when the key is not in the key file, `damaged` when the text was changed or moved. */
  open(aad: string, sealed: string): Buffer;
  /** HMAC-SHA-256 with a key for this label alone. It stays the same when the sealing key is changed. */
  hmac(label: string, data: string): Buffer;
  /** Whether the text is sealed with the key that is current now, and need not be sealed anew. */
  isCurrent(sealed: string): boolean;
}

const FORMAT = '1';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Reads the key file.
 * @param options.create make one when there is none. Only right when no data was sealed before: see `hasStore` in open.ts.
 * @throws StoreError `wrong-key`, `unreadable` or `unwritable`, with one sentence that says what to do.
 */
export async function openKeys(path: string, options: { readonly create: boolean }): Promise<Keys> {
  let master = await readKeyFile(path);
  if (master === 'missing' && options.create) {
    await createKeyFile(path);
    master = await readKeyFile(path);
  }
  if (master === 'missing') {
    throw new StoreError(
      'wrong-key',
      `The key file "${path}" is missing, and without it the stored data cannot be read; put it back from your backup.`,
    );
  }
  return keysFrom(master);
}

/** The keys that belong to master keys which were already checked. */
export function keysFrom(master: MasterKeys): Keys {
  const sealing = new Map<string, Buffer>();
  for (const [id, key] of master.keys) sealing.set(id, derive(key, 'seal'));
  const [first] = master.keys.values();
  const current = sealing.get(master.current);
  if (first === undefined || current === undefined) throw new StoreError('wrong-key', 'There is no key to work with.');
  const hashing = new Map<string, Buffer>();

  return {
    seal(aad, plain) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', current, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(associated(master.current, aad));
      const sealed = [nonce, typeof plain === 'string' ? cipher.update(plain, 'utf8') : cipher.update(plain)];
      sealed.push(cipher.final(), cipher.getAuthTag());
      return `${FORMAT}.${master.current}.${Buffer.concat(sealed).toString('base64url')}`;
    },

    open(aad, sealed) {
      const [format, id, body, ...rest] = sealed.split('.');
      if (format !== FORMAT || id === undefined || body === undefined || rest.length > 0) throw changed();
      const bytes = Buffer.from(body, 'base64url');
      if (bytes.length < NONCE_BYTES + TAG_BYTES || bytes.toString('base64url') !== body) throw changed();
      const key = sealing.get(id);
      if (key === undefined) throw new StoreError('wrong-key', `The key "${id}" is not in the key file.`);
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES), {
        authTagLength: TAG_BYTES,
      });
      decipher.setAAD(associated(id, aad));
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      try {
        return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
      } catch {
        throw changed();
      }
    },

    hmac(label, data) {
      let key = hashing.get(label);
      if (key === undefined) {
        key = derive(first, `hmac:${label}`);
        hashing.set(label, key);
      }
      return createHmac('sha256', key).update(data).digest();
    },

    isCurrent: (sealed) => sealed.startsWith(`${FORMAT}.${master.current}.`),
  };
}

function derive(master: Buffer, label: string): Buffer {
  return Buffer.from(hkdfSync('sha256', master, Buffer.alloc(0), `lucy-2fa-gateway/1/${label}`, KEY_BYTES));
}

/** Format and key id are bound too: a text cannot be passed off as one of another format or key. */
function associated(id: string, aad: string): Buffer {
  return Buffer.from(`${FORMAT}\0${id}\0${aad}`);
}

function changed(): StoreError {
  return new StoreError('damaged', 'A sealed text was changed, or belongs to something else.');
}
