/**
 * A stand-in for Lucy, for the demo and for tests: an application with its own login, as careless as the real ones may be,
 * that remembers everything it was sent. Never put it on a network.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { splitTarget } from './addresses.ts';
import { adminRoutes } from './admin.ts';
import { doorRoutes } from './doors.ts';
import { type Application, Exchange, IDENTITY_COOKIE, type Routes } from './exchange.ts';
import { admit, loginRoutes } from './login.ts';
import { DEFAULT_OPTIONS, type StandInLucyOptions } from './options.ts';
import { layout } from './pages.ts';
import { parseCookies, scalar } from './php.ts';
import { publicPage } from './public.ts';
import { type RecordedRequest, Recorder } from './recorder.ts';
import { recoveryRoutes } from './recovery.ts';
import { isSessionId, Sessions } from './sessions.ts';
import { Tokens } from './tokens.ts';
import { transferRoutes } from './transfers.ts';
import { type Mail, type User, Users } from './users.ts';
import { refuseUpgrade, serveEcho } from './websocket.ts';

export { DEFAULT_USERS, type StandInLucyOptions, type StandInUser } from './options.ts';
export type { RecordedRequest } from './recorder.ts';
export { downloadBytes } from './transfers.ts';

/** Pages that take a body of any size, and take it themselves. */
const STREAMED: readonly string[] = ['/admin/upload'];

export interface StandInLucy {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  readonly port: number;
  /** Everything it was sent so far, oldest first. */
  readonly requests: readonly RecordedRequest[];
  /** Mails it would have sent: recovery tokens, its own codes. */
  readonly mails: readonly Mail[];
  /** Ids that are logged in, and as whom. */
  sessions(): readonly { readonly id: string; readonly email: string }[];
  /** Whether the text stood in anything it was sent (of each body the first 64 kB). */
  sawBytes(text: string): boolean;
  /** What only this user may read. @throws for an unknown e-mail address. */
  secretOf(email: string): string;
  /** Stops at once; open connections are cut. */
  close(): Promise<void>;
}

/** Starts on a loopback address. Every option has a default. */
export async function startStandInLucy(options: Partial<StandInLucyOptions> = {}): Promise<StandInLucy> {
  const settings: StandInLucyOptions = { ...DEFAULT_OPTIONS, ...options };
  const app: Application = {
    options: settings,
    users: new Users(settings.users, settings.lockoutPerAddress, settings.clock),
    sessions: new Sessions(),
    tokens: new Tokens(),
    recorder: new Recorder(),
  };
  const routes: Routes = {
    'GET /': (exchange) => exchange.redirect('/admin'),
    ...loginRoutes,
    ...recoveryRoutes(),
    ...adminRoutes(settings.impersonation),
    ...doorRoutes(settings),
    ...transferRoutes,
  };
  const upgraded = new Set<Duplex>();
  const server = createServer((request, response) => void answer(app, routes, request, response));
  server.on('upgrade', (request, socket, head) => {
    upgraded.add(socket);
    socket.on('close', () => upgraded.delete(socket));
    upgrade(app, request, socket, head);
  });
  server.on('clientError', (error: Error & { rawPacket?: Buffer }, socket) => {
    app.recorder.unparsed(error.rawPacket ?? Buffer.alloc(0));
    refuseUpgrade(socket, 400, 'Bad Request');
  });
  server.requestTimeout = 0; // uploads take as long as they take
  const port = await listen(server, settings.port);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests: app.recorder.requests,
    mails: app.users.mails,
    sessions: () => app.sessions.loggedIn(),
    sawBytes: (text) => app.recorder.sawBytes(text),
    secretOf: (email) => existing(app.users.find(email), email).secret,
    close: () => close(server, upgraded),
  };
}

async function answer(app: Application, routes: Routes, request: IncomingMessage, response: ServerResponse) {
  const record = app.recorder.begin(request);
  response.setHeader('Server', 'Lucy');
  response.on('error', () => response.destroy());
  const exchange = new Exchange(app, request, response, record);
  try {
    // PHP takes the whole body before a page runs. So what was sent is on record before there is an answer.
    if (!STREAMED.includes(exchange.path)) await exchange.bodyBytes();
    await dispatch(exchange, routes, app.options.adminHosts);
  } catch (error) {
    exchange.header('Connection', 'close');
    if (response.headersSent || request.destroyed) response.destroy();
    else exchange.html(error instanceof RangeError ? 413 : 500, layout('Error', '<p>That did not work.</p>'));
  }
}

async function dispatch(exchange: Exchange, routes: Routes, adminHosts: readonly string[]): Promise<void> {
  const open = publicPage(exchange, adminHosts);
  if (open !== undefined) return open(exchange);
  const method = exchange.request.method === 'HEAD' ? 'GET' : exchange.request.method;
  const isStateless = exchange.path.startsWith('/api/');
  if (!isStateless) admit(exchange, IDENTITY_COOKIE);
  const handler = routes[`${method} ${exchange.path}`];
  if (handler !== undefined) return handler(exchange);
  const isKnown = Object.keys(routes).some((key) => key.endsWith(` ${exchange.path}`));
  const status = isKnown ? 405 : 404;
  exchange.html(status, layout(`Error ${status}`, '<p>There is no such page.</p>', exchange.session.user));
}

/** Only /admin/live is a WebSocket, and only for a session that is logged in. */
function upgrade(app: Application, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const record = app.recorder.begin(request);
  socket.on('error', () => socket.destroy());
  const id = scalar(parseCookies(request.headers.cookie ?? ''), app.options.sessionCookie);
  const user = isSessionId(id) ? app.sessions.adopt(id).user : undefined;
  const onPayload = (payload: Buffer) => app.recorder.addBody(record, payload);
  if (splitTarget(request.url ?? '/')[0] !== '/admin/live') refuseUpgrade(socket, 404, 'Not Found');
  else if (user === undefined) refuseUpgrade(socket, 403, 'Forbidden');
  else serveEcho(request, socket, head, { greeting: `hello ${user.email}`, onPayload });
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address: AddressInfo | string | null = server.address();
      if (address === null || typeof address === 'string') return reject(new Error('no port'));
      resolve(address.port);
    });
  });
}

function close(server: Server, upgraded: ReadonlySet<Duplex>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
    for (const socket of upgraded) socket.destroy();
  });
}

function existing(user: User | undefined, email: string): User {
  if (user === undefined) throw new Error(`no such user: ${email}`);
  return user;
}
