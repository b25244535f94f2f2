/**
 * A working double of the Authy API on a real HTTP server, so that the demo and the tests need no account and nothing
 * leaves the machine. It can be told to fail in the ways in which services fail. Never part of a gateway in service.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Clock, systemClock } from '../clock.ts';
import { answerTo, failed, routeOf, type StandInCall, type StandInText } from './stand-in-authy-calls.ts';
import { type StandInPush, StandInPushes, type Tap } from './stand-in-authy-push.ts';
import { StandInUsers } from './stand-in-authy-users.ts';

export type { StandInCall, StandInText } from './stand-in-authy-calls.ts';
export type { StandInPush } from './stand-in-authy-push.ts';

export interface StandInAuthyOptions {
  /** The one key that it takes. */
  readonly apiKey: string;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free one. */
  readonly port?: number;
  /** Name of the application in texts and details; default "Lucy". */
  readonly appName?: string;
  readonly clock?: Clock;
  /** Called with every text and call that "goes out". */
  readonly onText?: (text: StandInText) => void;
}

/** How the next answer goes wrong. Without `status` the real answer is given, as late or as cut as it says. */
export interface Failure {
  readonly status?: number;
  /** Text is sent as it is, anything else as JSON. */
  readonly body?: unknown;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Never answers; together with `cut`: stops in the middle of the body and stays silent. */
  readonly hang?: boolean;
  readonly delayMs?: number;
  /** Breaks the connection in the middle of the body. */
  readonly cut?: boolean;
}

export interface RecordedRequest {
  readonly method: string;
  /** Path and query, as they were on the wire. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** Absent for an address that the service does not have. */
  readonly call?: StandInCall;
}

export interface StandInAuthy {
  readonly url: string;
  /** Every request, oldest first. */
  readonly requests: readonly RecordedRequest[];
  /** Every text and call, oldest first. */
  readonly texts: readonly StandInText[];
  /** Makes one later request fail: the next one, or the next of that call. Several wait in line. */
  fail(next: Failure, where?: StandInCall): void;
  /** The user has the app from now on. @throws RangeError for an unknown id */
  register(id: string): void;
  /** The token that the app of a registered user shows now. @throws RangeError */
  appToken(id: string): string;
  /** Every request that an app showed, oldest first. */
  readonly pushes: readonly StandInPush[];
  /** Answers a request in the app. @throws RangeError when it is not pending */
  tap(uuid: string, as: Tap): void;
  close(): Promise<void>;
}

const LONGEST_BODY = 64 * 1024;
/** A demo may run for days. */
const KEPT = 1000;

export async function startStandInAuthy(options: StandInAuthyOptions): Promise<StandInAuthy> {
  const clock = options.clock ?? systemClock;
  const users = new StandInUsers(clock);
  const pushes = new StandInPushes(clock);
  const requests: RecordedRequest[] = [];
  const texts: StandInText[] = [];
  const failures: { readonly next: Failure; readonly where: StandInCall | undefined }[] = [];

  function deliver(text: StandInText): void {
    keep(texts, text);
    options.onText?.(text);
  }

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const body = await readBody(req);
    const method = req.method ?? '';
    const url = req.url ?? '';
    const { pathname, searchParams } = new URL(url, 'http://stand-in.invalid');
    const route = routeOf(method, pathname);
    keep(requests, { method, url, headers: req.headers, body, ...(route === undefined ? {} : { call: route.call }) });

    const failure = take(failures, route?.call);
    if (failure?.hang && !failure.cut) return;
    if (failure?.status !== undefined) return reply(res, clock, failure.status, failure.body ?? '', failure);
    // As recorded: plain text, and the status of a wrong key.
    if (route === undefined) return reply(res, clock, 401, 'Requested URL was not found.', failure);
    if (req.headers['x-authy-api-key'] !== options.apiKey) {
      const refusal = failed(401, '60001', 'Invalid API key');
      return reply(res, clock, refusal.status, refusal.body, failure);
    }
    const contentType = req.headers['content-type'] ?? '';
    const answer = answerTo(
      { ...route, query: searchParams, contentType, body },
      { users, pushes, appName: options.appName ?? 'Lucy', deliver },
    );
    return reply(res, clock, answer.status, answer.body, failure);
  }

  const server = createServer((req, res) => {
    // Taken now: a request that was given up in the middle of its body has lost it.
    const { socket } = req;
    handle(req, res).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, options.host ?? '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the stand-in has no port');
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;

  return {
    url: `http://${host}:${address.port}`,
    requests,
    texts,
    fail: (next, where) => {
      failures.push({ next, where });
    },
    register(id) {
      const user = users.find(id);
      if (user === undefined) throw new RangeError(`the stand-in has no user ${id}`);
      user.registered = true;
    },
    appToken(id) {
      if (users.find(id)?.registered !== true) throw new RangeError(`user ${id} does not have the app`);
      return users.appToken(id);
    },
    get pushes() {
      return pushes.all;
    },
    tap: (uuid, as) => pushes.tap(uuid, as),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Takes the oldest failure that is meant for this call. */
function take(
  failures: { readonly next: Failure; readonly where: StandInCall | undefined }[],
  call: StandInCall | undefined,
): Failure | undefined {
  const index = failures.findIndex(({ where }) => where === undefined || where === call);
  return index === -1 ? undefined : failures.splice(index, 1)[0]?.next;
}

async function reply(
  res: ServerResponse,
  clock: Clock,
  status: number,
  body: unknown,
  failure: Failure | undefined,
): Promise<void> {
  const delayMs = failure?.delayMs ?? 0;
  if (delayMs > 0) await new Promise<void>((resolve) => void clock.after(delayMs, resolve));
  if (res.destroyed) return;

  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const label = failure?.contentType ?? (typeof body === 'string' ? 'text/plain' : 'application/json;charset=utf-8');
  res.writeHead(status, { 'content-type': label, 'content-length': bytes.length, ...failure?.headers });
  if (!failure?.cut) {
    res.end(bytes);
    return;
  }
  res.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => {
    if (!failure.hang) res.destroy();
  });
}

async function readBody(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > LONGEST_BODY) throw new RangeError('the request is too long');
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString();
}

function keep<T>(list: T[], item: T): void {
  list.push(item);
  if (list.length > KEPT) list.shift();
}
