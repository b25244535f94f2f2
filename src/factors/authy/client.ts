/**
 * One HTTP exchange with Authy: bounded in time and size, never followed to another address, never made twice (a repeated
 * "send" is a second text). Gives back status and JSON; what they mean is in answers.ts. The key goes into one header.
 */
import type { Dispatcher } from 'undici';
import type { Clock } from '../../clock.ts';
import type { Answer, Body } from './answers.ts';

/** Longest answer that is read, in bytes; the longest recorded one has about 1 kB. */
export const LONGEST_ANSWER = 64 * 1024;

export interface Call {
  readonly method: 'GET' | 'POST';
  /** Below `/protected/json/`. Built only from checked ids, tokens and fixed words. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly form?: Readonly<Record<string, string>>;
}

/** Why there was no answer: each of them is "unavailable" to a person; the log tells them apart. */
export type Silence = 'timeout' | 'unreachable' | 'too-large';

export type Heard = { readonly ok: true; readonly answer: Answer } | { readonly ok: false; readonly why: Silence };

export interface AuthyClient {
  /** Never throws for anything the network or the service does. */
  call(call: Call): Promise<Heard>;
  /** Waits for calls under way, each of which ends within its time limit. */
  close(): Promise<void>;
}

export interface ClientOptions {
  readonly apiKey: string;
  /** Path of the base URL, without a slash at its end. */
  readonly basePath: string;
  /** For the whole call, from the first byte to be sent to the last byte read. */
  readonly timeoutMs: number;
}

export function createClient(options: ClientOptions, pool: Dispatcher, clock: Clock): AuthyClient {
  return {
    async call(call) {
      const limit = new AbortController();
      const cancel = clock.after(options.timeoutMs, () => limit.abort());
      try {
        return await exchange(options, pool, call, limit.signal);
      } catch {
        // The error itself is dropped: its text may quote the request.
        return { ok: false, why: limit.signal.aborted ? 'timeout' : 'unreachable' };
      } finally {
        cancel();
      }
    },
    close: () => pool.close(),
  };
}

async function exchange(options: ClientOptions, pool: Dispatcher, call: Call, signal: AbortSignal): Promise<Heard> {
  const { statusCode, body } = await pool.request({
    method: call.method,
    path: `${options.basePath}/protected/json/${call.path}${queryOf(call)}`,
    headers: {
      'x-authy-api-key': options.apiKey,
      accept: 'application/json',
      ...(call.form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
    },
    body: call.method === 'POST' ? new URLSearchParams({ ...call.form }).toString() : null,
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
  return { ok: true, answer: { status: statusCode, body: parseBody(Buffer.concat(chunks)) } };
}

function queryOf(call: Call): string {
  const query = new URLSearchParams({ ...call.query }).toString();
  return query === '' ? '' : `?${query}`;
}

/** By content, not by label: valid JSON comes as `text/html`, and HTML and plain text come at any status. */
export function parseBody(bytes: Buffer): Body | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
