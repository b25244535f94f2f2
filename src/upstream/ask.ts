/**
 * Asks the application something and waits for the whole answer, for logins and whoami. Bounded in bytes and time; it never
 * follows a redirect and never asks twice what could do something twice.
 */
import type { Dispatcher } from 'undici';
import type { Clock } from '../clock.ts';
import { decode } from './decode.ts';
import { failureOf } from './failure.ts';
import { type Line, mayRepeat, type Request } from './line.ts';
import { answerHead } from './response-headers.ts';
import { type AnswerHead, type FlatHeaders, type Question, type Reply, UpstreamError } from './upstream.ts';

/** @throws UpstreamError */
export async function ask(line: Line, question: Question, clock: Clock): Promise<Reply> {
  const { head, body } = await new Promise<Whole>((resolve, reject) => {
    new Asking(line, question, clock, resolve, reject).begin();
  });
  const encodings = valuesOf(head.headers, 'content-encoding').join(',');
  if (encodings === '' || body.length === 0) return { ...head, body };
  const decoded = await decode(body, encodings, question.maxBytes);
  return { ...head, headers: withoutCoding(head.headers), body: decoded };
}

interface Whole {
  readonly head: AnswerHead;
  readonly body: Buffer;
}

class Asking implements Dispatcher.DispatchHandler {
  readonly #line: Line;
  readonly #question: Question;
  readonly #request: Request;
  readonly #resolve: (whole: Whole) => void;
  readonly #reject: (error: UpstreamError) => void;
  readonly #cancelTimer: () => void;
  #repeats = 0;
  #answered = false;
  #over = false;
  #abort: ((error?: Error) => void) | undefined;
  #head: AnswerHead | undefined;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(
    line: Line,
    question: Question,
    clock: Clock,
    resolve: (whole: Whole) => void,
    reject: (error: UpstreamError) => void,
  ) {
    this.#line = line;
    this.#question = question;
    this.#resolve = resolve;
    this.#reject = reject;
    const { method, target, headers, body } = question;
    this.#request = { method, path: target, headers, body: body === undefined || body.length === 0 ? null : body };
    this.#cancelTimer = clock.after(question.timeoutMs, () => this.#fail(new UpstreamError('timeout')));
  }

  begin(): void {
    const { signal } = this.#question;
    if (signal?.aborted === true) {
      this.#fail(new UpstreamError('aborted'));
      return;
    }
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    this.#line.send(this.#request, 0, this);
  }

  onConnect(abort: (error?: Error) => void): void {
    if (this.#over) throw new UpstreamError('aborted');
    this.#abort = abort;
  }

  onResponseStarted(): void {
    this.#answered = true;
  }

  onHeaders(status: number, raw: Buffer[], _resume: () => void, message: string): boolean {
    if (status < 200) return true;
    try {
      this.#head = answerHead(status, message, raw);
      // Known to be too long: not a byte of it is read. A HEAD answer says a length and has none.
      const length = Number(valuesOf(this.#head.headers, 'content-length')[0] ?? 0);
      if (length > this.#question.maxBytes && this.#request.method !== 'HEAD' && status !== 304) {
        this.#fail(new UpstreamError('too-large'));
      }
      if (status === 304) this.#completed(); // as in forward.ts: its length is not that of a body
    } catch (error) {
      this.#fail(failureOf(error));
    }
    return true;
  }

  onData(chunk: Buffer): boolean {
    if (this.#over) return true;
    this.#bytes += chunk.length;
    if (this.#bytes > this.#question.maxBytes) this.#fail(new UpstreamError('too-large'));
    else this.#chunks.push(chunk);
    return true;
  }

  onComplete(): void {
    this.#line.left();
    this.#completed();
  }

  #completed(): void {
    if (this.#over || this.#head === undefined) return;
    this.#over = true;
    this.#forget();
    this.#resolve({ head: this.#head, body: Buffer.concat(this.#chunks, this.#bytes) });
  }

  onError(error: Error): void {
    this.#line.left();
    if (this.#over) return;
    if (mayRepeat(this.#request, this.#repeats, this.#answered, error)) {
      this.#repeats += 1;
      this.#line.send(this.#request, this.#repeats, this);
      return;
    }
    this.#fail(failureOf(error));
  }

  readonly #onAbort = (): void => this.#fail(new UpstreamError('aborted'));

  #fail(error: UpstreamError): void {
    if (this.#over) return;
    this.#over = true;
    this.#forget();
    this.#chunks = [];
    this.#abort?.();
    this.#reject(error);
  }

  #forget(): void {
    this.#cancelTimer();
    this.#question.signal?.removeEventListener('abort', this.#onAbort);
  }
}

function valuesOf(headers: FlatHeaders, name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i]?.toLowerCase() === name) values.push(headers[i + 1] ?? '');
  }
  return values;
}

/** The body is decoded: what described the encoded one would be wrong. */
function withoutCoding(headers: FlatHeaders): FlatHeaders {
  const kept: FlatHeaders = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const lower = headers[i]?.toLowerCase();
    if (lower !== 'content-encoding' && lower !== 'content-length') kept.push(headers[i] ?? '', headers[i + 1] ?? '');
  }
  return kept;
}
