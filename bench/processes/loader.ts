/**
 * A process of the benchmark: makes requests with undici, or echoes messages over WebSockets, for a number of seconds. One
 * argument: the load as JSON. It prints one line, as wrk does in load.ts.
 */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { performance } from 'node:perf_hooks';
import { Pool } from 'undici';
import type { Load, Said } from '../load.ts';

const load: Load = JSON.parse(process.argv[2] ?? '{}');
const times: number[] = [];
let refusals = 0;
let broken = 0;
const begin = performance.now();
const end = begin + load.seconds * 1_000;

if (load.kind === 'http') await requests();
else await Promise.all(Array.from({ length: load.connections }, messages));
const said: Said = {
  answers: times.length,
  refusals,
  broken,
  ...percentiles(),
  seconds: (performance.now() - begin) / 1_000,
};
process.stdout.write(`outcome ${JSON.stringify(said)}\n`);
process.exit();

async function requests(): Promise<void> {
  const pool = new Pool(`http://127.0.0.1:${load.port}`, { connections: load.connections });
  const body = load.bodyBytes === 0 ? null : Buffer.alloc(load.bodyBytes, 'b');
  const one = async (): Promise<void> => {
    const started = performance.now();
    try {
      const answer = await pool.request({ path: load.path, method: load.method, headers: load.headers, body });
      await answer.body.dump({ limit: Number.MAX_SAFE_INTEGER });
      if (answer.statusCode > 399) refusals += 1;
      times.push(performance.now() - started);
    } catch {
      broken += 1;
    }
  };
  const caller = async (): Promise<void> => {
    while (performance.now() < end) await one();
  };
  await Promise.all(Array.from({ length: load.connections }, caller));
}

/** One connection: sends a message, waits for its echo, sends the next. */
function messages(): Promise<void> {
  const frameOut = 2 + load.bodyBytes;
  const frame = Buffer.concat([
    Buffer.from([0x82, 0x80 | load.bodyBytes, 0, 0, 0, 0]),
    Buffer.alloc(load.bodyBytes, 'e'),
  ]);
  const lines = Object.entries({
    Host: `127.0.0.1:${load.port}`,
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    Origin: `http://127.0.0.1:${load.port}`,
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    ...load.headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return new Promise((resolve) => {
    const socket = connect(load.port, '127.0.0.1', () =>
      socket.write(`GET ${load.path} HTTP/1.1\r\n${lines.join('')}\r\n`),
    );
    let head = '';
    let isOpen = false;
    let received = 0;
    let started = 0;
    const send = (): void => {
      started = performance.now();
      socket.write(frame);
    };
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      if (!isOpen) {
        head += chunk.toString('latin1');
        if (!head.includes('\r\n\r\n')) return;
        isOpen = head.startsWith('HTTP/1.1 101');
        if (isOpen) return send();
        broken += 1;
        return socket.destroy();
      }
      received += chunk.length;
      if (received < frameOut) return;
      received -= frameOut;
      times.push(performance.now() - started);
      if (performance.now() < end) send();
      else socket.destroy();
    });
    socket.on('error', () => {
      broken += 1;
    });
    socket.on('close', () => resolve());
  });
}

function percentiles(): { p50Us: number; p99Us: number } {
  const sorted = times.sort((a, b) => a - b);
  const at = (part: number): number => Math.round((sorted[Math.floor(sorted.length * part)] ?? 0) * 1_000);
  return { p50Us: at(0.5), p99Us: at(0.99) };
}
