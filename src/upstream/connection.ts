/**
 * One kept connection to the application: a request at a time goes out, its answer comes back to who sent it. Whatever is odd
 * ends the connection, so that nothing of one answer can ever be taken for another's (attack 73). It decides nothing.
 */
import type { Socket } from 'node:net';
import type { Clock } from '../clock.ts';
import { type BodyReader, bodyReader } from './answer-body.ts';
import { HeadReader, type ParsedHead } from './answer-parser.ts';
import type { Intake } from './intake.ts';
import { type Request, requestHead } from './request-head.ts';
import { writeTogether } from './together.ts';
import { type Carrier, Upload } from './upload.ts';
import { UpstreamError } from './upstream.ts';

/** Who sends a request. One `onComplete` or `onError` follows each, and nothing after it. */
export interface Sender {
  /** The request is about to be written. @returns whether it is still wanted; if not, nothing more is called. */
  onConnection(connection: Connection): boolean;
  /** Also for each interim answer (1xx). */
  onHead(head: ParsedHead): void;
  /** @param chunk only lent: `intake.own` gives what is to be kept. @param last whether the answer is complete with it, without trailers. @returns whether more may come at once; if not, `resume` says when. */
  onBody(chunk: Buffer, last: boolean, intake: Intake): boolean;
  /** The head is here and what comes next is on its way: it may take as long as it likes. */
  onPause?(): void;
  onComplete(trailers: readonly string[]): void;
  /** @param unheard the connection was an old one, and died before a byte of this answer: the request may never have arrived. */
  onError(error: UpstreamError, unheard: boolean): void;
}

/** Where a connection belongs. */
export interface Owner {
  /** Free for the next request. */
  onFree(connection: Connection): void;
  onGone(connection: Connection): void;
}

/** How long a connection is kept that does not say how long it may be, and how much earlier than the application ours ends. */
const IDLE_MS = 4_000;
const MARGIN_MS = 1_000;
const MOST_IDLE_MS = 600_000;
/** Interim answers before the final one; some applications send 102 every few seconds for minutes. */
const MOST_INTERIM = 500;
const END = Buffer.alloc(0);

export class Connection implements Carrier {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #headersTimeoutMs: number;
  readonly #owner: Owner;
  readonly #intake: Intake;
  readonly #reader: HeadReader;
  #sender: Sender | undefined;
  #method = '';
  #upload: Upload | undefined;
  #body: BodyReader | undefined;
  /** How the answer that runs wants the connection to go on. */
  #keeps = true;
  #idleMs = IDLE_MS;
  #interim = 0;
  /** Answers that came over this connection before. */
  #served = 0;
  /** Whether it was free before, so that the application may have closed it meanwhile. */
  #kept = false;
  #heard = false;
  #ended = false;
  /** When something must have happened, and the one timer that looks: it is not set anew for each request. */
  #due = 0;
  #lookAt = Number.POSITIVE_INFINITY;
  #cancelLook: () => void = () => {};

