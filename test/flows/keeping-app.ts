/**
 * A careless application: it keeps the session id at a login, has a door that no profile lists, believes the last of two
 * Content-Types, and greets a socket by name. It protects itself from nothing.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

export const PASSWORDS: ReadonlyMap<string, string> = new Map([
  ['alice', 'password-of-alice'],
  ['victim', 'password-of-victim'],
]);

const FORM = '<form method="post" action="/login"><input name="user"><input name="password" type="password"></form>';
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

export class KeepingApp {
  /** Session id to user; empty for nobody. */
  readonly sessions = new Map<string, string>();
  readonly requests: string[] = [];
  readonly cookies: string[] = [];
  /** Whether `/me` answers with an error, as an application under load does. */
  whoamiFails = false;
  readonly #server = createServer((req, res) => void this.#answer(req, res).catch(() => res.destroy()));
  readonly #sockets = new Set<Duplex>();

  static async start(): Promise<KeepingApp> {
    const app = new KeepingApp();
    app.#server.on('upgrade', (req: IncomingMessage, socket: Duplex) => app.#upgrade(req, socket));
    await new Promise<void>((resolve) => app.#server.listen(0, '127.0.0.1', resolve));
    return app;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk);
    const url = new URL(req.url ?? '/', 'http://app.invalid');
    this.requests.push(`${req.method} ${req.url}`);
    this.cookies.push(req.headers.cookie ?? '');
    const sid = this.#sessionOf(req, res);
    if (this.#logIn(sid, url, formOf(req, url, Buffer.concat(chunks).toString('latin1'))))
      return void res.writeHead(302, { Location: '/home' }).end();
    if (url.pathname === '/login') return void res.writeHead(200, { 'Content-Type': 'text/html' }).end(FORM);
    if (url.pathname === '/me' && this.whoamiFails) return void res.writeHead(500).end();
    const user = this.sessions.get(sid);
    if (user === undefined || user === '') return void res.writeHead(401).end();
    const [type, body] =
      url.pathname === '/me' ? ['application/json', JSON.stringify({ id: user })] : ['text/html', `secret-of-${user}-`];
    res.writeHead(200, { 'Content-Type': type }).end(body);
  }

  #upgrade(req: IncomingMessage, socket: Duplex): void {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    this.requests.push(`UPGRADE ${req.url}`);
    const url = new URL(req.url ?? '/', 'http://app.invalid');
    const sid = sidOf(req) ?? '';
    // Most web servers answer an upgrade that they do not know as a plain GET.
    if (this.#logIn(sid, url, url.searchParams)) {
      const page = `secret-of-${this.sessions.get(sid)}-`;
      return void socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${page.length}\r\n\r\n${page}`);
    }
    const accept = createHash('sha1').update(`${req.headers['sec-websocket-key']}${GUID}`).digest('base64');
    const head = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}`;
    socket.write(`${head}\r\n\r\nsecret-of-${this.sessions.get(sid)}-`);
  }

  #logIn(sid: string, { pathname }: URL, form: URLSearchParams): boolean {
    const user = form.get('user') ?? '';
    // As PHP does: what stands behind the script's name is not looked at.
    if (!/^\/(?:login|other)(?:\/|$)/i.test(pathname) || !PASSWORDS.has(user)) return false;
    if (PASSWORDS.get(user) !== form.get('password')) return false;
    this.sessions.set(sid, user);
    return true;
  }

  #sessionOf(req: IncomingMessage, res: ServerResponse): string {
    const sent = sidOf(req);
    if (sent !== undefined && this.sessions.has(sent)) return sent;
    const fresh = randomBytes(16).toString('hex');
    this.sessions.set(fresh, '');
    res.setHeader('Set-Cookie', `SID=${fresh}; Path=/`);
    return fresh;
  }
}

function sidOf(req: IncomingMessage): string | undefined {
  return /(?:^|; )SID=([0-9a-f]+)/.exec(req.headers.cookie ?? '')?.[1];
}

function formOf(req: IncomingMessage, url: URL, body: string): URLSearchParams {
  if (req.method === 'GET') return url.searchParams;
  const type = req.headersDistinct['content-type']?.at(-1) ?? '';
  if (!type.startsWith('multipart/')) return new URLSearchParams(body);
  const form = new URLSearchParams();
  for (const [, name = '', value = ''] of body.matchAll(/name="([^"]+)"\r\n\r\n([^\r]*)/g)) form.append(name, value);
  return form;
}
