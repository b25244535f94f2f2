/** The block `policy`: who is asked for a second factor. Decides nothing about a request. */
import { z } from 'zod';
import { instant } from './durations.ts';
import { LATER } from './later.ts';

const level = z.enum(['off', 'optional', 'required']);

export const policySchema = z.strictObject({
  default: level
    .default('optional')
    .describe(
      'off: never asked. optional: asked once a person has enrolled. required: who has no factor enrols at the next login.',
    ),
  users: z
    .record(z.string().min(1), level)
    .default({})
    .describe(
      'Levels of single identities or patterns (`*@example.com`). A name as such goes first, then patterns in order.',
    ),
  graceUntil: instant()
    .optional()
    .describe(
      'Until then, whoever is required to enrol may choose “Not now” at each login. A date (to its end, UTC) or a time with its zone.',
    ),
  trustedBrowser: z
    .strictObject({ days: z.literal(0, `trusted browsers: ${LATER}; 0 is off`).default(0).describe('0 is off.') })
    .optional()
    .describe('Only off (days: 0) in this version.'),
  stepUp: z
    .array(z.unknown())
    .max(0, `step-up routes: ${LATER}`)
    .optional()
    .describe('Only an empty list in this version.'),
});
