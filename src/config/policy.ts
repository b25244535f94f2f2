/** The block `policy`: who is asked for a second factor. Decides nothing about a request. */
import { z } from 'zod';
import { FACTOR_IDS } from '../gate/types.ts';
import { cidr } from '../profiles/checks.ts';
import { routesSchema, stepUpSchema } from './demands.ts';
import { duration, instant } from './durations.ts';

const firstEnrolment = z.strictObject({
  needs: z
    .enum(['nothing', 'ticket', 'known'])
    .default('nothing')
    .describe(
      'nothing: whoever knows the password. ticket: only with a ticket of an administrator, so that a stolen password is not enough. known: with a ticket, or a code to the address or number in the list that lucy-2fa people import read.',
    ),
  ticketLife: duration('5m', '30d', '24h').describe('How long a ticket is good.'),
  withoutTicketFrom: z
    .array(cidr)
    .default([])
    .describe('Networks; whoever signed in from there needs no ticket. The address is what trustedProxies say.'),
  withoutTicketUntil: instant()
    .optional()
    .describe(
      'Until then nobody needs a ticket; with withoutTicketFrom, nobody in these networks. After it, everybody does.',
    ),
});

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
  factors: z
    .record(z.string().min(1), z.array(z.enum(FACTOR_IDS)).min(1))
    .default({})
    .describe(
      'Factors that count for single identities or patterns, for signing in and for setting up; all others do not. Without a line: all that are on. recovery and bypass are among them.',
    ),
  graceUntil: instant()
    .optional()
    .describe(
      'Until then, whoever is required to enrol may choose “Not now” at each login. A date (to its end, UTC) or a time with its zone.',
    ),
  firstEnrolment: firstEnrolment
    .prefault({})
    .describe('Who may set up the first method of an account, or the first one after a reset.'),
  trustedNetworks: z
    .array(cidr)
    .default([])
    .describe(
      'Networks; whoever signs in from there is not asked for a second factor that they have, as long as they stay. The address is what trustedProxies say.',
    ),
  trustedBrowser: z
    .strictObject({
      days: z
        .int()
        .min(0)
        .max(90)
        .default(0)
        .describe(
          'Days after a proof in which a browser is not asked for a factor again, if the person ticks the box. 0: never, and none is trusted any more.',
        ),
      except: z
        .array(z.string().min(1))
        .default([])
        .describe('Identities or patterns (`admin@*`) that are asked at each login all the same.'),
    })
    .prefault({})
    .describe('Browsers that stand for a second factor for some days. The password is always asked.'),
  routes: routesSchema,
  stepUp: stepUpSchema,
});
