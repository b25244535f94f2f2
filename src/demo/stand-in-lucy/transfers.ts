/**
 * Answers and requests that are long or slow: uploads, downloads, server-sent events, a body that keeps one waiting.
 * Nothing here is held in memory.
 */
import { createCipheriv, createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Exchange, Routes } from './exchange.ts';
import { requireUser } from './login.ts';
import { boundaryOf, MultipartFile } from './multipart.ts';
import { scalar } from './php.ts';

const BLOCK = Buffer.alloc(64 * 1024);
const MEGABYTE = 1024 * 1024;
const MAX_DOWNLOAD_MB = 4096;

/** The bytes of /admin/download, always the same ones, so that a test can compare sums. */
export function* downloadBytes(bytes: number): Generator<Buffer> {
  const stream = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16));
  for (let left = bytes; left > 0; left -= BLOCK.length) {
    yield stream.update(left < BLOCK.length ? BLOCK.subarray(0, left) : BLOCK);
  }
}

async function upload(exchange: Exchange): Promise<void> {
  const boundary = boundaryOf(exchange.request.headers['content-type'] ?? '');
  const file = boundary === undefined ? undefined : new MultipartFile(boundary);
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of exchange.received()) {
    size += chunk.length;
    hash.update(chunk);
    file?.push(chunk);
  }
  if (requireUser(exchange) === undefined) return;
  exchange.answerJson(200, { size, sha256: hash.digest('hex'), ...(file ? { file: file.result() ?? null } : {}) });
}

async function download(exchange: Exchange): Promise<void> {
  if (requireUser(exchange) === undefined) return;
  const megabytes = Math.min(MAX_DOWNLOAD_MB, Math.max(0, Number(scalar(exchange.query, 'mb') ?? '1') || 0));
  const bytes = Math.floor(megabytes * MEGABYTE);
  exchange.head(200, {
    'Content-Type': 'application/octet-stream',
    'Content-Length': bytes,
    'Content-Disposition': 'attachment; filename="report.bin"',
  });
  if (exchange.request.method === 'HEAD') {
    exchange.response.end();
    return;
  }
  await pipeline(Readable.from(downloadBytes(bytes)), exchange.response);
}

/** The head at once, the body after `?ms=` (2 s without). */
function slow(exchange: Exchange): void {
  if (requireUser(exchange) === undefined) return;
  exchange.head(200, { 'Content-Type': 'text/plain; charset=UTF-8' });
  exchange.response.flushHeaders();
  const wait = Math.min(600_000, Math.max(0, Number(scalar(exchange.query, 'ms') ?? '2000') || 0));
  const cancel = exchange.app.options.clock.after(wait, () => exchange.response.end('done\n'));
  exchange.response.on('close', cancel);
}

/** Says hello at once and ticks every second. */
function events(exchange: Exchange): void {
  const user = requireUser(exchange);
  if (user === undefined) return;
  const { response } = exchange;
  exchange.head(200, { 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' });
  response.write(`retry: 2000\n\nevent: hello\ndata: ${user.email}\n\n`);
  let count = 0;
  let cancel = () => {};
  const tick = () => {
    count += 1;
    response.write(`data: ${count}\n\n`);
    cancel = exchange.app.options.clock.after(1000, tick);
  };
  cancel = exchange.app.options.clock.after(1000, tick);
  response.on('close', () => cancel());
}

export const transferRoutes: Routes = {
  'POST /admin/upload': upload,
  'PUT /admin/upload': upload,
  'GET /admin/download': download,
  'GET /admin/slow': slow,
  'GET /admin/events': events,
};
