/** The block `factors.passkey`: passkeys and security keys. Off unless it is given, and never for an address without a name. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { error } from '../remark.ts';
import { block } from './block.ts';

const keys = z.strictObject({
  userVerification: z
    .enum(['preferred', 'required'])
    .default('preferred')
    .describe(
      'required: keys must know their owner (PIN, fingerprint, face). Shuts out keys that anybody can touch, and people whose key has no PIN.',
    ),
});

export const passkey = block({
  schema: keys
    .optional()
    .describe('Passkeys and security keys, without any outside service. They work under the host of publicUrl alone.'),
  isOn: (parsed) => parsed !== undefined,
  check(parsed, { publicUrl }) {
    if (parsed === undefined) return [];
    const { hostname, protocol } = new URL(publicUrl);
    if (isIP(hostname.replace(/^\[|\]$/g, '')) !== 0) {
      return [error([], 'needs a name in publicUrl: browsers make no passkeys for an IP address')];
    }
    const isLocal = hostname === 'localhost' || hostname.endsWith('.localhost');
    return protocol === 'https:' || isLocal
      ? []
      : [error([], 'needs https in publicUrl: browsers offer passkeys nowhere else')];
  },
  complete: (parsed) => parsed,
});
