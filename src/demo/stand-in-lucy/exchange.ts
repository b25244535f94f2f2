/**
 * One request and its answer, as the application's framework sees them: Yii's addresses, PHP's variables, the session that
 * starts by itself, absolute redirects made from the Host header. It decides nothing about who may see what.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { canonical, splitTarget, yiiRoute } from './addresses.ts';
import { boundaryOf, parseMultipart } from './multipart.ts';
import type { StandInLucyOptions } from './options.ts';
import { mediaType, type PhpArray, parseCookies, parseUrlencoded, scalar } from './php.ts';
import type { RecordedRequest, Recorder } from './recorder.ts';
import { type AppSession, isSessionId, newSessionId, type Sessions } from './sessions.ts';
import type { Tokens } from './tokens.ts';
import type { User, Users } from './users.ts';

/** Everything that outlives a request. */
export interface Application {
  readonly options: StandInLucyOptions;
  readonly users: Users;
  readonly sessions: Sessions;
  readonly tokens: Tokens;
  readonly recorder: Recorder;
}

export type Handler = (exchange: Exchange) => void | Promise<void>;
/** Handlers by `METHOD /path`, in lower case after the blank. */
export type Routes = Readonly<Record<string, Handler>>;

/** Forms are small; PHP's `post_max_size` would refuse more. */
const MAX_FORM_BYTES = 1024 * 1024;
const THIRTY_DAYS_S = 30 * 24 * 3600;

/** Yii names the remember-me cookie by a bare MD5, different for each installation. */
export const IDENTITY_COOKIE = createHash('md5').update('stand-in lucy identity').digest('hex');

export class Exchange {
  readonly app: Application;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly query: PhpArray;
  readonly cookies: PhpArray;
  readonly #record: RecordedRequest;
  readonly #setCookies = new Map<string, string>();
  readonly #headers: OutgoingHttpHeaders = {};
  #sessionId: string | undefined;
  #body: Promise<Buffer> | undefined;

  constructor(app: Application, request: IncomingMessage, response: ServerResponse, record: RecordedRequest) {
    this.app = app;
    this.request = request;
    this.response = response;
    this.#record = record;
    const [path = '/', query = ''] = splitTarget(request.url ?? '/');
    this.query = parseUrlencoded(query);
    this.path = yiiRoute(canonical(path), this.query);
    this.cookies = parseCookies(request.headers.cookie ?? '');
  }

  /** The name the browser asked for, in lower case and without port. */
  get hostName(): string {
    return (this.request.headers.host ?? '').replace(/:\d*$/, '').toLowerCase();
  }

  /** `REMOTE_ADDR`, the only address that Yii believes. */
  get address(): string {
    return this.request.socket.remoteAddress ?? '';
  }

  get isAjax(): boolean {
    return this.request.headers['x-requested-with'] === 'XMLHttpRequest';
  }

