/**
 * One HTTP exchange with a provider: bounded in time and size, never followed to another address, never made twice (a
 * repeated "send" is a second text). Gives back what came; what it means is the provider's own file to say.
 */
import { createRequire } from 'node:module';
import type undici from 'undici';
import type { Dispatcher } from 'undici';
import type { Clock } from '../clock.ts';

/** More calls than these at once wait, within their own time limit. */
const CONNECTIONS = 8;
/** Longest answer that is read, in bytes. */
export const LONGEST_ANSWER = 64 * 1024;

export interface HttpCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Path and query. Built only from checked ids, codes and fixed words. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Why there was no answer: each of them is "unavailable" to a person; the log tells them apart. */
export type Silence = 'timeout' | 'unreachable' | 'too-large';

export type Heard =
  | { readonly ok: true; readonly status: number; readonly body: Buffer }
  | { readonly ok: false; readonly why: Silence };

/** Connections to one provider. None is made before the first call. @param timeoutMs for each step of a call */
export function openPool(origin: string, timeoutMs: number): Dispatcher {
  // Not at the head of this file: it is a fifth of all that is loaded, and without a provider nobody needs it.
  const { Pool }: typeof undici = createRequire(import.meta.url)('undici');
  return new Pool(origin, {
    connections: CONNECTIONS,
    pipelining: 1,
    connect: { timeout: timeoutMs },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    // Shorter than any server keeps an idle connection: a call on a dying one fails, and calls are never repeated.
    keepAliveTimeout: 2000,
    keepAliveMaxTimeout: 2000,
  });
}

/**
 * Never throws for anything the network or the provider does.
 * @param timeoutMs for the whole call, from the first byte to be sent to the last byte read
 */
export async function exchange(pool: Dispatcher, clock: Clock, timeoutMs: number, call: HttpCall): Promise<Heard> {
  const limit = new AbortController();
  const cancel = clock.after(timeoutMs, () => limit.abort());
  try {
    return await hear(pool, call, limit.signal);
  } catch {
    // The error itself is dropped: its text may quote the request.
    return { ok: false, why: limit.signal.aborted ? 'timeout' : 'unreachable' };
  } finally {
    cancel();
  }
}

async function hear(pool: Dispatcher, call: HttpCall, signal: AbortSignal): Promise<Heard> {
  const { statusCode, body } = await pool.request({
    method: call.method,
    path: call.path,
    headers: { ...call.headers },
    body: call.body ?? null,
    idempotent: false,
    signal,
  });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > LONGEST_ANSWER) {
      body.destroy();
      return { ok: false, why: 'too-large' };
    }
    chunks.push(bytes);
  }
  return { ok: true, status: statusCode, body: Buffer.concat(chunks) };
}

/** By content, not by label: valid JSON comes as `text/html`, and HTML and plain text come at any status. */
export function jsonObject(bytes: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