  /** @param socket connected, trusted, and of nobody else. @param intake where its bytes come in */
  constructor(socket: Socket, intake: Intake, clock: Clock, headersTimeoutMs: number, owner: Owner) {
    this.#socket = socket;
    this.#clock = clock;
    this.#headersTimeoutMs = headersTimeoutMs;
    this.#owner = owner;
    this.#intake = intake;
    this.#reader = new HeadReader(intake);
    intake.onBytes = (bytes) => this.#onData(bytes);
    socket.on('drain', () => this.#onDrain());
    socket.on('end', () => this.#onEnd());
    socket.on('error', (error) => this.#lost(new UpstreamError('unreachable', { cause: error })));
    socket.on('close', () => this.#lost(new UpstreamError('unreachable')));
  }

  /** Whether a request may still be sent: neither side has ended it, and it is not about to. */
  get usable(): boolean {
    return this.#socket.readyState === 'open' && this.#clock.now() < this.#due;
  }

  /** @param keep whether the connection is to be used again. */
  send(request: Request, keep: boolean, sender: Sender): void {
    if (!sender.onConnection(this)) {
      this.#free();
      return;
    }
    this.#sender = sender;
    this.#heard = false;
    this.#interim = 0;
    this.#keeps = keep;
    this.#method = request.method;
    let head: ReturnType<typeof requestHead>;
    try {
      head = requestHead(request, keep);
    } catch (error) {
      this.#sender = undefined;
      this.#free();
      sender.onError(malformed(error), false);
      return;
    }
    this.#expect(this.#headersTimeoutMs);
    const { body } = request;
    if (body instanceof Upload) {
      this.#upload = body;
      body.begin(this.#socket, head, this);
    } else {
      writeTogether(this.#socket, head.text, body);
    }
  }

  /** Goes on after `onBody` said no. Without effect for who is not the sender. */
  resume(sender: Sender): void {
    if (this.#sender === sender) this.#socket.resume();
  }

  /** Ends the request and the connection; the sender hears no more. Without effect for who is not the sender. */
  abort(sender: Sender): void {
    if (this.#sender !== sender) return;
    this.#sender = undefined;
    this.#end();
  }

  /** Ends what still runs, with an error for its sender. */
  close(): void {
    this.#lost(new UpstreamError('unreachable'));
  }

  onSent(): void {
    this.#upload = undefined;
    if (this.#sender !== undefined && this.#body === undefined) this.#expect(this.#headersTimeoutMs);
  }

  onMismatch(): void {
    this.#lost(new UpstreamError('malformed'));
  }

  /** The application takes bytes of an upload: it is slow, not silent. */
  #onDrain(): void {
    if (this.#upload === undefined) return;
    if (this.#body === undefined) this.#expect(this.#headersTimeoutMs);
    this.#upload.drained();
  }

  #onData(chunk: Buffer): void {
    if (this.#sender === undefined) {
      this.#end(); // an answer that nobody asked for
      return;
    }
    this.#heard = true;
    try {
      this.#read(this.#sender, chunk);
    } catch (error) {
      this.#lost(malformed(error));
    }
  }

  /** @throws UpstreamError `malformed` */
  #read(sender: Sender, chunk: Buffer): void {
    let rest = chunk;
    while (this.#body === undefined) {
      const found = rest.length === 0 ? undefined : this.#reader.push(rest);
      if (found === undefined) return;
      rest = found.rest;
      this.#took(found.head);
      sender.onHead(found.head);
      if (this.#sender !== sender) return;
    }
    const body = this.#body;
    const pieces = rest.length === 0 ? [] : body.push(rest);
    const last = body.complete && body.trailers.length === 0 ? pieces.length - 1 : -1;
    this.#intake.isOnePiece = pieces.length === 1;
    let flows = true;
    for (let i = 0; i < pieces.length; i += 1) {
      flows = sender.onBody(pieces[i] ?? END, i === last, this.#intake);
      if (this.#sender !== sender) return;
    }
    if (body.complete) this.#completed(sender, body);
    else if (!flows) this.#socket.pause();
    else if (pieces.length === 0) sender.onPause?.();
  }

  /** @throws UpstreamError `malformed` */
  #took(head: ParsedHead): void {
    const body = bodyReader(head, this.#method);
    if (head.status < 200) {
      this.#interim += 1;
      // Nobody asked to switch (attack 75).
      if (head.status === 101 || this.#interim > MOST_INTERIM) throw new UpstreamError('malformed');
      return;
    }
    this.#body = body;
    if (!goesOn(head) || (body.framing === 'chunks' && head.codings.length === 0)) this.#keeps = false;
    this.#due = Number.POSITIVE_INFINITY; // event streams are silent for hours
    if (this.#served === 0) this.#idleMs = idleMs(head);
  }

  #onEnd(): void {
    if (this.#sender !== undefined && this.#body?.end() === true) this.#completed(this.#sender, this.#body);
    else this.#lost(new UpstreamError('unreachable'));
  }

  #completed(sender: Sender, body: BodyReader): void {
    this.#sender = undefined;
    this.#body = undefined;
    this.#served += 1;
    const { surplus, trailers } = body;
    const sent = this.#upload === undefined && this.#socket.writableLength === 0;
    this.#upload?.stop();
    this.#upload = undefined;
    sender.onComplete(trailers);
    if (this.#keeps && sent && !surplus && this.#socket.readyState === 'open') this.#free();
    else this.#end();
  }

  #free(): void {
    if (this.#socket.isPaused()) this.#socket.resume(); // its end must be heard
    this.#kept = true;
    this.#expect(this.#idleMs);
    this.#owner.onFree(this);
  }

  #lost(error: UpstreamError): void {
    const sender = this.#sender;
    this.#sender = undefined;
    this.#end();
    sender?.onError(error, this.#kept && !this.#heard && error.code === 'unreachable');
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelLook();
    this.#lookAt = 0;
    this.#upload?.stop();
    this.#upload = undefined;
    if (!this.#socket.destroyed) this.#socket.destroy();
    this.#owner.onGone(this);
  }

  #expect(withinMs: number): void {
    this.#due = this.#clock.now() + withinMs;
    if (this.#due >= this.#lookAt) return;
    this.#cancelLook();
    this.#lookAt = this.#due;
    this.#cancelLook = this.#clock.after(withinMs, () => this.#look());
  }

  #look(): void {
    this.#lookAt = Number.POSITIVE_INFINITY;
    const left = this.#due - this.#clock.now();
    if (left > 0) {
      if (left !== Number.POSITIVE_INFINITY) this.#expect(left);
    } else if (this.#sender === undefined) {
      this.#end();
    } else if (this.#upload !== undefined && !this.#socket.writableNeedDrain) {
      this.#expect(this.#headersTimeoutMs); // the client is slow, not the application
    } else {
      this.#lost(new UpstreamError('timeout'));
    }
  }
}

/** Also for a bug of ours in the middle of an answer: it is given up, not guessed at. */
function malformed(error: unknown): UpstreamError {
  return error instanceof UpstreamError ? error : new UpstreamError('malformed', { cause: error });
}

/** Whether the connection lasts (RFC 9112 9.3). */
function goesOn({ connection, minor }: ParsedHead): boolean {
  let keeps = minor === 1;
  for (const value of connection) {
    if (value === 'keep-alive' || value === 'Keep-Alive') {
      keeps = true;
      continue;
    }
    for (const option of value.toLowerCase().split(',')) {
      if (option.trim() === 'close') return false;
      if (option.trim() === 'keep-alive') keeps = true;
    }
  }
  return keeps;
}

/** How long the application keeps an idle connection, as far as it says so, less a margin: a request must not meet its end. */
function idleMs({ headers }: ParsedHead): number {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i]?.length !== 10 || headers[i]?.toLowerCase() !== 'keep-alive') continue;
    const timeout = /(?:^|[,;\s])timeout\s*=\s*"?([0-9]{1,6})/i.exec(headers[i + 1] ?? '');
    if (timeout !== null) return Math.max(0, Math.min(Number(timeout[1]) * 1_000 - MARGIN_MS, MOST_IDLE_MS));
  }
  return IDLE_MS;
}
