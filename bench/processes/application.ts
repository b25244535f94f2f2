/**
 * A process of the benchmark: the stand-in Lucy with many people, and a front that echoes over WebSocket and serves the files
 * of the benchmark where no nginx does. Arguments: port of Lucy, port of the front, number of people.
 */
import { createHash } from 'node:crypto';
import { request as ask, createServer } from 'node:http';
import { startStandInLucy } from '../../src/demo/stand-in-lucy/server.ts';
import { BODIES, ECHO_BYTES, people, TAKE_PATH } from '../people.ts';

const [lucyPort = 0, frontPort = 0, count = 0] = process.argv.slice(2).map(Number);
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** A masked frame of the client, and the same payload unmasked. */
const FRAME_IN = 6 + ECHO_BYTES;
const FRAME_OUT = Buffer.concat([Buffer.from([0x82, ECHO_BYTES]), Buffer.alloc(ECHO_BYTES, 'e')]);
const bodies = new Map<string, Buffer>(BODIES.map(({ path, bytes }) => [path, Buffer.alloc(bytes, 'x')]));

await startStandInLucy({ port: lucyPort, users: people(count) });
const front = createServer((request, response) => {
  const { method, url: path, headers } = request;
  if (path === TAKE_PATH) {
    request.on('end', () => response.end('taken')).resume();
    return;
  }
  const body = bodies.get(path ?? '');
  if (body !== undefined) {
    request.resume();
    response.writeHead(200, { 'Content-Length': body.length }).end(body);
    return;
  }
  const onward = ask({ port: lucyPort, method, path, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  request.pipe(onward);
});
front.requestTimeout = 0;
front.on('upgrade', (request, socket, head) => {
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${GUID}`).digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  let received = head.length;
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    for (received += chunk.length; received >= FRAME_IN; received -= FRAME_IN) socket.write(FRAME_OUT);
  });
});
front.listen(frontPort, '127.0.0.1');
