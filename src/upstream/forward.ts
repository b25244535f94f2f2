/**
 * One exchange: a request streams to the application, its answer streams back. One object per request, no promise unless an
 * answer is held, and a cut answer never looks complete. It decides nothing: `onHead` does.
 */
import { Socket } from 'node:net';
import type { ParsedHead } from './answer-parser.ts';
import { passHints, passTrailers } from './asides.ts';
import type { Connection, Sender } from './connection.ts';
import { cut } from './cut.ts';
import type { Intake } from './intake.ts';
import { type Line, mayRepeat } from './line.ts';
import type { Request } from './request-head.ts';
import { answerHead } from './response-headers.ts';
import { MOST_TOGETHER } from './together.ts';
import { announcesBody, Upload } from './upload.ts';
import { type AnswerHead, type FlatHeaders, type Forwarding, type Running, UpstreamError } from './upstream.ts';

export function forward(line: Line, forwarding: Forwarding, holdBytes: number): Running {
  const exchange = new Exchange(line, forwarding, holdBytes);
  exchange.begin();
  return exchange;
}

/** Early hints of one answer; more are noise. */
const MOST_HINTS = 5;

type State =
  | 'asking' // no head yet
  | 'held' // the head is here, its ruling is not; nothing was sent
  | 'sending' // the head was given to the client
  | 'over';

class Exchange implements Sender, Running {
  readonly #line: Line;
  readonly #forwarding: Forwarding;
  readonly #holdBytes: number;
  readonly #request: Request;
  #state: State = 'asking';
  #repeats = 0;
  /** Inside `begin`: callbacks wait for the next tick, so that the caller holds the `Running` before he is called. */
  #beginning = true;
  /** We want nothing more from the application. */
  #stopped = false;
  /** The application's answer is complete. */
  #complete = false;
  #bodyBegan = false;
  #hints = 0;
  #paused = false;
  #drains = false;
  /** Behind an earlier request of its connection, so that the end of the connection is listened for. */
  #queued = false;
  #connection: Connection | undefined;
  #held: Buffer[] | undefined;
  #heldBytes = 0;
  #failure: UpstreamError | undefined;

