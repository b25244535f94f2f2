/**
 * Recognises the Authy key that a vendor once published for tests: whoever uses it sends e-mail addresses, phone numbers and
 * login times to an account of strangers. The key stands nowhere in this project, only hashes of its beginning.
 */
import { createHash } from 'node:crypto';

export interface KnownKey {
  /** How many characters from the start were hashed. */
  readonly length: number;
  /** SHA-256, hex. */
  readonly sha256: string;
}

/** Beginnings of the published key; four, because O and 0, l and 1 look alike where it was printed. */
export const KNOWN_SHARED_KEY_SHA256: readonly KnownKey[] = [
  { length: 10, sha256: 'a168b68bf88ba27b521586188344ebe2e0f79afa51cdfaeaa41280e10d227e3b' },
  { length: 10, sha256: 'e0414e13cd7d96dc4d389642b68f5f2834b5fd8f812ece58e8fe791f5ff2c0c6' },
  { length: 10, sha256: '62ce8adf540f5350d7895946b64fb7f447f866c5303d5f8d558196919235dab7' },
  { length: 10, sha256: '7a823f9170c6291916a55436f9e3b13a3bd8bd25407f5db73cea764d7013db83' },
];

export function isKnownSharedKey(key: string, known: readonly KnownKey[] = KNOWN_SHARED_KEY_SHA256): boolean {
  const text = key.trim();
  return known.some(({ length, sha256 }) => {
    return text.length >= length && createHash('sha256').update(text.slice(0, length)).digest('hex') === sha256;
  });
}
