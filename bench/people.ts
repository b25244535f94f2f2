/** What the processes of a run must agree on: who uses the application, and what it serves. */
import type { StandInUser } from '../src/demo/stand-in-lucy/options.ts';

/** Payload of a WebSocket message, in bytes; below 126, so that a frame has a short head. */
export const ECHO_BYTES = 64;

/** Below the application's own pages, where only a verified session comes in. */
export const BODIES = [
  { path: '/admin/bench/1k', bytes: 1_024 },
  { path: '/admin/bench/64k', bytes: 65_536 },
  { path: '/admin/bench/1m', bytes: 1_048_576 },
  { path: '/admin/bench/post', bytes: 1_024 },
] as const;
export const ECHO_PATH = '/admin/bench/echo';
/** Answers when it has read all that was sent. */
export const TAKE_PATH = '/admin/bench/take';

/** One secret for everybody: what is measured is a login, not the choice of a secret. */
export const TOTP_SECRET = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';

/** The first has no factor, all others have one. */
export function people(count: number): StandInUser[] {
  return Array.from({ length: count }, (_, at) => ({
    email: `person${at}@example.com`,
    password: `horse battery ${at}`,
    role: 'User',
  }));
}
