/** Sessions and logins for the tables of the gate. */
import type { Session } from '../../src/gate/session.ts';
import type { Identity, LoginId, PendingLogin, Proof, ReturnPath } from '../../src/gate/types.ts';

export const ALICE = 'alice@example.com' as Identity;
export const BOB = 'bob@example.com' as Identity;
export const PENDING_MS = 600_000;

export function login(over: Partial<PendingLogin> = {}): PendingLogin {
  return { id: 'login-1' as LoginId, identity: ALICE, acceptedAt: 1000, returnTo: '/admin' as ReturnPath, ...over };
}

export function proofFor(one: PendingLogin, over: Partial<Proof> = {}): Proof {
  return { loginId: one.id, identity: one.identity, factor: 'totp', at: 2000, ...over };
}

export const anonymous: Session = { state: 'anonymous' };
export const pending: Session = { state: 'pending', login: login() };
export const enrolling: Session = { state: 'enrolling', login: login() };
export const byPassword: Session = { state: 'verified', identity: ALICE, since: 1500, grounds: { how: 'password' } };
export const byFactor: Session = {
  state: 'verified',
  identity: ALICE,
  since: 1500,
  grounds: { how: 'factor', proof: proofFor(login()) },
};

export const byNetwork: Session = { state: 'verified', identity: ALICE, since: 1500, grounds: { how: 'network' } };
export const byBrowser: Session = {
  state: 'verified',
  identity: ALICE,
  since: 1500,
  grounds: { how: 'trusted-browser', browser: 'browser-1' },
};

export const STATES: readonly Session[] = [anonymous, pending, enrolling, byPassword, byFactor, byNetwork, byBrowser];
