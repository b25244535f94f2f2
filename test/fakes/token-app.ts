/**
 * A small application without cookies: its login answers with a token in a JSON body, and everything else asks for it in
 * `Authorization: Bearer`. It keeps everything it was sent, and every token that it ever handed out.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TokenApp {
  readonly url: string;
  /** Head and body of every request. */
  readonly requests: readonly string[];
  /** Whose they are; the application believes these. */
  readonly tokens: Map<string, string>;
  /** Every one that there ever was. */
  readonly handedOut: readonly string[];
  /** How the answer with a token is written. */
  write: (answer: Readonly<Record<string, unknown>>) => Buffer;
  /** Whose token a refresh hands out; without it that of who asks. */
  refreshesFor: string | undefined;
  /** Further headers of an answer with a token, or others in the place of the usual ones. */
  headers: (token: string) => Readonly<Record<string, string | string[]>>;
  /** Takes credentials as no client of its own sends them: by any method, in any type of body, in the query. */
  obliging: boolean;
  /** Gives whoever opens its page a cookie, and knows its own logins by it. */
  visits: boolean;
  /** What each answer waits for. @param target of the request */
  before: (target: string) => Promise<void>;
  close(): Promise<void>;
}

/** Overrides that turn a profile into this application's. */
export const TOKEN_PROFILE = {
  home: '/',
  login: {
    page: '/login',
    script: '/login',
    requests: [{ path: '/api/login', json: { user: '/user', password: '/password' } }],
    success: [{ status: 200 }],
    failure: [{ status: 403 }],
    ignore: [],
    bearer: { token: '/data/token', refresh: [{ path: '/api/refresh' }], whoami: true },
  },
  whoami: { path: '/api/me', css: null, attribute: null, json: '/name', anonymous: [{ status: 401 }] },
  logout: [{ method: 'POST', path: '/api/logout' }],
  signOut: [{ method: 'POST', path: '/api/logout' }],
  routes: [
    { class: 'login', path: '/login' },
    { class: 'login', path: '/api/login' },
    { class: 'login', path: '/api/refresh' }, // wider than it should be
  ],
  cookies: { readable: [], session: ['SID'] },
};

/** One page for everything, whose script keeps the token where such pages keep it. */
const PAGE = `<!doctype html><html lang="en"><head><title>Things</title></head><body>
<form><label>Email <input name="user"></label> <label>Password <input name="password" type="password"></label>
<button>Log in</button></form><p role="status"></p><button id="leave" hidden>Log out</button>
<script>
const form = document.querySelector('form');
const status = document.querySelector('[role=status]');
const leave = document.querySelector('#leave');
function show(text, isInside) {
  status.textContent = text;
  form.hidden = isInside;
  leave.hidden = !isInside;
}
const call = (method, path, more) =>
  fetch(path, { method, headers: { Authorization: 'Bearer ' + localStorage.getItem('token'), ...more } });
async function open() {
  if (localStorage.getItem('token') === null) return show('', false);
  const answer = await call('GET', '/api/things');
  if (answer.ok) return show((await answer.json()).secret, true);
  localStorage.removeItem('token');
  show('Please log in again.', false);
}
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const body = JSON.stringify(Object.fromEntries(new FormData(form)));
  const answer = await fetch('/api/login', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
  if (!answer.ok) return show('Wrong email or password.', false);
  localStorage.setItem('token', (await answer.json()).data.token);
  open();
});
leave.addEventListener('click', async () => {
  await call('POST', '/api/logout');
  localStorage.removeItem('token');
  show('You are logged out.', false);
});
open();
</script></body></html>`;

export async function startTokenApp(passwords: Readonly<Record<string, string>>): Promise<TokenApp> {
  const requests: string[] = [];
  const handedOut: string[] = [];
  let visitor = '';
  const json = (res: ServerResponse, status: number, body: Buffer, more: OutgoingHttpHeaders = {}): void => {
    res.writeHead(status, { 'Content-Type': 'application/json', ETag: '"1"', 'X-App': 'yes', ...more }).end(body);
  };
  const handOut = (res: ServerResponse, name: string): void => {
    const token = `${randomBytes(24).toString('base64')}/x.${randomBytes(8).toString('hex')}`;
    app.tokens.set(token, name);
    handedOut.push(token);
    const body = app.write({ data: { token, name }, again: `Bearer ${token}`, id: 9007199254740000 });
    json(res, 200, body, { ...app.headers(token) });
  };
  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    requests.push(`${req.method} ${req.url}\n${JSON.stringify(req.rawHeaders)}\n${body}`);
    const { pathname, searchParams } = new URL(req.url ?? '/', 'http://app');
    await app.before(pathname);
    if (pathname === '/' || pathname === '/login') {
      const cookie = app.visits ? { 'Set-Cookie': 'SID=a-visitor; Path=/' } : {};
      return void res.writeHead(200, { 'Content-Type': 'text/html', ...cookie }).end(PAGE);
    }
    if (pathname === '/api/login' && (req.method === 'POST' || app.obliging)) {
      const { user = '', password = '' } = credentials(body, searchParams);
      if (passwords[user] === undefined || passwords[user] !== password) return void res.writeHead(403).end('{}');
      if (req.headers['content-type'] === 'application/json') visitor = user;
      return handOut(res, user);
    }
    // Who the cookie of the page names: whoever logged in last.
    if (pathname === '/api/visitor' && app.visits)
      return json(res, 200, Buffer.from(JSON.stringify({ name: visitor })));
    const shown = /^Bearer (.+)$/.exec(req.headers.authorization ?? '')?.[1];
    const token = shown ?? (app.obliging ? searchParams.get('access_token') : undefined) ?? '';
    const name = app.tokens.get(token);
    if (name === undefined) return void res.writeHead(401).end();
    if (pathname === '/api/refresh') return handOut(res, app.refreshesFor ?? name);
    if (pathname === '/api/logout') app.tokens.delete(token);
    json(res, 200, Buffer.from(JSON.stringify({ name, secret: `secret-of-${name}` })));
  };
  const server = createServer((req, res) => void answer(req, res).catch(() => res.destroy()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const app: TokenApp = {
    url: `http://127.0.0.1:${port}`,
    requests,
    tokens: new Map(),
    handedOut,
    write: (value) => Buffer.from(JSON.stringify(value)),
    refreshesFor: undefined,
    headers: () => ({}),
    obliging: false,
    visits: false,
    before: async () => {},
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return app;
}

/** JSON, or a form, or what the query says. */
function credentials(body: string, query: URLSearchParams): Readonly<Record<string, string | undefined>> {
  if (body.startsWith('{')) return JSON.parse(body);
  const { pass, ...fields } = Object.fromEntries(body === '' ? query : new URLSearchParams(body));
  return pass === undefined ? fields : { ...fields, password: pass };
}
