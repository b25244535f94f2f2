/**
 * A process of the benchmark: the gateway's forwarder on a bare server, with the headers rebuilt and nothing else. What the
 * gateway costs above it is what its checks cost. Arguments: port, upstream.
 */
import { createServer } from 'node:http';
import { openUpstream } from '../../src/upstream/http.ts';
import { requestHeaders } from '../../src/upstream/request-headers.ts';

const [port = '', url = ''] = process.argv.slice(2);
const upstream = openUpstream({ url });
const host = `127.0.0.1:${port}`;

const server = createServer({ keepAliveTimeout: 65_000, requestTimeout: 0 }, (req, res) => {
  upstream.forward({
    req,
    res,
    target: req.url ?? '/',
    headers: requestHeaders(req.rawHeaders, {
      host,
      forwardedFor: req.socket.remoteAddress ?? '',
      forwardedProto: 'http',
      forwardedHost: host,
      forwardedPort: port,
      cookie: req.headers.cookie,
      credentials: false,
      identityEncoding: false,
      framing: 'stream',
    }),
    onHead: (head) => ({ send: head.headers }),
    onFailure: () => res.destroy(),
    onEnd: () => {},
  });
});
server.on('upgrade', (req, socket) =>
  socket.end(`HTTP/1.1 501 Not Implemented\r\nConnection: close\r\n\r\n${req.url}`),
);
server.listen(Number(port), '127.0.0.1');
