/** The block `factors.bypass`: codes that an administrator gives to somebody who lost every method, on by default. */
import { z } from 'zod';
import { duration } from '../durations.ts';
import { block } from './block.ts';

const keys = z.strictObject({
  life: duration('15m', '24h', '15m').describe('How long a code is good. Each works once, for one account.'),
});

export const bypass = block({
  schema: z
    .union([z.literal(false), keys])
    .prefault({})
    .describe(
      'Codes that an administrator makes for somebody who lost every method (page Administration, or lucy-2fa bypass ACCOUNT). On by default; false switches them off.',
    ),
  // Never the only method: whoever has nothing set up is asked for nothing.
  isOn: () => false,
  complete: (parsed) => (parsed === false ? undefined : parsed),
});
