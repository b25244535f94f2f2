/**
 * Asks the application something and waits for the whole answer, for logins and whoami. Bounded in bytes and time; it never
 * follows a redirect and never asks twice what could do something twice.
 */
import type { Clock } from '../clock.ts';
import type { ParsedHead } from './answer-parser.ts';
import type { Connection, Sender } from './connection.ts';
import { decode } from './decode.ts';
import type { Intake } from './intake.ts';
import { type Line, mayRepeat } from './line.ts';
import type { Request } from './request-head.ts';
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

class Asking implements Sender {
  readonly #line: Line;
  readonly #question: Question;
  readonly #request: Request;
  readonly #resolve: (whole: Whole) => void;
  readonly #reject: (error: UpstreamError) => void;
  readonly #cancelTimer: () => void;
  #repeats = 0;
  #over = false;
  #connection: Connection | undefined;
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

  onConnection(connection: Connection): boolean {
    if (this.#over) return false;
    this.#connection = connection;
    return true;
  }

  onHead({ status, message, headers, lengths }: ParsedHead): void {
    if (status < 200) return;
    this.#head = answerHead(status, message, headers);
    // Known to be too long: not a byte of it is read. A HEAD answer says a length and has none.
    if (Number(lengths[0] ?? 0) > this.#question.maxBytes && this.#request.method !== 'HEAD' && status !== 304) {
      this.#fail(new UpstreamError('too-large'));
    }
  }

  onBody(chunk: Buffer, _last: boolean, intake: Intake): boolean {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#question.maxBytes) this.#fail(new UpstreamError('too-large'));
    else this.#chunks.push(intake.own(chunk));
    return true;
  }

  onComplete(): void {
    this.#connection = undefined;
    if (this.#over || this.#head === undefined) return;
    this.#over = true;
    this.#forget();
    this.#resolve({ head: this.#head, body: Buffer.concat(this.#chunks, this.#bytes) });
  }

  onError(error: UpstreamError, unheard: boolean): void {
    this.#connection = undefined;
    if (this.#over) return;
    if (mayRepeat(this.#request, this.#repeats, unheard)) {
      this.#repeats += 1;
      this.#line.send(this.#request, this.#repeats, this);
      return;
    }
    this.#fail(error);
  }

  readonly #onAbort = (): void => this.#fail(new UpstreamError('aborted'));

  #fail(error: UpstreamError): void {
    if (this.#over) return;
    this.#over = true;
    this.#forget();
    this.#chunks = [];
    this.#connection?.abort(this);
    this.#line.withdraw(this);
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
