/** A stopped client and a stopped application: what is under way between them is what sockets hold, however much is to come. */
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { Harness } from '../flows/harness.ts';
import { portOf } from '../upstream/wire.ts';

const ALL = 128 * 1024 * 1024;
/** Two pairs of socket buffers as large as Linux makes them, and some. */
const HELD = 40 * 1024 * 1024;
const chunk = Buffer.alloc(65_536);

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function setUp(app: Server): Promise<Harness> {
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  stops.push(async () => {
    app.closeAllConnections();
    await new Promise<void>((resolve) => app.close(() => resolve()));
  });
  const harness = await Harness.start({
    upstreamUrl: `http://127.0.0.1:${portOf(app)}`,
    profile: { hosts: { public: ['files.test'] } },
  });
  stops.push(() => harness.close());
  return harness;
}

/** Until a figure has stood still for a while, or everything went through. */
async function settled(figure: () => number): Promise<number> {
  for (let last = -1, still = 0; still < 40 && figure() < ALL; ) {
    still = figure() === last && last > 0 ? still + 1 : 0;
    last = figure();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return figure();
}

test('a client that does not read makes the application wait', async () => {
  let written = 0;
  const harness = await setUp(
    createServer((_req, res) => {
      res.writeHead(200, { 'Content-Length': ALL });
      const fill = (): void => {
        do written += chunk.length;
        while (res.write(chunk) && written < ALL);
      };
      res.on('drain', fill);
      fill();
    }),
  );
  const socket = connect(harness.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.pause();
  socket.write('GET /file HTTP/1.1\r\nHost: files.test\r\n\r\n');
  expect(await settled(() => written)).toBeLessThan(HELD);
  socket.destroy();
});

test('an application that does not read makes the client wait', async () => {
  const harness = await setUp(createServer((req) => void req.pause()));
  const socket = connect(harness.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(`POST /file HTTP/1.1\r\nHost: files.test\r\nContent-Length: ${ALL}\r\n\r\n`);
  let sent = 0;
  const fill = (): void => {
    do sent += chunk.length;
    while (socket.write(chunk) && sent < ALL);
  };
  socket.on('drain', fill);
  fill();
  expect(await settled(() => sent)).toBeLessThan(HELD);
  socket.destroy();
});
