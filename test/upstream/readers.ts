/** One answer, read twice: by our connection and by Node's own client, out of the same pieces. */
import { request } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { bodyReader } from '../../src/upstream/answer-body.ts';
import { HeadReader } from '../../src/upstream/answer-parser.ts';
import { Connection } from '../../src/upstream/connection.ts';
import { Intake } from '../../src/upstream/intake.ts';
import { TestClock } from '../fakes/clock.ts';
import { Caller } from './caller.ts';

/** Whether bytes lie behind the end of an answer, where it has one of its own. */
export function hasSurplus(method: string, bytes: Buffer): boolean {
  const reader = new HeadReader();
  let rest = bytes;
  for (let found = reader.push(rest); found !== undefined; found = reader.push(rest)) {
    rest = found.rest;
    if (found.head.status < 200) continue;
    const body = bodyReader(found.head, method);
    body.push(rest);
    return body.surplus;
  }
  return false;
}

/** An answer that is whole, or that there was none: what was cut is an error, however much of it came. */
export type Outcome =
  | {
      readonly status: number;
      readonly message: string;
      readonly headers: readonly string[];
      readonly body: string;
      readonly trailers: readonly string[];
    }
  | 'error';

/** A socket without a network: what is written is lost, and each piece is read on its own. */
class Pieces extends Duplex {
  readonly readyState = 'open';
  readonly #pieces: Iterator<Buffer>;

  constructor(bytes: Buffer, sizes: readonly number[]) {
    super({ highWaterMark: 1 << 20 });
    this.#pieces = cut(bytes, sizes);
  }

  override _read(): void {}
  override _write(_chunk: Buffer, _encoding: string, callback: () => void): void {
    callback();
  }

  /** Gives everything out, then ends; until it is closed. */
  async run(): Promise<void> {
    for (let next = this.#pieces.next(); next.done !== true; next = this.#pieces.next()) this.push(next.value);
    this.push(null);
    if (!this.closed) await new Promise<void>((resolve) => this.once('close', () => resolve()));
  }
}

function* cut(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  for (let at = 0, i = 0; at < bytes.length; i += 1) {
    const size = sizes[i % sizes.length] ?? bytes.length;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

/** Reads as a socket does: each time over what was read before. */
function lend(intake: Intake, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.copy(intake.onread.buffer(), 0, at);
    intake.onread.callback(length);
    at += length;
  }
}

export async function readByUs(method: string, bytes: Buffer, sizes: readonly number[]): Promise<Outcome> {
  const pieces = new Pieces(bytes, sizes);
  const caller = new Caller();
  // The part of a socket that a connection uses.
  const socket = pieces as Duplex as Socket;
  const intake = new Intake();
  pieces.on('data', (bytes: Buffer) => lend(intake, bytes));
  const connection = new Connection(socket, intake, new TestClock(), 60_000, { onFree() {}, onGone() {} });
  connection.send({ method, path: '/', headers: ['Host', 'x'], body: null }, true, caller);
  await pieces.run();
  const head = caller.heads.at(-1);
  if (!caller.told.includes('complete') || head === undefined) return 'error';
  const { status, message, headers } = head;
  return { status, message, headers, body: caller.content, trailers: caller.trailers };
}

export function readByNode(method: string, bytes: Buffer, sizes: readonly number[]): Promise<Outcome> {
  const pieces = new Pieces(bytes, sizes);
  return new Promise((resolve) => {
    let outcome: Outcome = 'error';
    let answered = false;
    const asked = request({ method, createConnection: () => pieces, maxHeaderSize: 65_536 }, (answer) => {
      const body: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => body.push(chunk));
      answer.on('error', () => {});
      answer.on('close', () => resolve(outcome));
      answered = true;
      answer.on('end', () => {
        if (!answer.complete) return;
        outcome = {
          status: answer.statusCode ?? 0,
          message: answer.statusMessage ?? '',
          headers: answer.rawHeaders,
          body: Buffer.concat(body).toString('latin1'),
          trailers: answer.rawTrailers,
        };
      });
    });
    asked.on('error', () => {});
    asked.on('upgrade', (_answer, socket) => socket.destroy());
    asked.on('close', () => {
      if (!answered) resolve(outcome);
    });
    asked.end();
    asked.on('socket', () => void pieces.run());
  });
}
