/**
 * HTTP/2 for browsers that ask for it during the TLS handshake: sessions with limits, and each stream handed on as a request
 * that the gateway cannot tell from another. There is no HTTP/2 without TLS, and no server push.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { streamFlow } from './flows.ts';
import { asIncomingMessage, StreamRequest } from './http2-request.ts';
import { asServerResponse, StreamResponse } from './http2-response.ts';
import type { ListenerLimits } from './limits.ts';
import type { Stalls } from './stalls.ts';

/** Requests of one session at a time; browsers open a second connection rather than wait. */
const MOST_STREAMS = 100;
/** How much of the uploads of one stream, and of one session, may be under way unread, in bytes. */
const STREAM_WINDOW = 262_144;
const SESSION_WINDOW = 1_048_576;
/** Frames that break the protocol, and streams above the limit, before a session is ended (CVE-2023-44487 and its kin). */
const MOST_INVALID = 100;

export interface Http2Side {
  /** Takes a connection whose handshake ended in `h2`. */
  accept(socket: TLSSocket): void;
  /** Ends sessions after their running streams. */
  drain(): void;
  /** Ends them now. */
  destroy(): void;
}

export function http2Side(
  onRequest: (req: IncomingMessage, res: ServerResponse) => void,
  limits: ListenerLimits,
  stalls: Stalls,
): Http2Side {
  const sessions = new Set<ServerHttp2Session>();
  const server: Http2Server<
    typeof IncomingMessage,
    typeof ServerResponse,
    typeof StreamRequest,
    typeof StreamResponse
  > = createServer({
    Http2ServerRequest: StreamRequest,
    Http2ServerResponse: StreamResponse,
    settings: {
      enablePush: false,
      initialWindowSize: STREAM_WINDOW,
      maxConcurrentStreams: MOST_STREAMS,
      maxHeaderListSize: limits.headerBytes,
    },
    maxHeaderListPairs: limits.headers + 4, // the pseudo headers come on top
    maxSessionInvalidFrames: MOST_INVALID,
    maxSessionRejectedStreams: MOST_INVALID,
  });
  const take = (req: StreamRequest, res: StreamResponse): void => {
    const flow = streamFlow(req, res);
    stalls.watch(flow);
    req.stream.once('close', () => stalls.forget(flow));
    onRequest(asIncomingMessage(req), asServerResponse(res));
  };
  server.on('request', take);
  server.on('checkContinue', take);
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    session.on('error', () => session.destroy());
    session.setLocalWindowSize(SESSION_WINDOW);
    let streams = 0;
    session.on('stream', (stream) => {
      streams += 1;
      stream.once('close', () => {
        streams -= 1;
      });
    });
    session.setTimeout(limits.keepAliveMs, () => {
      if (streams === 0) session.close();
    });
  });
  return {
    accept: (socket) => void server.emit('connection', socket),
    drain() {
      for (const session of sessions) session.close();
    },
    destroy() {
      for (const session of sessions) session.destroy();
    },
  };
}
