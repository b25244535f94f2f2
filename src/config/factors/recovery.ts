/** The block `factors.recovery`: codes on paper, on by default. */
import { z } from 'zod';
import { block } from './block.ts';

const keys = z.strictObject({
  codes: z.int().min(4).max(20).default(10).describe('Codes that a person gets at once. Each works once.'),
});

export const recovery = block({
  schema: z
    .union([z.literal(false), keys])
    .prefault({})
    .describe(
      'Codes to keep on paper for a lost phone, shown once after the first method. On by default; false switches them off.',
    ),
  // Never the only method: whoever has nothing else has no codes either.
  isOn: () => false,
  complete: (parsed) => (parsed === false ? undefined : parsed),
});
