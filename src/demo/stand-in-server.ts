/**
 * What the stand-ins of outside services have in common: a real HTTP server that remembers what it was asked, and can be told
 * to fail in the ways in which services fail. Never part of a gateway in service.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Clock } from '../clock.ts';

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

export interface RecordedRequest<Call extends string> {
  readonly method: string;
  /** Path and query, as they were on the wire. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** Absent for an address that the service does not have. */
  readonly call?: Call;
}

export interface StandInAnswer {
  readonly status: number;
  readonly body: unknown;
}

export interface StandInService<Call extends string> {
  /** Default 127.0.0.1. */
  readonly host?: string | undefined;
  /** Default 0: any free one. */
  readonly port?: number | undefined;
  readonly clock: Clock;
  /** @param path canonical path of the request */
  callOf(method: string, path: string): Call | undefined;
  answer(request: RecordedRequest<Call>): StandInAnswer;
}

export interface StandInServer<Call extends string> {
  readonly url: string;
  /** Every request, oldest first. */
  readonly requests: readonly RecordedRequest<Call>[];
  /** Makes one later request fail: the next one, or the next of that call. Several wait in line. */
  fail(next: Failure, where?: Call): void;
  close(): Promise<void>;
}

const LONGEST_BODY = 64 * 1024;
/** A demo may run for days. */
const KEPT = 1000;

export async function startStandIn<Call extends string>(service: StandInService<Call>): Promise<StandInServer<Call>> {
  const requests: RecordedRequest<Call>[] = [];
  const failures: Planned<Call>[] = [];

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const body = await readBody(req);
    const method = req.method ?? '';
    const url = req.url ?? '';
    const call = service.callOf(method, new URL(url, 'http://stand-in.invalid').pathname);
    const request = { method, url, headers: req.headers, body, ...(call === undefined ? {} : { call }) };
    keep(requests, request);

    const failure = take(failures, call);
    if (failure?.hang && !failure.cut) return;
    const answer =
      failure?.status === undefined ? service.answer(request) : { status: failure.status, body: failure.body ?? '' };
    await reply(res, service.clock, answer, failure);
  }

  const server = createServer((req, res) => {
    // Taken now: a request that was given up in the middle of its body has lost it.
    const { socket } = req;
    handle(req, res).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(service.port ?? 0, service.host ?? '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the stand-in has no port');
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return {
    url: `http://${host}:${address.port}`,
    requests,
    fail: (next, where) => {
      failures.push({ next, where });
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Planned<Call> {
  readonly next: Failure;
  readonly where: Call | undefined;
}

/** Takes the oldest failure that is meant for this call. */
function take<Call>(failures: Planned<Call>[], call: Call | undefined): Failure | undefined {
  const index = failures.findIndex(({ where }) => where === undefined || where === call);
  return index === -1 ? undefined : failures.splice(index, 1)[0]?.next;
}

async function reply(
  res: ServerResponse,
  clock: Clock,
  { status, body }: StandInAnswer,
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

/** Puts one at the end of a list that may not grow for ever. */
export function keep<T>(list: T[], item: T): void {
  list.push(item);
  if (list.length > KEPT) list.shift();
}
