/** Opens the way to the application: one pool for requests, a connection of its own for each tunnel. */
import { type Clock, systemClock } from '../clock.ts';
import { ask } from './ask.ts';
import { destination } from './destination.ts';
import { type Dialler, dial } from './dial.ts';
import { forward } from './forward.ts';
import { Line } from './line.ts';
import { type TlsRules, trustOf } from './tls.ts';
import { tunnel } from './tunnel.ts';
import type { Running, Upstream } from './upstream.ts';

export interface UpstreamOptions extends TlsRules {
  /** `http://host:port` or `https://host:port`, nothing behind it. */
  readonly url: string;
  /** Most connections at a time, tunnels not counted. Default 256. */
  readonly connections?: number;
  /** Most requests that wait for one of them; more fail with `busy`. Default 1024. */
  readonly queue?: number;
  /** How long one may wait before it fails with `busy`. Default 10 s. */
  readonly queueTimeoutMs?: number;
  /** Default 10 s. */
  readonly connectTimeoutMs?: number;
  /** How long the application may take to begin its answer. Default 600 s. */
  readonly headersTimeoutMs?: number;
  /** How long it may take to answer an upgrade, the connection included. Default 10 s. */
  readonly handshakeTimeoutMs?: number;
  /** How much of a held answer is read before the application is made to wait. Default 1 MiB. */
  readonly holdBytes?: number;
  readonly clock?: Clock;
}

/** @throws TypeError for an address or a pin that cannot be meant. */
export function openUpstream(options: UpstreamOptions): Upstream {
  const clock = options.clock ?? systemClock;
  const to = destination(options.url);
  if (!to.secure && (options.ca ?? options.pin ?? options.servername) !== undefined) {
    throw new TypeError('ca, pin and servername need an https upstream');
  }
  const dialler: Dialler = {
    to,
    trust: to.secure ? trustOf(to.host, options, clock) : undefined,
    timeoutMs: options.connectTimeoutMs ?? 10_000,
    clock,
  };
  const line = new Line(dialler, {
    connections: options.connections ?? 256,
    queue: options.queue ?? 1_024,
    queueTimeoutMs: options.queueTimeoutMs ?? 10_000,
    headersTimeoutMs: options.headersTimeoutMs ?? 600_000,
  });
  const holdBytes = options.holdBytes ?? 1_048_576;
  const handshakeTimeoutMs = options.handshakeTimeoutMs ?? 10_000;
  const tunnels = new Set<Running>();

  return {
    forward: (forwarding) => forward(line, forwarding, holdBytes),
    ask: (question) => ask(line, question, clock),
    tunnel(tunnelling) {
      const running = tunnel(dialler, handshakeTimeoutMs, {
        ...tunnelling,
        onHead: (head) => tunnelling.onHead(head),
        onEnd() {
          tunnels.delete(running);
          tunnelling.onEnd();
        },
      });
      tunnels.add(running);
      return running;
    },
    reachable: (timeoutMs) => reachable({ ...dialler, timeoutMs }),
    async close() {
      for (const running of tunnels) running.abort();
      await line.close();
    },
  };
}

function reachable(dialler: Dialler): Promise<boolean> {
  return new Promise((resolve) => {
    dial(dialler, (error, socket) => {
      socket.destroy();
      resolve(error === null);
    });
  });
}
