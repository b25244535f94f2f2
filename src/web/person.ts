/** Who may see the pages of an account: a person whose password was accepted and who owes no factor. All others are led on. */
import { returnPath } from '../gate/redirect.ts';
import type { ReturnPath } from '../gate/types.ts';
import type { LiveSession } from '../session/live.ts';
import type { OwnContext } from './context.ts';
import type { Screen } from './screen.ts';

/** The session, or `undefined` when the request was answered with the way to where the person must go first. */
export function person(ctx: OwnContext, screen: Screen): LiveSession | undefined {
  const { session } = ctx.state.scope;
  if (session === undefined || session.ended || session.session.state === 'anonymous') {
    screen.redirect(ctx, screen.options.site().loginPage);
    return undefined;
  }
  if (session.session.state === 'pending') {
    screen.redirect(ctx, screen.path('/challenge'));
    return undefined;
  }
  return session;
}

/** Where a prompt leads back to. @param below path of an own page, with its query. */
export function backTo(screen: Screen, below: string): ReturnPath | undefined {
  return returnPath(screen.path(below), new URL(screen.options.site().publicUrl).origin);
}
