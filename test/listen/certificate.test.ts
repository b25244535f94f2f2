/** The gateway's certificate: replaced without a restart, as a whole pair or not at all. */
import { once } from 'node:events';
import { mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readPair, type Watched, watchPair } from '../../src/listen/certificate.ts';
import { createLog } from '../../src/log.ts';
import { TestClock } from '../fakes/clock.ts';
import { cert, key } from '../upstream/certificates.ts';
import { until } from '../upstream/wire.ts';
import { otherCert, otherKey } from './other-certificate.ts';
import { closeFronts, openFront } from './parts.ts';

const DAY_MS = 86_400_000;

let folder: string;
let watched: Watched | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'certificate-'));
});
afterEach(async () => {
  watched?.stop();
  watched = undefined;
  await closeFronts();
  await rm(folder, { recursive: true, force: true });
});

async function setUp(clock = new TestClock()) {
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  await writeFile(files.cert, cert);
  await writeFile(files.key, key);
  const pair = await readPair(files);
  const front = await openFront({ pair });
  const logged: Record<string, unknown>[] = [];
  const log = createLog('debug', { write: (line) => void logged.push(JSON.parse(line)) });
  let used = 0;
  watched = watchPair(files, pair, {
    clock,
    log,
    use: (next) => {
      used += 1;
      front.listener.use(next);
    },
  });
  return { files, front, clock, logged, watched, used: () => used };
}

async function shown(port: number): Promise<{ name: string; socket: TLSSocket }> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] });
  await once(socket, 'secureConnect');
  const { CN } = socket.getPeerCertificate().subject;
  return { name: String(CN), socket };
}

async function answers(socket: TLSSocket): Promise<boolean> {
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  return chunk.toString().startsWith('HTTP/1.1 200');
}

test('a new pair is for new connections; those that exist go on', async () => {
  const { files, front, logged, watched: certificate } = await setUp();
  const before = await shown(front.port);
  await writeFile(files.cert, otherCert);
  await writeFile(files.key, otherKey);
  await certificate.reload();
  const after = await shown(front.port);
  expect([before.name, after.name]).toEqual(['app.test', 'other.test']);
  expect([await answers(before.socket), await answers(after.socket)]).toEqual([true, true]);
  expect(after.socket.alpnProtocol).toBe('http/1.1');
  expect(logged.map(({ event }) => event)).toEqual(['tls_certificate_reloaded']);
  before.socket.destroy();
  after.socket.destroy();
});

test.each([
  ['the certificate alone', { cert: otherCert }],
  ['the key alone', { key: otherKey }],
  ['garbage', { cert: 'garbage' }],
  ['half a file', { key: key.slice(0, 60) }],
  ['nothing', { cert: '' }],
])('%s replaced: the old pair stays, and one line says so without the key', async (_, change) => {
  const { files, front, logged, used, watched: certificate } = await setUp();
  if ('cert' in change) await writeFile(files.cert, change.cert);
  if ('key' in change) await writeFile(files.key, change.key);
  await certificate.reload();
  const { name, socket } = await shown(front.port);
  socket.destroy();
  expect([name, used()]).toEqual(['app.test', 0]);
  expect(logged).toMatchObject([{ event: 'tls_reload_refused', level: 'error' }]);
  expect(JSON.stringify(logged)).not.toContain('PRIVATE');
});

test('unchanged files change nothing and say nothing', async () => {
  const { logged, used, watched: certificate } = await setUp();
  await certificate.reload();
  expect([used(), logged]).toEqual([0, []]);
});

test('a change of the files is noticed, also by renaming, without anybody’s word', async () => {
  const { clock, files, used } = await setUp();
  await writeFile(`${files.cert}.new`, otherCert);
  await writeFile(`${files.key}.new`, otherKey);
  await rename(`${files.key}.new`, files.key);
  await rename(`${files.cert}.new`, files.cert);
  // The watcher waits until the files have settled, on the clock of the test.
  await until(() => {
    clock.advance(400);
    return used() === 1;
  }, 'the new pair');
});

test('a change that no file system tells of is noticed within an hour', async () => {
  const { clock, files, used } = await setUp();
  const elsewhere = await mkdtemp(join(tmpdir(), 'certificate-'));
  try {
    // The folder of the link does not change when its target does.
    await writeFile(join(elsewhere, 'cert'), cert);
    await writeFile(join(elsewhere, 'key'), key);
    await rm(files.cert);
    await rm(files.key);
    await symlink(join(elsewhere, 'cert'), files.cert);
    await symlink(join(elsewhere, 'key'), files.key);
    await until(() => {
      clock.advance(400);
      return true;
    }, 'the watcher');
    await writeFile(join(elsewhere, 'cert'), otherCert);
    await writeFile(join(elsewhere, 'key'), otherKey);
    clock.advance(3_600_000);
    await until(() => used() === 1, 'the new pair');
  } finally {
    await rm(elsewhere, { recursive: true });
  }
});

test('an end that is near is warned of at the start and once a day', async () => {
  const { expires } = await readPair(await filesOf());
  const clock = new TestClock(expires - 15 * DAY_MS + 1);
  const { logged } = await setUp(clock);
  expect(logged).toEqual([]);
  clock.advance(DAY_MS);
  clock.advance(DAY_MS);
  expect(logged.filter(({ event }) => event === 'tls_certificate_expires')).toMatchObject([
    { level: 'warn', days: 13 },
    { days: 12 },
  ]);
});

async function filesOf(): Promise<{ cert: string; key: string }> {
  const files = { cert: join(folder, 'a.pem'), key: join(folder, 'b.pem') };
  await writeFile(files.cert, cert);
  await writeFile(files.key, key);
  return files;
}
