/**
 * An upgrade: a connection of its own to the application, and bytes both ways once the application has said a valid 101.
 * Before that, and after a refusal, not a byte of the client goes through (attack 75).
 */
import { STATUS_CODES } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { bodyReader } from './answer-body.ts';
import { HeadReader, type ParsedHead } from './answer-parser.ts';
import { type Dialler, dial } from './dial.ts';
import { consents, type Handshake, handshake, headerLines, isWebSocketRequest } from './handshake.ts';
import { join } from './join.ts';
import { part, passRefusal } from './refusal.ts';
import { answerHead } from './response-headers.ts';
import { type FlatHeaders, type Running, type Tunnelling, UpstreamError } from './upstream.ts';

/** Interim answers before the final one; more are no handshake. */
const MOST_INTERIM = 5;

/** @param timeoutMs for everything up to the head of the application's answer. */
export function tunnel(dialler: Dialler, timeoutMs: number, tunnelling: Tunnelling): Running {
  const opening = new Opening(dialler, timeoutMs, tunnelling);
  // The caller holds the `Running` before he is called back.
  process.nextTick(() => opening.begin());
  return opening;
}

class Opening implements Running {
  readonly #dialler: Dialler;
  readonly #tunnelling: Tunnelling;
  readonly #client: Duplex;
  readonly #cancelTimer: () => void;
  #upstream: Socket | undefined;
  #asked: Handshake | undefined;
  #reader = new HeadReader();
  #interim = 0;
  /** `opening` until the head of the answer is here; from `settled` on others own the sockets. */
  #state: 'opening' | 'settled' | 'over' = 'opening';

  constructor(dialler: Dialler, timeoutMs: number, tunnelling: Tunnelling) {
    this.#dialler = dialler;
    this.#tunnelling = tunnelling;
    this.#client = tunnelling.socket;
    this.#client.on('error', () => this.#client.destroy());
    this.#client.on('close', () => this.#finish());
    this.#cancelTimer = dialler.clock.after(timeoutMs, () => this.#refuse(504));
  }

  begin(): void {
    if (this.#client.destroyed) this.#finish();
    if (this.#state !== 'opening') return;
    const { req, target, headers } = this.#tunnelling;
    this.#asked = isWebSocketRequest(req) ? handshake(target, headers) : undefined;
    if (this.#asked === undefined) {
      this.#refuse(400);
      return;
    }
    const { bytes } = this.#asked;
    if (this.#client instanceof Socket) this.#client.setTimeout(0).setNoDelay(true);
    this.#upstream = dial(this.#dialler, (error, upstream) => {
      if (this.#state !== 'opening') {
        upstream.destroy();
        return;
      }
      if (error !== null) {
        this.#refuse(502);
        return;
      }
      upstream.on('data', this.#onData);
      upstream.on('end', this.#onLost);
      upstream.on('close', this.#onLost);
      upstream.write(bytes);
    });
  }

  abort(): void {
    this.#client.destroy();
    this.#upstream?.destroy();
    this.#finish();
  }

  readonly #onLost = (): void => this.#refuse(502);

  readonly #onData = (chunk: Buffer): void => {
    try {
      this.#read(chunk);
    } catch {
      this.#refuse(502);
    }
  };

  /** @throws UpstreamError when the answer is none; anything that `onHead` throws, which is a refusal too (I6). */
  #read(chunk: Buffer): void {
    let found = this.#reader.push(chunk);
    while (found !== undefined && found.head.status < 200 && found.head.status !== 101) {
      this.#interim += 1;
      if (this.#interim > MOST_INTERIM) throw new UpstreamError('malformed');
      this.#reader = new HeadReader();
      found = found.rest.length === 0 ? undefined : this.#reader.push(found.rest);
    }
    if (found === undefined || this.#upstream === undefined) return;
    const { head, rest } = found;
    if (head.status === 101) this.#open(this.#upstream, head, rest);
    else this.#pass(this.#upstream, head, rest);
  }

  #open(upstream: Socket, head: ParsedHead, rest: Buffer): void {
    if (this.#asked === undefined || !consents(head, this.#asked.accept)) throw new UpstreamError('malformed');
    this.#rule(upstream, head, (lines) => {
      this.#client.write(`${lines}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`, 'latin1');
      join(this.#client, upstream, { toUpstream: this.#tunnelling.head, toClient: rest }, this.#dialler.clock);
    });
  }

  /** The application said no: its answer goes out, and the connection ends with it. */
  #pass(upstream: Socket, head: ParsedHead, rest: Buffer): void {
    const body = bodyReader(head, 'GET');
    this.#rule(upstream, head, (lines) => {
      passRefusal(this.#client, upstream, { head: lines, body, rest }, this.#dialler.clock);
    });
  }

  /** Asks the caller, and goes on with the status line and header lines that he wants; at once, if he does not wait himself. */
  #rule(upstream: Socket, head: ParsedHead, goOn: (lines: string) => void): void {
    const answer = answerHead(head.status, head.message, head.headers);
    const proceed = (headers: FlatHeaders): void => {
      const lines = headerLines(headers);
      if (lines === undefined) throw new UpstreamError('malformed');
      this.#settle(upstream);
      goOn(`HTTP/1.1 ${answer.status} ${answer.message}\r\n${lines}`);
    };
    const ruling = this.#tunnelling.onHead(answer);
    if (!(ruling instanceof Promise)) return proceed(ruling);
    upstream.pause(); // what comes behind the head waits in the socket
    upstream.off('data', this.#onData);
    ruling
      .then((headers) => {
        if (this.#state !== 'opening') return;
        proceed(headers);
        upstream.resume();
      })
      .catch(() => this.#refuse(502));
  }

  #settle(upstream: Socket): void {
    this.#state = 'settled';
    this.#cancelTimer();
    upstream.off('data', this.#onData);
    upstream.off('end', this.#onLost);
    upstream.off('close', this.#onLost);
  }

  #refuse(status: 400 | 502 | 504): void {
    if (this.#state !== 'opening') return;
    this.#state = 'settled';
    this.#cancelTimer();
    this.#upstream?.destroy();
    const line = `HTTP/1.1 ${status} ${STATUS_CODES[status]}`;
    part(this.#client, `${line}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, this.#dialler.clock);
  }

  #finish(): void {
    if (this.#state === 'over') return;
    if (this.#state === 'opening') this.#upstream?.destroy();
    this.#state = 'over';
    this.#cancelTimer();
    this.#tunnelling.onEnd();
  }
}
