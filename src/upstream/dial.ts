/**
 * Makes connections to the application, for the pool and for tunnels alike. A socket is handed over when it may be written
 * to (TLS checked), never before; nothing is written here.
 */
import { connect as connectPlain, type Socket, type TcpNetConnectOpts } from 'node:net';
import { connect as connectSecure, type TLSSocket } from 'node:tls';
import type { Clock } from '../clock.ts';
import type { Destination } from './destination.ts';
import type { Intake } from './intake.ts';
import type { Trust } from './tls.ts';

export interface Dialler {
  readonly to: Destination;
  /** Only for https. */
  readonly trust: Trust | undefined;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/**
 * Calls back once, with a connected socket or with the reason. The returned socket may be destroyed at any time.
 * @param intake where its bytes go; without it they are read as of any stream
 */
export function dial(
  dialler: Dialler,
  callback: (error: Error | null, socket: Socket) => void,
  intake?: Intake,
): Socket {
  const { to, trust, clock, timeoutMs } = dialler;
  const where: TcpNetConnectOpts & { highWaterMark: number } = {
    host: to.host,
    port: to.port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    highWaterMark: 65_536,
    ...(intake === undefined ? {} : { onread: intake.onread }),
  };
  let waiting = true;
  const settle = (error: Error | null): void => {
    if (!waiting) return;
    waiting = false;
    cancel();
    if (error !== null) {
      trust?.forget();
      if (!socket.destroyed) socket.destroy();
    }
    callback(error, socket);
  };
  let socket: Socket;
  if (trust === undefined) {
    socket = connectPlain(where, () => settle(null));
  } else {
    const session = trust.session();
    const known = session === undefined ? {} : { session };
    let isTrusted = false;
    let found: Buffer | undefined; // comes before the handshake is over in TLS 1.2, and after it in 1.3
    const secure: TLSSocket = connectSecure({ ...where, ...trust.options, ...known }, () => {
      isTrusted = trust.trusts(secure);
      if (isTrusted && found !== undefined) trust.remember(found);
      settle(isTrusted ? null : new Error('the certificate of the upstream is not the pinned one'));
    });
    secure.on('session', (next: Buffer) => {
      found = next;
      if (isTrusted) trust.remember(next);
    });
    socket = secure;
  }
  const cancel = clock.after(timeoutMs, () => settle(new Error('the upstream did not accept a connection in time')));
  socket.on('error', settle);
  socket.on('close', () => settle(new Error('the connection was closed before it was made')));
  return socket;
}
