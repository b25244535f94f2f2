/** Where and how Authy is called. Gives back status and JSON; what they mean is in answers.ts. The key goes into one header. */
import type { Dispatcher } from 'undici';
import type { Clock } from '../../clock.ts';
import { exchange, jsonObject, type Silence } from '../exchange.ts';
import type { Answer } from './answers.ts';

export interface Call {
  /** Which of the two interfaces of the service; default `protected`. */
  readonly api?: 'protected' | 'onetouch';
  readonly method: 'GET' | 'POST';
  /** Below `/protected/json/` or `/onetouch/json/`. Built only from checked ids, tokens and fixed words. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly form?: Readonly<Record<string, string>>;
}

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
  /** For the whole call. */
  readonly timeoutMs: number;
}

export function createClient(options: ClientOptions, pool: Dispatcher, clock: Clock): AuthyClient {
  return {
    async call(call) {
      const heard = await exchange(pool, clock, options.timeoutMs, {
        method: call.method,
        path: `${options.basePath}/${call.api ?? 'protected'}/json/${call.path}${queryOf(call)}`,
        headers: {
          'x-authy-api-key': options.apiKey,
          accept: 'application/json',
          ...(call.form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
        },
        ...(call.method === 'POST' ? { body: new URLSearchParams({ ...call.form }).toString() } : {}),
      });
      return heard.ok ? { ok: true, answer: { status: heard.status, body: jsonObject(heard.body) } } : heard;
    },
    close: () => pool.close(),
  };
}

function queryOf(call: Call): string {
  const query = new URLSearchParams({ ...call.query }).toString();
  return query === '' ? '' : `?${query}`;
}
