/** The block `factors.totp`: codes from an authenticator app, on by default. */
import { z } from 'zod';
import { block } from './block.ts';

const keys = z.strictObject({
  issuer: z
    .string()
    .min(1)
    .max(100)
    .refine((text) => !text.includes(':'), 'no colon: apps cut the name there')
    .optional()
    .describe('Name under which apps list the account; branding.service without it.'),
  digits: z
    .union([z.literal(6), z.literal(8)])
    .default(6)
    .describe('Digits of a code. Several apps ignore 8 and show 6; changing it later spoils what is enrolled.'),
  skew: z
    .union([z.literal(0), z.literal(1)])
    .default(1)
    .describe('Steps of 30 seconds that a clock may be off, each way. 0 refuses people whose phone is a little late.'),
});

export const totp = block({
  schema: z
    .union([z.literal(false), keys])
    .prefault({})
    .describe('Codes from an authenticator app, without any outside service. On by default; false switches it off.'),
  isOn: (parsed) => parsed !== false,
  complete: (parsed, { service }) => (parsed === false ? undefined : { ...parsed, issuer: parsed.issuer ?? service }),
});
