/**
 * What the gateway holds in memory when clients and applications are slow or many: a stopped reader, a stopped application, idle
 * connections, slow heads; what whole transfers take is in transfers.ts. After `npm run build` and `npx tsc -p tsconfig.bench.json`:
 *   node dist/bench/bench/memory.js
 * It needs 20 000 open files (`ulimit -n`). It prints figures and judges none.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, get } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../test/fakes/free-port.ts';
import { Children } from './children.ts';
import { residentOf } from './machine.ts';

const GIGABYTE = 1 << 30;
const MEGABYTE = 1 << 20;
const HOST = 'files.test';
const IDLE = 10_000;
const PER_ADDRESS = 500;
const SLOW_HEADS = 1_000;
/** How long a stopped side is watched. */
const STOPPED_MS = 3_000;

const chunk = Buffer.alloc(65_536);
let written = 0;

/** The application: in this process, so that the bytes it could write are known. */
const app = createServer((req, res) => {
  if (req.url === '/stopped') {
    req.pause();
  } else if (req.url === '/down') {
    written = 0;
    res.writeHead(200, { 'Content-Length': GIGABYTE });
    const fill = (): void => {
      while (written < GIGABYTE) {
        written += chunk.length;
        if (!res.write(chunk)) return;
      }
      res.end();
    };
    res.on('drain', fill);
    fill();
  } else {
    res.end('ok');
  }
});

const children = new Children();
const folder = mkdtempSync(join(tmpdir(), 'lucy-2fa-memory-'));
const gatewayPort = await freePort();
await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
const address = app.address();
if (address === null || typeof address === 'string') throw new Error('the application has no port');
writeFileSync(
  join(folder, 'gateway.yaml'),
  `listen: { host: 0.0.0.0, port: ${gatewayPort} }
publicUrl: http://lucy.test
upstream: { url: 'http://127.0.0.1:${address.port}', profile: lucy, hosts: { public: [${HOST}] } }
store: { path: ${join(folder, 'data')} }
secrets: { keyFile: ${join(folder, 'keys.json')} }
limits: { connections: 19000, headersTimeout: 5s }
management: false
`,
);
const main = new URL('../../main.js', import.meta.url).pathname;
const gateway = await children.start([process.execPath, main, 'start', '--config', join(folder, 'gateway.yaml')], {
  core: 'all',
  port: gatewayPort,
});
const resident = (): number => residentOf([gateway.pid]);

function say(what: string, figure: string): void {
  process.stdout.write(`${what.padEnd(44)} ${figure}\n`);
}

const inMegabytes = (bytes: number): string => `${(bytes / MEGABYTE).toFixed(1)} MB`;

/** The most that resident memory grew while `work` ran. */
async function growth(work: () => Promise<void>): Promise<number> {
  const before = resident();
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, resident());
  }, 25);
  await work();
  clearInterval(timer);
  return Math.max(most, resident()) - before;
}

const to = { host: '127.0.0.1', port: gatewayPort, headers: { host: HOST } };

/** A client that asks for 1 GB and reads nothing. @returns what the application could write. */
async function stoppedReader(): Promise<number> {
  written = 0;
  const socket = connect(gatewayPort, '127.0.0.1');
  socket.on('error', () => {});
  socket.pause();
  socket.write(`GET /down HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
  await sleep(STOPPED_MS);
  socket.destroy();
  return written;
}

/** An application that reads nothing of 1 GB. @returns what the client could send. */
async function stoppedApplication(): Promise<number> {
  const socket = connect(gatewayPort, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(`POST /stopped HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: ${GIGABYTE}\r\n\r\n`);
  let sent = 0;
  const fill = (): void => {
    do sent += chunk.length;
    while (socket.write(chunk));
  };
  socket.on('drain', fill);
  fill();
  await sleep(STOPPED_MS);
  socket.destroy();
  return sent;
}

async function open(count: number, first: string): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let i = 0; i < count; i += 200) {
    const batch = Array.from({ length: Math.min(200, count - i) }, (_, at) => {
      const localAddress = `127.0.1.${1 + Math.floor((i + at) / PER_ADDRESS)}`;
      const socket = connect({ port: gatewayPort, host: '127.0.0.1', localAddress });
      socket.on('error', () => {});
      return new Promise<Socket>((resolve) =>
        socket.once('connect', () => {
          socket.write(first);
          resolve(socket);
        }),
      );
    });
    sockets.push(...(await Promise.all(batch)));
  }
  return sockets;
}

async function ask(): Promise<number> {
  const begun = performance.now();
  await new Promise<void>((resolve, reject) => {
    get({ ...to, path: '/' }, (res) => res.resume().on('end', resolve)).on('error', reject);
  });
  return performance.now() - begun;
}

try {
  for (let i = 0; i < 200; i += 1) await ask(); // warm
  let bytes = 0;
  const byReader = await growth(async () => {
    bytes = await stoppedReader();
  });
  say('a stopped reader: the application could write', `${inMegabytes(bytes)}; memory grew ${inMegabytes(byReader)}`);
  const byApplication = await growth(async () => {
    bytes = await stoppedApplication();
  });
  say(
    'a stopped application: the client could send',
    `${inMegabytes(bytes)}; memory grew ${inMegabytes(byApplication)}`,
  );

  const before = resident();
  const idle = await open(IDLE, `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
  await sleep(1_000);
  const held = resident() - before;
  say(`${IDLE} idle connections, one answer each`, `${inMegabytes(held)}, ${Math.round(held / IDLE)} bytes each`);
  say('a request meanwhile took', `${(await ask()).toFixed(1)} ms`);
  for (const socket of idle) socket.destroy();
  await sleep(1_000);

  const slow = await open(SLOW_HEADS, `GET / HTTP/1.1\r\nHost: ${HOST}\r\nX-A: `);
  const drip = setInterval(() => {
    for (const socket of slow) if (socket.writable) socket.write('a');
  }, 500);
  say(`${SLOW_HEADS} slow heads: a request meanwhile took`, `${(await ask()).toFixed(1)} ms`);
  const since = performance.now();
  for (const socket of slow) socket.resume();
  while (slow.some((socket) => !socket.destroyed) && performance.now() - since < 30_000) await sleep(100);
  clearInterval(drip);
  const left = slow.filter((socket) => !socket.destroyed).length;
  say(`after ${((performance.now() - since) / 1_000).toFixed(1)} s of them were left`, String(left));
} finally {
  await children.stopAll();
  app.closeAllConnections();
  app.close();
  rmSync(folder, { recursive: true, force: true });
}
