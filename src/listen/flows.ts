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
      // node:http keeps the answer that a connection waits for under this name; asking each request would cost each request.
      const res: unknown = Reflect.get(socket, '_httpMessage');
      if (!(res instanceof ServerResponse) || res.req.complete || res.req.readableFlowing !== true) return undefined;
      return socket.bytesRead;
    },
    taken: () => (socket.writableLength === 0 ? undefined : socket.bytesWritten - socket.writableLength),
    cut: () => void socket.destroy(),
  };
}

/** One stream of an HTTP/2 session. */
export function streamFlow(req: StreamRequest, res: StreamResponse): Flow {
  return {
    received: () => (req.readableEnded || req.readableFlowing !== true ? undefined : req.received),
    taken: () => (res.writableLength === 0 ? undefined : res.sent - res.writableLength),
    cut: () => void res.destroy(),
  };
}
