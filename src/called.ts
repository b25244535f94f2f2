/**
 * The addresses where providers call us, `/callbacks/<factor>`: not pages of people. No session and no cookie is read, nothing is
 * shown, and every answer is a bare status, so that a stranger learns nothing. Junk costs one hash and is written nowhere.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Callbacks, Hearing } from './ceremonies/ceremonies.ts';
import type { Clock } from './clock.ts';
import type { Callback } from './factors/factor.ts';
import { type Spending, spend } from './gate/attempts.ts';
import type { Log } from './log.ts';
import { MalformedJson, readJson } from './profiles/json.ts';
import { bodyType, readBodyStart } from './request/body.ts';
import { clientBucket } from './request/client.ts';
import type { Scope } from './request/scope.ts';
import type { Settings } from './way.ts';

export interface CalledParts {
  readonly callbacks: Callbacks;
  readonly clock: Clock;
  readonly log: Log;
}

type Refused = Extract<Hearing, { is: 'refused' }>['reason'] | 'type' | 'too-large' | 'method';

interface Call {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly scope: Scope;
  readonly settings: Settings;
  readonly factor: string;
}

/** Longest body, in bytes, how many fields it may have, and how long it may take, in ms. */
const MAX_BYTES = 16 * 1024;
const MAX_FIELDS = 200;
const TIMEOUT_MS = 10_000;
/** Addresses whose refused calls are counted; beyond them the count begins anew. */
const MOST_COUNTED = 10_000;
const JSON_TYPE = /^application\/json[ \t]*(?:;[ \t]*charset=(?:utf-8|"utf-8")[ \t]*)?$/i;

export class CalledByProviders {
  readonly #parts: CalledParts;
  /** Refused calls by address, in this process alone: strangers must not make the store write. */
  readonly #refused = new Map<string, Spending>();

  constructor(parts: CalledParts) {
    this.#parts = parts;
  }

  /** Whose address this is; `undefined` for every other path, and where no provider may call. @param path below `gatewayPath` */
  factorAt(path: string): string | undefined {
    const factor = /^\/callbacks\/([a-z]+)$/.exec(path)?.[1];
    return factor !== undefined && this.#parts.callbacks.isOpen(factor) ? factor : undefined;
  }

  async answer(call: Call): Promise<void> {
    const callback = await this.#read(call);
    if (callback === undefined) return; // the client went away
    if (typeof callback === 'string') return this.#refuse(call, callback);
    const hearing = await this.#parts.callbacks.hear(call.factor, callback);
    if (hearing.is === 'refused') return this.#refuse(call, hearing.reason);
    end(call, hearing.is === 'heard' ? 204 : 503);
  }

  async #read({ req, scope, settings, factor }: Call): Promise<Callback | Refused | undefined> {
    const url = `${settings.publicUrl.origin}${settings.gatewayPath}/callbacks/${factor}`;
    const header = (name: string): readonly string[] => req.headersDistinct[name] ?? [];
    const { query } = scope.target;
    if (req.method !== 'GET' && req.method !== 'POST') return 'method';
    const isGet = req.method === 'GET';
    if (!isGet && query !== '') return 'malformed';
    if (!isGet && !JSON_TYPE.test(bodyType(req) ?? '')) return 'type';
    if (Number(req.headers['content-length'] ?? 0) > MAX_BYTES) return 'too-large';
    const start = await readBodyStart(req, MAX_BYTES, this.#parts.clock, TIMEOUT_MS);
    if (start === undefined) return undefined;
    if (!start.complete) return 'too-large';
    if (isGet) return start.bytes.length === 0 ? { method: 'GET', url, header, query } : 'malformed';
    try {
      return { method: 'POST', url, header, json: readJson(start.bytes, MAX_FIELDS).value };
    } catch (error) {
      if (error instanceof MalformedJson) return 'malformed';
      throw error;
    }
  }

  /** A right call from the same address is never kept waiting: only what is refused counts. */
  #refuse(call: Call, reason: Refused): void {
    const { clock, log } = this.#parts;
    const { client } = call.scope;
    const bucket = clientBucket(client);
    const ruling = spend(this.#refused.get(bucket), clock.now(), call.settings.loginBudgets);
    if (!ruling.allowed) {
      return end(call, 429, { 'Retry-After': String(Math.max(1, Math.ceil((ruling.until - clock.now()) / 1000))) });
    }
    if (this.#refused.size >= MOST_COUNTED) this.#refused.clear();
    this.#refused.set(bucket, ruling.spending);
    log.warn('callback_refused', { client, factor: call.factor, reason });
    if (reason === 'method') return end(call, 405, { Allow: 'GET, POST' });
    end(call, reason === 'too-large' ? 413 : reason === 'type' ? 415 : 403);
  }
}

function end({ req, res }: Call, status: number, headers: Readonly<Record<string, string>> = {}): void {
  if (res.destroyed) return;
  // A body that nobody read makes the connection useless.
  const close = req.complete ? {} : { Connection: 'close' };
  const length = status === 204 ? {} : { 'Content-Length': '0' };
  res.writeHead(status, { 'Cache-Control': 'no-store', ...length, ...close, ...headers });
  res.end();
}