  get session(): AppSession {
    return this.app.sessions.adopt(this.#startSession());
  }

  /** The whole body in chunks, on its way past the recorder. Can be read once. */
  async *received(): AsyncGenerator<Buffer> {
    for await (const chunk of this.request.iterator({ destroyOnReturn: false })) {
      const bytes: Buffer = chunk;
      this.app.recorder.addBody(this.#record, bytes);
      yield bytes;
    }
  }

  /**
   * The body of a form, whole.
   * @throws RangeError when it is larger than PHP would take.
   */
  bodyBytes(): Promise<Buffer> {
    this.#body ??= this.#collect();
    return this.#body;
  }

  /** `$_POST`: empty for every content type that PHP does not parse. */
  async form(): Promise<PhpArray> {
    const type = this.request.headers['content-type'] ?? '';
    const body = await this.bodyBytes();
    if (mediaType(type) === 'application/x-www-form-urlencoded') return parseUrlencoded(body.toString('latin1'));
    const boundary = mediaType(type) === 'multipart/form-data' ? boundaryOf(type) : undefined;
    return boundary === undefined ? new Map() : parseMultipart(body, boundary);
  }

  /** The string members of a JSON object; anything else reads as an empty one. */
  async json(): Promise<Readonly<Record<string, string>>> {
    const body = await this.bodyBytes();
    try {
      const value: unknown = JSON.parse(body.toString('utf8'));
      if (typeof value !== 'object' || value === null) return {};
      return Object.fromEntries(
        Object.entries(value).filter((pair): pair is [string, string] => typeof pair[1] === 'string'),
      );
    } catch {
      return {};
    }
  }

  /** From now on this session is the user's. */
  logIn(user: User, remember = false): void {
    const id = this.#startSession();
    const session = this.app.sessions.adopt(id);
    session.user = user;
    delete session.awaiting;
    if (this.app.options.rotate === 'rotate') {
      const fresh = newSessionId();
      this.app.sessions.rename(id, fresh);
      this.#useSession(fresh);
    }
    if (!remember || !this.app.options.rememberMe) return;
    const value = encodeURIComponent(this.app.tokens.sign(JSON.stringify({ id: user.email, duration: THIRTY_DAYS_S })));
    const expires = new Date(this.app.options.clock.now() + THIRTY_DAYS_S * 1000).toUTCString();
    const attributes = `expires=${expires}; Max-Age=${THIRTY_DAYS_S}; path=/; SameSite=Lax`;
    this.setCookie(IDENTITY_COOKIE, value, attributes);
  }

  logOut(): void {
    this.app.sessions.destroy(this.#startSession());
    const gone = 'expires=Thu, 01-Jan-1970 00:00:01 GMT; Max-Age=0; path=/';
    this.setCookie(this.app.options.sessionCookie, 'deleted', gone);
    if (this.cookies.has(IDENTITY_COOKIE)) this.setCookie(IDENTITY_COOKIE, 'deleted', gone);
  }

  setCookie(name: string, value: string, attributes = 'path=/'): void {
    this.#setCookies.set(name, `${name}=${value}; ${attributes}`);
  }

  header(name: string, value: string): void {
    this.#headers[name] = value;
  }

  html(status: number, body: string): void {
    this.#text(status, 'text/html; charset=UTF-8', body);
  }

  answerJson(status: number, value: unknown): void {
    this.#text(status, 'application/json', JSON.stringify(value));
  }

  redirect(path: string, body = ''): void {
    const scheme = this.request.headers['x-forwarded-proto'] === 'https' ? 'https' : 'http';
    this.header('Location', `${scheme}://${this.request.headers.host ?? 'localhost'}${path}`);
    this.#text(302, 'text/html; charset=UTF-8', body);
  }

  /** Sends the head; for answers whose body streams. */
  head(status: number, headers: OutgoingHttpHeaders): void {
    const cookies = [...this.#setCookies.values()];
    const all = { ...this.#headers, ...headers, ...(cookies.length > 0 ? { 'Set-Cookie': cookies } : {}) };
    this.response.writeHead(status, all);
  }

  #text(status: number, type: string, body: string): void {
    const bytes = Buffer.from(body);
    const zip = bytes.length > 256 && /\bgzip\b/.test(String(this.request.headers['accept-encoding'] ?? ''));
    const sent = zip ? gzipSync(bytes) : bytes;
    const encoding = zip ? { 'Content-Encoding': 'gzip' } : {};
    this.head(status, { 'Content-Type': type, 'Content-Length': sent.length, Vary: 'Accept-Encoding', ...encoding });
    this.response.end(sent);
  }

  #startSession(): string {
    if (this.#sessionId !== undefined) return this.#sessionId;
    const { sessionCookie, sessionInQuery } = this.app.options;
    const sent =
      scalar(this.cookies, sessionCookie) ?? (sessionInQuery ? scalar(this.query, sessionCookie) : undefined);
    const limiter = 'no-store, no-cache, must-revalidate';
    Object.assign(this.#headers, { Expires: 'Thu, 19 Nov 1981 08:52:00 GMT', 'Cache-Control': limiter });
    if (isSessionId(sent)) this.#sessionId = sent;
    else this.#useSession(newSessionId());
    return this.#sessionId ?? '';
  }

  #useSession(id: string): void {
    this.#sessionId = id;
    this.setCookie(this.app.options.sessionCookie, id);
  }

  async #collect(): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of this.received()) {
      size += chunk.length;
      if (size > MAX_FORM_BYTES) throw new RangeError('form too large');
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }
}
