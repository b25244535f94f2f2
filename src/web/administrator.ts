/** The door of the administrator's pages, for each request anew. Ceremonies check the same by themselves. */
import { refusal } from '../ceremonies/outcomes.ts';
import type { LiveSession } from '../session/live.ts';
import type { OwnContext } from './context.ts';
import { backTo, person } from './person.ts';
import type { Screen } from './screen.ts';

/** The administrator's session, or `undefined` when the request was answered otherwise. */
export async function administrator(ctx: OwnContext, screen: Screen): Promise<LiveSession | undefined> {
  const session = person(ctx, screen);
  if (session === undefined) return undefined;
  const { administration } = screen.options.ceremonies;
  if (administration.isAdministrator(session)) return session;
  if (administration.mayProve(session)) {
    await screen.askProof(ctx, backTo(screen, '/admin'));
    return undefined;
  }
  screen.end(ctx, refusal('not-an-administrator'));
  return undefined;
}

/** Whether a change must wait for a fresh proof (ASVS 7.5.1). An administrator always has a factor, so this is exact. */
export async function needsProof(session: LiveSession, screen: Screen): Promise<boolean> {
  return (await screen.options.ceremonies.enroller.account(session)).needsProof;
}
