/** Somebody who sends requests over kept connections, without an exchange around it: notes what it is told, and in which order. */
import type { ParsedHead } from '../../src/upstream/answer-parser.ts';
import type { Connection, Sender } from '../../src/upstream/connection.ts';
import { destination } from '../../src/upstream/destination.ts';
import { Line, type LineOptions } from '../../src/upstream/line.ts';
import type { Request } from '../../src/upstream/request-head.ts';
import type { UpstreamError } from '../../src/upstream/upstream.ts';
import { TestClock } from '../fakes/clock.ts';
import { StandIn, until } from './wire.ts';

export class Caller implements Sender {
  readonly heads: ParsedHead[] = [];
  readonly told: string[] = [];
  connection: Connection | undefined;
  content = '';
  trailers: readonly string[] = [];
  error: UpstreamError | undefined;
  unheard = false;
  /** What it does besides; each may end the request. */
  readonly wanted: () => boolean;
  readonly onHeadToo: (caller: Caller) => void;
  readonly onBodyToo: (caller: Caller) => boolean;

  constructor(
    more: {
      readonly wanted?: () => boolean;
      readonly onHead?: (caller: Caller) => void;
      readonly onBody?: (caller: Caller) => boolean;
    } = {},
  ) {
    this.wanted = more.wanted ?? (() => true);
    this.onHeadToo = more.onHead ?? (() => {});
    this.onBodyToo = more.onBody ?? (() => true);
  }

  onConnection(connection: Connection): boolean {
    if (!this.wanted()) return false;
    this.connection = connection;
    return true;
  }

  onHead(head: ParsedHead): void {
    this.told.push(String(head.status));
    this.heads.push(head);
    this.onHeadToo(this);
  }

  onBody(chunk: Buffer, last: boolean): boolean {
    this.told.push(last ? 'last' : 'body');
    this.content += chunk.toString('latin1');
    return this.onBodyToo(this);
  }

  onComplete(trailers: readonly string[]): void {
    this.told.push('complete');
    this.trailers = trailers;
  }

  onError(error: UpstreamError, unheard: boolean): void {
    this.told.push(error.code);
    this.error = error;
    this.unheard = unheard;
  }

  get over(): boolean {
    return this.told.some((what) => what === 'complete') || this.error !== undefined;
  }

  /** Until it is over; what it was told. */
  async end(): Promise<string> {
    await until(
      () => this.over,
      () => `the end of ${this.told.join()}`,
    );
    return this.told.join();
  }
}

/** An application, and a line to it whose clock stands still. */
export async function lineTo(options: Partial<LineOptions> = {}) {
  const app = await StandIn.start();
  const clock = new TestClock();
  const dialler = { to: destination(app.url), trust: undefined, timeoutMs: 5_000, clock };
  const line = new Line(dialler, {
    connections: 1,
    queue: 8,
    queueTimeoutMs: 5_000,
    headersTimeoutMs: 30_000,
    ...options,
  });
  const send = (path: string, caller = new Caller(), request: Partial<Request> = {}): Caller => {
    line.send({ method: 'GET', path, headers: ['Host', 'app.test'], body: null, ...request }, 0, caller);
    return caller;
  };
  const stop = async (): Promise<void> => {
    line.close();
    await app.stop();
  };
  return { app, clock, line, send, stop };
}
