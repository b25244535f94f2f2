/**
 * What pages remember between two requests: a notice, and where the last code went. koa-session keeps it, in our own
 * session record. Never security state: it is read and written without a lock, and lost at each change of rights.
 */
import { createSession } from 'koa-session';
import { z } from 'zod';
import type { RefusalCode } from '../ceremonies/outcomes.ts';
import { CHANNELS } from '../factors/factor.ts';
import { FACTOR_IDS, type Json } from '../gate/types.ts';
import type { LiveSession } from '../session/live.ts';
import type { OwnContext, OwnMiddleware } from './context.ts';
import type { WebOptions } from './options.ts';
import { REFUSALS } from './outcomes.ts';

const channel = z.enum(CHANNELS);
const factor = z.enum(FACTOR_IDS);
const refusalCode = z.custom<RefusalCode>((code) => typeof code === 'string' && Object.hasOwn(REFUSALS, code));

const notice = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('refused'),
    code: refusalCode,
    until: z.number().optional(),
    typed: z.object({ country: z.string(), number: z.string() }).optional(),
  }),
  z.object({ kind: z.literal('sent') }),
  z.object({ kind: z.literal('phone-saved') }),
  z.object({ kind: z.literal('ticket-accepted') }),
  z.object({ kind: z.literal('known-proved') }),
  z.object({ kind: z.literal('factor-demanded') }),
  z.object({ kind: z.literal('factor-removed'), factor }),
  z.object({ kind: z.literal('factor-renamed') }),
  z.object({ kind: z.literal('draft-discarded'), factor }),
  z.object({ kind: z.literal('recovery-used'), left: z.number() }),
  z.object({ kind: z.literal('bypass-used') }),
  z.object({ kind: z.literal('sessions-signed-out'), count: z.number() }),
  z.object({ kind: z.literal('browsers-forgotten'), count: z.number() }),
  z.object({ kind: z.literal('key-saved') }),
  z.object({ kind: z.literal('key-removed') }),
  z.object({ kind: z.literal('key-works'), application: z.string().optional() }),
  z.object({ kind: z.literal('key-fails'), reason: z.enum(['rejected', 'unavailable', 'no-key']) }),
  z.object({
    kind: z.literal('key-refused'),
    reason: z.enum([
      'empty',
      'malformed',
      'shared-key-needs-switch',
      'set-elsewhere',
      'file-changed',
      'file-invalid',
      'file-unwritable',
    ]),
    detail: z.string().optional(),
  }),
  z.object({ kind: z.literal('stop-lifted') }),
  z.object({ kind: z.literal('user-reset'), identity: z.string() }),
  z.object({ kind: z.literal('user-unlocked'), identity: z.string() }),
  z.object({ kind: z.literal('sessions-ended'), identity: z.string(), count: z.number() }),
]);

/** Where the last code for a way (or a draft) went; kept until the next one, so that a reload still says it. */
const dispatch = z.object({
  /** Enrolment id of the way, or `draft`. */
  for: z.string(),
  channel,
  /** A notification went to the app instead of a message. */
  toApp: z.boolean(),
  ending: z.string().optional(),
  nextAt: z.number().optional(),
});

export type Notice = z.infer<typeof notice>;
export type Dispatch = z.infer<typeof dispatch>;

/** The object that koa-session puts on the context. */
export interface StoredPage {
  notice?: unknown;
  dispatch?: unknown;
  manuallyCommit(): Promise<void>;
}

/** @param app the Koa application, which koa-session extends with `ctx.session`. */
export function pageMemory(app: unknown, options: Pick<WebOptions, 'sessions'>): OwnMiddleware {
  return createSession(
    {
      autoCommit: false,
      maxAge: 'session', // no expiry of its own: it lives and dies with the session it is part of
      // The key is the one of the gateway's session; no cookie of koa-session's own ever exists.
      externalKey: { get: keyOf, set: () => undefined },
      genid: keyOf, // for a page that remembers nothing yet
      store: {
        get: async (key) => options.sessions.peek(key)?.record.page,
        set: async (key, page: { readonly [name: string]: Json }) => {
          const session = options.sessions.peek(key);
          if (session === undefined) return;
          const isEmpty = page['notice'] === undefined && page['dispatch'] === undefined;
          options.sessions.setPage(session, isEmpty ? undefined : page);
          await options.sessions.settled(session);
        },
        destroy: async (key) => {
          const session = options.sessions.peek(key);
          if (session !== undefined) options.sessions.setPage(session, undefined);
        },
      },
    },
    app,
  );
}

function keyOf(ctx: OwnContext): string {
  return ctx.state.scope.session?.key ?? '';
}

/** Leaves a notice for the next page. Without a session nothing is written. */
export async function leave(ctx: OwnContext, next: Notice, sent?: Dispatch): Promise<void> {
  const page = reach(ctx);
  if (page === undefined) return;
  page.notice = next;
  if (sent !== undefined) page.dispatch = sent;
  await page.manuallyCommit();
}

/** The same for a session that was made just now, whose id the browser has with this answer. */
export async function leaveWith(
  { sessions }: Pick<WebOptions, 'sessions'>,
  session: LiveSession,
  notice: Extract<Notice, { kind: 'recovery-used' | 'bypass-used' | 'ticket-accepted' }>,
): Promise<void> {
  sessions.setPage(session, { notice: { ...notice } });
  await sessions.settled(session);
}

/** Takes the notice: it is shown once. */
export async function take(ctx: OwnContext): Promise<Notice | undefined> {
  const page = reach(ctx);
  if (page?.notice === undefined) return undefined;
  const parsed = notice.safeParse(page.notice);
  delete page.notice;
  await page.manuallyCommit();
  return parsed.success ? parsed.data : undefined;
}

export function lastDispatch(ctx: OwnContext, target: string): Dispatch | undefined {
  const parsed = dispatch.safeParse(reach(ctx)?.dispatch);
  return parsed.success && parsed.data.for === target ? parsed.data : undefined;
}

function reach(ctx: OwnContext): StoredPage | undefined {
  const { session } = ctx.state.scope;
  return session === undefined || session.ended ? undefined : (ctx.session ?? undefined);
}
