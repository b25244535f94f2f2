/** The door of the administrator's pages, for each request anew. Ceremonies check the same by themselves. */
import { refusal } from '../ceremonies/outcomes.ts';
import type { LiveSession } from '../session/live.ts';
import type { OwnContext } from './context.ts';
import { person } from './person.ts';
import type { Screen } from './screen.ts';

/** The administrator's session, or `undefined` when the request was answered otherwise. */
export function administrator(ctx: OwnContext, screen: Screen): LiveSession | undefined {
  const session = person(ctx, screen);
  if (session === undefined) return undefined;
  if (screen.options.ceremonies.administration.isAdministrator(session)) return session;
  screen.end(ctx, refusal('not-an-administrator'));
  return undefined;
}

/** Whether a change must wait for a fresh proof (ASVS 7.5.1). An administrator always has a factor, so this is exact. */
export async function needsProof(session: LiveSession, screen: Screen): Promise<boolean> {
  return (await screen.options.ceremonies.enroller.account(session)).needsProof;
}
