/**
 * A very small application with a user table that a test can edit: numbers and names can change hands. It keeps everything it
 * was sent, and protects itself from nothing.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SmallUser {
  readonly id: number;
  name: string;
  readonly password: string;
}

export interface SmallApp {
  readonly url: string;
  readonly users: SmallUser[];
  readonly requests: readonly string[];
  /** Every body, byte for byte. */
  readonly bodies: readonly Buffer[];
  /** How many answers of `/wait`, which never end, were given up by the other side. */
  givenUp: number;
  /** What `/go` answers as `Location`. */
  location: string;
  /** Answers that `/later` owes; each call sends one. */
  readonly later: (() => void)[];
  /** What `/cookie` sets: a whole Set-Cookie line, one character for each byte. */
  cookie: string;
  /** Where a right password leads. */
  afterLogin: string;
  /** Whether each answer comes with early hints and, if it has a body, with a trailer. */
  tells: boolean;
  /** What `/me` answers to somebody who is logged in. */
  me: (user: SmallUser) => { readonly type: string; readonly body: string };
  /** Goes down, and comes back at the same port. */
  stop(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

/** Overrides that turn a profile into this application's. */
export const SMALL_PROFILE = {
  home: '/home',
  login: {
    page: '/login',
    requests: [{ method: 'POST', path: '/login', form: { user: 'user', password: 'password' } }],
    success: [{ status: [302], locationNot: ['/login'] }],
    failure: [{ status: 200, bodyHas: 'name="password"' }],
    ignore: [],
  },
  whoami: { path: '/me', css: null, attribute: null, json: '/id', anonymous: [{ status: 401 }] },
  logout: [{ path: '/logout' }],
  signOut: [{ method: 'GET', path: '/logout' }],
  routes: [{ class: 'login', methods: ['GET', 'POST'], path: '/login' }],
  cookies: { readable: [], session: ['SID'] },
  identity: { hint: 'ignore' },
};

const FORM = '<form method="post" action="/login"><input name="user"><input name="password" type="password"></form>';

export async function startSmallApp(users: SmallUser[]): Promise<SmallApp> {
  const sessions = new Map<string, number>();
  const requests: string[] = [];
  const bodies: Buffer[] = [];
  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const bytes = await bytesOf(req);
    bodies.push(bytes);
    const body = bytes.toString('utf8');
    requests.push(`${req.method} ${req.url}\n${JSON.stringify(req.rawHeaders)}\n${body}`);
    const sid = /(?:^|; )SID=([0-9a-f]+)/.exec(req.headers.cookie ?? '')?.[1];
    const user = app.users.find(({ id }) => sid !== undefined && sessions.get(sid) === id);
    const path = req.url?.split('?', 1)[0];
    if (app.tells) {
      res.writeEarlyHints({ link: '</told.css>; rel=preload; as=style' });
      res.setHeader('Trailer', 'X-Told');
      res.addTrailers({ 'X-Told': 'behind', 'Set-Cookie': 'told=1' });
    }
    if (path === '/login' && req.method === 'POST') {
      const form = new URLSearchParams(body);
      const found = app.users.find(
        ({ name, password }) => name === form.get('user') && password === form.get('password'),
      );
      if (found === undefined) return void res.writeHead(200, { 'Content-Type': 'text/html' }).end(FORM);
      const fresh = randomBytes(16).toString('hex');
      sessions.set(fresh, found.id);
      return void res.writeHead(302, { 'Set-Cookie': `SID=${fresh}; Path=/`, Location: app.afterLogin }).end();
    }
    if (path === '/login') return void res.writeHead(200, { 'Content-Type': 'text/html' }).end(FORM);
    if (path === '/logout' && sid !== undefined) sessions.delete(sid);
    if (path === '/logout') return void res.writeHead(302, { Location: '/login' }).end();
    if (user === undefined) return void res.writeHead(401).end();
    if (path === '/wait') {
      res.on('close', () => {
        app.givenUp += 1;
      });
      res.writeHead(200, { 'Content-Type': 'text/plain' }).write('first');
      return;
    }
    if (path?.endsWith('/silent') === true) return;
    if (path === '/later') return void app.later.push(() => res.writeHead(200).end('worth-waiting-for'));
    if (path === '/cookie') return void res.writeHead(200, { 'Set-Cookie': app.cookie }).end('set');
    if (path === '/go') return void res.writeHead(302, { Location: app.location }).end();
    const { type, body: page } = path === '/me' ? app.me(user) : { type: 'text/html', body: `secret-of-${user.id}-` };
    res.writeHead(200, { 'Content-Type': type }).end(page);
  };
  const server = createServer((req, res) => void answer(req, res).catch(() => res.destroy()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  const app: SmallApp = {
    url: `http://127.0.0.1:${port}`,
    users,
    requests,
    bodies,
    givenUp: 0,
    location: '/home',
    afterLogin: '/home',
    later: [],
    tells: false,
    cookie: 'a=b',
    me: ({ id, name }) => ({ type: 'application/json', body: JSON.stringify({ id, name }) }),
    stop,
    start: () => new Promise((resolve) => server.listen(port, '127.0.0.1', resolve)),
    close: stop,
  };
  return app;
}

async function bytesOf(req: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk);
  return Buffer.concat(chunks);
}