  constructor(line: Line, forwarding: Forwarding, holdBytes: number) {
    this.#line = line;
    this.#forwarding = forwarding;
    this.#holdBytes = holdBytes;
    this.#request = {
      method: forwarding.req.method ?? 'GET',
      path: forwarding.target,
      headers: forwarding.headers,
      body: bodyOf(forwarding),
    };
  }

  begin(): void {
    const { req, res } = this.#forwarding;
    res.on('close', this.#onClientClose);
    // Behind an earlier request of the same connection `res` has no socket yet, and would not hear of its end.
    if (res.socket === null) {
      this.#queued = true;
      req.socket.setMaxListeners(0); // as many as wait; Node would take eleven for a leak
      req.socket.on('close', this.#onClientClose);
    }
    if (res.destroyed || res.socket?.destroyed) {
      this.#stop();
      this.#fail(new UpstreamError('aborted'));
    } else {
      this.#line.send(this.#request, 0, this);
    }
    this.#beginning = false;
  }

  abort(): void {
    if (this.#state === 'over') return;
    this.#stop();
    if (this.#state === 'sending') this.#forwarding.res.destroy();
    else this.#broke(new UpstreamError('aborted'));
  }

  // What the connection calls.

  onConnection(connection: Connection): boolean {
    if (this.#stopped) return false;
    this.#connection = connection;
    return true;
  }

  onHead(parsed: ParsedHead): void {
    try {
      if (parsed.status < 200) {
        if (parsed.status === 103) this.#hint(parsed.headers); // other interim answers go no further (attack 82)
        return;
      }
      const head = answerHead(parsed.status, parsed.message, parsed.headers);
      const ruling = this.#forwarding.onHead(head);
      if ('send' in ruling) {
        this.#send(head, ruling.send);
      } else {
        this.#state = 'held';
        this.#hold(head, ruling.hold);
      }
    } catch (error) {
      this.#refuse(error);
    }
  }

  onBody(chunk: Buffer, last: boolean, intake: Intake): boolean {
    if (this.#state === 'sending') return last ? this.#writeLast(chunk, intake) : this.#write(chunk, intake);
    if (this.#state !== 'held') return true;
    this.#held ??= [];
    this.#held.push(intake.own(chunk));
    this.#heldBytes += chunk.length;
    this.#paused = this.#heldBytes >= this.#holdBytes;
    return !this.#paused;
  }

  onComplete(trailers: readonly string[]): void {
    this.#connection = undefined;
    if (this.#complete) return;
    this.#complete = true;
    if (this.#state !== 'sending') return;
    this.#bodyBegan = true;
    if (trailers.length > 0 && this.#mayTell()) this.#trail(trailers);
    this.#forwarding.res.end();
  }

  onError(error: UpstreamError, unheard: boolean): void {
    this.#connection = undefined;
    if (this.#stopped || this.#complete) return;
    if (this.#state === 'asking' && mayRepeat(this.#request, this.#repeats, unheard)) {
      this.#repeats += 1;
      this.#line.send(this.#request, this.#repeats, this);
      return;
    }
    this.#broke(error);
  }

  // What is said beside the answer.

  /** While an answer is held, nothing beside it goes out either. */
  #mayTell(): boolean {
    return this.#forwarding.mayTell?.() === true;
  }

  #hint(raw: readonly string[]): void {
    if (this.#state !== 'asking' || this.#hints >= MOST_HINTS || !this.#mayTell()) return;
    if (passHints(this.#forwarding.req, this.#forwarding.res, raw)) this.#hints += 1;
  }

  #trail(trailers: readonly string[]): void {
    try {
      passTrailers(this.#forwarding.req, this.#forwarding.res, trailers);
    } catch {
      // Not valid: the answer is whole without them.
    }
  }

  // Sending.

  /** @throws when Node refuses the head: it was not valid, or the caller has answered already. */
  #send(head: AnswerHead, headers: FlatHeaders): void {
    const { res } = this.#forwarding;
    res.writeHead(head.status, head.message, headers);
    this.#state = 'sending';
  }

  /** A small answer leaves as one packet; an event stream's head leaves before its first event. */
  onPause(): void {
    if (this.#state === 'sending' && !this.#bodyBegan) process.nextTick(flushHead, this);
  }

  flushHead(): void {
    const { req, res } = this.#forwarding;
    if (this.#bodyBegan || this.#state !== 'sending' || req.method === 'HEAD') return;
    // Not `flushHeaders`: it encodes the head as UTF-8 and would double bytes above 0x7f.
    res.write('', 'latin1');
  }

  /** @param intake who lent it; without it the bytes are ours. */
  #write(chunk: Buffer, intake?: Intake): boolean {
    const { res } = this.#forwarding;
    this.#bodyBegan = true;
    if (intake === undefined ? res.write(chunk) : intake.pass(chunk, res)) return true;
    if (!this.#drains) {
      this.#drains = true;
      res.on('drain', this.#onDrain);
    }
    this.#paused = true;
    return false;
  }

  /** @param intake who lent it; without it the bytes are ours. */
  #writeLast(chunk: Buffer, intake?: Intake): boolean {
    const { res } = this.#forwarding;
    this.#complete = true;
    const { socket } = res;
    if (chunk.length <= MOST_TOGETHER && !this.#bodyBegan && !res.chunkedEncoding && socket instanceof Socket) {
      // The head still waits for its tick: Node puts both into one text, which leaves at once. `end` with a chunk would write
      // an empty one behind it, and two pieces cost more than one.
      socket.cork();
      res.write(chunk.toString('latin1'), 'latin1');
      socket.uncork();
      res.end();
    } else {
      res.end(intake === undefined ? chunk : intake.own(chunk));
    }
    this.#bodyBegan = true;
    return true;
  }

  readonly #onDrain = (): void => {
    if (!this.#paused) return;
    this.#paused = false;
    this.#connection?.resume(this);
  };

  // Holding.

  #hold(head: AnswerHead, ruling: Promise<{ readonly send: FlatHeaders } | 'taken'>): void {
    ruling.then(
      (settled) => (settled === 'taken' ? this.#leave() : this.#release(head, settled.send)),
      // A ruling that failed is no permission (I6).
      (error: unknown) => this.#refuse(new UpstreamError('malformed', { cause: error })),
    );
  }

  #release(head: AnswerHead, headers: FlatHeaders): void {
    // Cut while it was held: nothing was sent yet, so the client gets an honest error instead of half an answer.
    if (this.#failure !== undefined) {
      this.#fail(this.#failure);
      return;
    }
    try {
      this.#send(head, headers);
    } catch (error) {
      this.#refuse(error);
      return;
    }
    const { res } = this.#forwarding;
    const wasPaused = this.#paused;
    const held = this.#held ?? [];
    this.#held = undefined;
    if (this.#complete && held.length === 1 && held[0] !== undefined) {
      this.#writeLast(held[0]);
      return;
    }
    let flowing = true;
    for (const chunk of held) flowing = this.#write(chunk);
    if (this.#complete) {
      this.#bodyBegan = true;
      res.end();
      return;
    }
    this.onPause();
    if (flowing) {
      this.#paused = false;
      if (wasPaused) this.#connection?.resume(this);
    }
  }

  /** The caller answers himself: not a byte of the held answer remains. */
  #leave(): void {
    this.#stop();
    this.#finish();
  }

  // Ending.

  readonly #onClientClose = (): void => {
    if (this.#state === 'over') return;
    if (this.#state === 'sending') {
      this.#stop();
      this.#finish();
    } else {
      this.#stop();
      this.#broke(new UpstreamError('aborted'));
    }
  };

  /** Ends the upstream side; without effect when the answer is complete. */
  #stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#connection?.abort(this);
    this.#connection = undefined;
    this.#line.withdraw(this);
  }

  /** Something that no client may see: the answer is given up and the caller answers (fail closed). */
  #refuse(error: unknown): void {
    if (this.#state === 'over') return;
    this.#stop();
    this.#fail(error instanceof UpstreamError ? error : new UpstreamError('malformed', { cause: error }));
  }

  #broke(failure: UpstreamError): void {
    if (this.#state === 'sending') this.#cut();
    else if (this.#state === 'held') this.#failure ??= failure;
    else if (this.#state === 'asking') this.#fail(failure);
  }

  /** The client must see that this is not the end (chunks without a last one, fewer bytes than announced, a reset). */
  #cut(): void {
    const { res } = this.#forwarding;
    if (res.socket === null) res.destroy();
    else cut(res.socket);
  }

  #fail(failure: UpstreamError): void {
    if (this.#beginning) {
      process.nextTick(() => this.#fail(failure));
      return;
    }
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#held = undefined;
    this.#letGo();
    this.#forwarding.onFailure(failure);
    this.#forwarding.onEnd();
  }

  #finish(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#held = undefined;
    this.#letGo();
    this.#forwarding.onEnd();
  }

  #letGo(): void {
    const { req, res } = this.#forwarding;
    // `res` keeps its listener, which has nothing more to do: to take it back is work for every request.
    if (this.#queued) req.socket.off('close', this.#onClientClose);
    if (this.#drains) res.off('drain', this.#onDrain);
  }
}

function flushHead(exchange: Exchange): void {
  exchange.flushHead();
}

function bodyOf({ req, res, bodyRead, bodyComplete }: Forwarding): Buffer | Upload | null {
  if (bodyComplete === true || (bodyRead !== undefined && req.readableEnded)) {
    return bodyRead === undefined || bodyRead.length === 0 ? null : bodyRead;
  }
  if (!announcesBody(req.rawHeaders)) return null;
  if (bodyRead !== undefined && bodyRead.length > 0) req.unshift(bodyRead);
  return new Upload(req, res);
}
