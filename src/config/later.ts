/** Keys of the contract that this version does not have. Each is an error, never a setting that is silently ignored (I6). */
import { z } from 'zod';

export const LATER = 'is not available in this version';

export function later(name: string) {
  return z
    .unknown()
    .refine((value) => value === undefined, `${name} ${LATER}`)
    .optional()
    .describe('Not available in this version.');
}
