/**
 * START HERE: everything at the front socket. One port, with TLS or without; HTTP/1.1 straight through node:http, HTTP/2 by way
 * of http2.ts; limits before the gateway is asked; and an orderly end. It knows no sessions and decides nothing.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Pair } from './certificate.ts';
import { limitConnections } from './connections.ts';
import { answerOn, connectionFlow } from './flows.ts';
import { http2Side } from './http2.ts';
import { IdleConnections } from './idle.ts';
import type { ListenerLimits } from './limits.ts';
import { refuseBare, refuseUnparsed } from './parser-refusals.ts';
import { Stalls } from './stalls.ts';

/** Who answers: the gateway, or whatever a test puts in its place. */
export interface Handlers {
  /** For requests, also such that wait for a 100 (RFC 9110 10.1.1). */
  readonly onRequest: (req: IncomingMessage, res: ServerResponse) => void;
  readonly onUpgrade: (req: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

export interface ListenerOptions {
  readonly limits: ListenerLimits;
  /** Certificate and key; without them plain HTTP. */
  readonly pair?: Pair;
  /** Only with TLS. */
  readonly http2: boolean;
  /** Whose connections are not counted by address: the trusted proxies. */
  readonly isExempt: (address: string) => boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/** How often connections that became idle are looked for while the listener ends, in ms. */
const IDLE_LOOK_MS = 200;
/** How long event streams, WebSockets and connections that ask for nothing go on while the listener ends, in ms. */
const ENDLESS_MS = 2_000;

export class Listener {
  readonly #server: Server;
  readonly #isSecure: boolean;
  readonly #clock: Clock;
  readonly #stalls: Stalls;
  readonly #idle: IdleConnections;
  #draining = false;
  readonly #http1 = new Set<Socket>();
  /** All of them, before a handshake as well. */
  readonly #sockets = new Set<Socket>();
  readonly #http2: ReturnType<typeof http2Side> | undefined;

  constructor(handlers: Handlers, { clock, http2, isExempt, limits, log, pair }: ListenerOptions) {
    this.#clock = clock;
    this.#isSecure = pair !== undefined;
    this.#stalls = new Stalls(clock, limits.bodyIdleMs);
    this.#idle = new IdleConnections(clock, limits.keepAliveMs);
    const onRequest = withinLimits((req, res) => {
      if (this.#draining) res.shouldKeepAlive = false;
      handlers.onRequest(req, res);
    }, limits);
    const options = {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: 0, // an upload may take as long as it moves
      keepAliveTimeout: 0, // see idle.ts
      connectionsCheckingInterval: Math.min(2_000, Math.ceil(limits.headersTimeoutMs / 4)),
      insecureHTTPParser: false,
      requireHostHeader: true,
    };
    if (pair === undefined) {
      this.#server = createServer(options, onRequest);
      this.#server.on('connection', (socket) => this.#watch(socket));
    } else {
      const tls = {
        cert: pair.cert,
        key: pair.key,
        minVersion: 'TLSv1.2' as const,
        handshakeTimeout: limits.headersTimeoutMs,
        ALPNProtocols: http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
      };
      const server = createSecureServer({ ...options, ...tls }, onRequest);
      this.#http2 = http2 ? http2Side(onRequest, limits, this.#stalls) : undefined;
      shareByProtocol(server, (socket) => {
        if (socket.alpnProtocol === 'h2' && this.#http2 !== undefined) {
          this.#http2.accept(socket);
          return true;
        }
        this.#watch(socket);
        return false;
      });
      // Nothing can be said to a client whose handshake failed; node:https would try.
      server.removeAllListeners('tlsClientError');
      server.on('tlsClientError', (_error, socket) => socket.destroy());
      this.#server = server;
    }
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    // One more than is allowed, so that what Node drops silently is seen.
    this.#server.maxHeadersCount = limits.headers + 1;
    this.#server.on('checkContinue', onRequest);
    this.#server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#idle.forget(req.socket);
      if (!this.#draining) return handlers.onUpgrade(req, socket, head);
      socket.on('error', () => socket.destroy());
      refuseBare(socket, 503);
    });
    this.#server.on('clientError', refuseUnparsed);
    limitConnections(this.#server, { limits, isExempt, clock, log });
  }

  /** @throws with the code of the system (`EADDRINUSE`, `EACCES`) when the port cannot be had. */
  listen(port: number, host: string): Promise<void> {
    return listen(this.#server, port, host);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** `http://127.0.0.1:8080`, as it really listens. */
  get address(): string {
    const { address, port } = this.#server.address() as AddressInfo;
    return `${this.#isSecure ? 'https' : 'http'}://${address.includes(':') ? `[${address}]` : address}:${port}`;
  }

  /** Uses another certificate for connections to come. Without effect on a listener without TLS. */
  use({ cert, key }: Pair): void {
    if ('setSecureContext' in this.#server && typeof this.#server.setSecureContext === 'function') {
      this.#server.setSecureContext({ cert, key, minVersion: 'TLSv1.2' });
    }
  }

  /**
   * New connections are refused and idle ones end; what ends by itself may do so within `drainMs`, event streams and WebSockets
   * are broken off after two seconds. Whatever is left then ends.
   */
  async drain(drainMs: number): Promise<void> {
    this.#draining = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#http2?.drain();
    for (const socket of this.#http1) {
      const res = answerOn(socket);
      if (res?.headersSent === false) res.shouldKeepAlive = false;
    }
    const begun = this.#clock.now();
    let cancel = (): void => {};
    const nothingLeft = new Promise<void>((resolve) => {
      // A connection that a client keeps alive becomes idle only after its last answer.
      const look = (): void => {
        this.#server.closeIdleConnections();
        const passed = this.#clock.now() - begun;
        if (passed >= drainMs || (passed >= ENDLESS_MS && !this.#stalls.endEndless())) return resolve();
        cancel = this.#clock.after(IDLE_LOOK_MS, look);
      };
      look();
    });
    await Promise.race([closed, nothingLeft]);
    cancel();
    this.#end();
  }

  /** Ends everything now. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#end();
    await closed;
  }

  #end(): void {
    this.#stalls.stop();
    this.#idle.stop();
    this.#http2?.destroy();
    this.#server.closeAllConnections();
    // What Node does not count: tunnels, handshakes that did not end, sessions whose last frames nobody reads.
    for (const socket of this.#sockets) socket.destroy();
  }

  #watch(socket: Socket): void {
    const flow = connectionFlow(socket);
    this.#http1.add(socket);
    this.#stalls.watch(flow);
    this.#idle.watch(socket);
    socket.once('close', () => {
      this.#http1.delete(socket);
      this.#stalls.forget(flow);
      this.#idle.forget(socket);
    });
  }
}

/** Two limits that Node's parser does not have, in two comparisons. */
function withinLimits(onRequest: Handlers['onRequest'], limits: ListenerLimits): Handlers['onRequest'] {
  const longest = limits.urlBytes;
  const most = limits.headers * 2;
  return (req, res) => {
    const isTooLong = (req.url ?? '').length > longest;
    if (!isTooLong && req.rawHeaders.length <= most) return onRequest(req, res);
    res.writeHead(isTooLong ? 414 : 431, ['Content-Length', '0', 'Connection', 'close']);
    res.end();
  };
}

/** Puts `take` between the handshake and node:https, which gets every connection that was not taken. */
function shareByProtocol(server: Server, take: (socket: TLSSocket) => boolean): void {
  const http1 = server.listeners('secureConnection');
  server.removeAllListeners('secureConnection');
  server.on('secureConnection', (socket: TLSSocket) => {
    if (take(socket)) return;
    for (const listener of http1) Reflect.apply(listener, server, [socket]);
  });
}

/** @throws with the code of the system when the port cannot be had. */
export function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
