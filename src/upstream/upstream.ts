/**
 * The only way to the application. `forward` streams and never buffers, `ask` buffers and never streams, `tunnel` is for
 * upgrades. None of them knows sessions: cookies and decisions are the caller's.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

export type UpstreamFailure =
  | 'unreachable' // no connection, or it broke before an answer began: 502
  | 'timeout' // no answer in time: 504
  | 'malformed' // an answer that is no HTTP: 502
  | 'busy' // every connection is in use and too many wait, or one waited too long; nothing was sent: 503
  | 'too-large' // only `ask`: the answer is longer than the limit
  | 'aborted'; // the client went away, or the session ended

export class UpstreamError extends Error {
  readonly code: UpstreamFailure;
  /** Not a byte of the request left: it cannot have done anything. */
  readonly isUnsent: boolean;
  constructor(code: UpstreamFailure, options?: ErrorOptions & { readonly isUnsent?: boolean }) {
    super(`upstream ${code}`, options);
    this.name = 'UpstreamError';
    this.code = code;
    this.isUnsent = options?.isUnsent === true;
  }
}

/** Flat list name, value, name, value: order, case and duplicates kept; values are latin1 text. */
export type FlatHeaders = string[];

export interface AnswerHead {
  readonly status: number;
  readonly message: string;
  /** As the application sent them, less hop-by-hop headers and `Set-Cookie`. */
  readonly headers: FlatHeaders;
  /** Each `Set-Cookie` line, in order. */
  readonly setCookies: readonly string[];
}

/** What to do with an answer once its head is here. */
export type HeadRuling =
  /** Send this head and stream the body. */
  | { readonly send: FlatHeaders }
  /** Keep everything back until the promise settles; the body is read into a bounded buffer meanwhile. */
  | { readonly hold: Promise<{ readonly send: FlatHeaders } | 'taken'> };

export interface Forwarding {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** Request target as the application shall see it: path and query. */
  readonly target: string;
  /** Complete and rebuilt; see request-headers.ts. */
  readonly headers: FlatHeaders;
  /** Bytes of the body that were read already; the rest is streamed from `req` unless `bodyComplete`. */
  readonly bodyRead?: Buffer | undefined;
  readonly bodyComplete?: boolean;
  /** Called once, when the head of the answer is here and before a byte of it is sent. `taken`: the caller answers himself. */
  onHead(head: AnswerHead): HeadRuling;
  /** Whether early hints and trailers may go out at this moment; without it they never do. */
  mayTell?(): boolean;
  /**
   * Called once instead of, or after, `onHead`, when nothing was sent to the client yet: the caller answers himself. While a
   * ruling is out it waits for that, and is not called when the ruling is `taken`: nobody is asked to answer twice.
   */
  onFailure(error: UpstreamError): void;
  /** Called once when the exchange is over, however it ended; after `onFailure`. None of the three may throw. */
  onEnd(): void;
}

/** A running exchange. `abort` ends it on both sides at once; safe to call at any time and more than once. */
export interface Running {
  abort(): void;
}

export interface Question {
  readonly method: string;
  readonly target: string;
  readonly headers: FlatHeaders;
  readonly body?: Buffer;
  /** Longest body in bytes; a longer one is `too-large`. */
  readonly maxBytes: number;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export interface Reply extends AnswerHead {
  readonly body: Buffer;
}

export interface Tunnelling {
  readonly req: IncomingMessage;
  readonly socket: Duplex;
  /** Bytes that came with the head of the request. */
  readonly head: Buffer;
  readonly target: string;
  readonly headers: FlatHeaders;
  /**
   * Filters the headers of the 101, or of the refusal, before a byte of either is written to the client. A promise keeps both
   * sides waiting; one that rejects is a refusal (502).
   */
  onHead(head: AnswerHead): FlatHeaders | Promise<FlatHeaders>;
  onEnd(): void;
}

export interface Upstream {
  forward(forwarding: Forwarding): Running;
  /** @throws UpstreamError */
  ask(question: Question): Promise<Reply>;
  tunnel(tunnelling: Tunnelling): Running;
  /** Whether a connection can be made now, within `timeoutMs`; for start-up and the readiness probe. */
  reachable(timeoutMs: number): Promise<boolean>;
  close(): Promise<void>;
}
