/** What the two protocols know of a client's part in an exchange, for stalls.ts. It reads figures and changes nothing. */
import { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { StreamRequest } from './http2-request.ts';
import type { StreamResponse } from './http2-response.ts';
import type { Flow } from './stalls.ts';

/** One connection that speaks HTTP/1.1, whatever requests it brings; also after it became a WebSocket. */
export function connectionFlow(socket: Socket): Flow {
  return {
    received() {
      const res = answerOn(socket);
      if (res === undefined || res.req.complete || res.req.readableFlowing !== true) return undefined;
      return socket.bytesRead;
    },
    taken: () => (socket.writableLength === 0 ? undefined : socket.bytesWritten - socket.writableLength),
    hasEnd() {
      const res = answerOn(socket);
      if (res === undefined) return false;
      const head: unknown = Reflect.get(res, '_header'); // as it was sent; what was given as a list is nowhere else
      return typeof head !== 'string' || !/^content-type:[ \t]*text\/event-stream/im.test(head);
    },
    cut: () => void socket.destroy(),
  };
}

/**
 * The answer that a connection of HTTP/1.1 waits for. node:http keeps it under this name; asking each request would cost each
 * request.
 */
export function answerOn(socket: Socket): ServerResponse | undefined {
  const res: unknown = Reflect.get(socket, '_httpMessage');
  return res instanceof ServerResponse ? res : undefined;
}

/** One stream of an HTTP/2 session. */
export function streamFlow(req: StreamRequest, res: StreamResponse): Flow {
  return {
    received: () => (req.readableEnded || req.readableFlowing !== true ? undefined : req.received),
    taken: () => (res.writableLength === 0 ? undefined : res.sent - res.writableLength),
    hasEnd: () => !/^text\/event-stream/i.test(String(res.getHeader('content-type') ?? '')),
    cut: () => void res.destroy(),
  };
}
