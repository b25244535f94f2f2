/**
 * A session whose rights hold in the trusted networks only, and a request for it from somewhere else: it owes its factor from
 * then on, wherever the next request comes from (attack 70). What runs on its behalf ends. It never gives a right.
 */
import { randomBytes } from 'node:crypto';
import type { ClientFacts, Instant, LoginId, ReturnPath } from '../gate/types.ts';
import type { Log } from '../log.ts';
import type { LiveSession } from '../session/live.ts';
import { SessionGone, type Sessions } from '../session/sessions.ts';

/** @throws SessionGone when it changed meanwhile, StoreError: the request is then refused (I6). */
export async function leaveNetwork(
  sessions: Sessions,
  log: Log,
  session: LiveSession,
  { from, now, returnTo }: { readonly from: ClientFacts; readonly now: Instant; readonly returnTo: ReturnPath },
): Promise<void> {
  const state = session.session;
  if (state.state !== 'verified') throw new SessionGone();
  const { identity } = state;
  const login = { id: randomBytes(16).toString('base64url') as LoginId, identity, acceptedAt: now, returnTo };
  log.info('session_left_network', { session: session.key.slice(0, 12), identity, client: from.address });
  await sessions.transition(session, { type: 'network-left', login }, { from });
}
