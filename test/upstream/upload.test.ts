/** A body on its way to the application: as long as was said or the connection ends, and nobody is blamed for another's pace. */
import { afterEach, describe, expect, test } from 'vitest';
import { TestClock } from '../fakes/clock.ts';
import { Front, type FrontOptions } from './front.ts';
import { client, type End, StandIn, until } from './wire.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function setUp(options: Partial<FrontOptions> = {}) {
  const app = await StandIn.start();
  stops.push(() => app.stop());
  const clock = new TestClock();
  const front = await Front.start({ url: app.url, connections: 1, clock, headersTimeoutMs: 10_000, ...options });
  stops.push(() => front.stop());
  return { app, clock, front };
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** The next request goes out over another connection, and its answer is its own. */
async function nextOne(app: StandIn, front: Front, index = 1): Promise<void> {
  const browser = await client(front.port);
  browser.write('GET /next HTTP/1.1\r\nHost: x\r\n\r\n');
  const to = await app.connection(index);
  await to.request();
  expect(to.text).toMatch(/^GET \/next /);
  to.write(OK);
  await browser.has('ok');
}

describe('a body that is not as long as its head said never leaves the connection to the next request', () => {
  const POST = 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n';
  test.each<[what: string, length: number, sent: string]>([
    ['too long at once', 3, 'hell'],
    ['too long by far', 3, 'hello\r\nGET /poison HTTP/1.1\r\n\r\n'],
    ['too long by a later piece', 5, 'hello'],
    ['too short', 20, 'hello'],
    ['empty', 1, ''],
    ['not empty', 0, 'hello'],
  ])('%s', async (what, length, sent) => {
    const headers = ['Host', 'x', 'Content-Length', String(length)];
    const { app, front } = await setUp({ before: async (req) => (req.url === '/' ? { headers } : {}) });
    const browser = await client(front.port);
    browser.write(sent === '' ? POST : `${POST}${sent.length.toString(16)}\r\n${sent}\r\n`);
    const to = await app.connection();
    if (what.includes('later')) await to.has('hello');
    browser.write(what.includes('later') ? '1\r\nx\r\n0\r\n\r\n' : '0\r\n\r\n');
    await to.gone();
    await browser.has('502');
    const [, ...body] = to.text.split('\r\n\r\n');
    expect(body.join('\r\n\r\n').length).toBeLessThanOrEqual(length);
    expect(front.failures).toEqual(['malformed']);
    await nextOne(app, front);
  });

  test('known before: nothing is sent, and the connection is the next one’s', async () => {
    const { app, front } = await setUp({
      before: async (req) => {
        if (req.url !== '/') return {};
        for await (const _ of req);
        return { bodyRead: Buffer.from('hello'), bodyComplete: true, headers: ['Host', 'x', 'Content-Length', '4'] };
      },
    });
    const browser = await client(front.port);
    browser.write(`${POST}5\r\nhello\r\n0\r\n\r\n`);
    await browser.has('502');
    expect(front.failures).toEqual(['malformed']);
    await nextOne(app, front, 0);
  });
});

describe('the time that an application has for the beginning of its answer', () => {
  async function uploading(): Promise<{ browser: End; to: End; clock: TestClock; front: Front }> {
    const { app, clock, front } = await setUp();
    const browser = await client(front.port);
    browser.write('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n');
    const to = await app.connection();
    await to.has('hello');
    return { browser, to, clock, front };
  }

  test('does not run while the client is slow', async () => {
    const { browser, to, clock, front } = await uploading();
    clock.advance(600_000);
    browser.write('5\r\nworld\r\n0\r\n\r\n');
    await to.has('\r\n0\r\n\r\n');
    to.write(OK);
    await browser.has('ok');
    expect(front.failures).toEqual([]);
  });

  test('begins with the last byte of the body', async () => {
    const { browser, to, clock, front } = await uploading();
    clock.advance(9_000);
    browser.write('0\r\n\r\n');
    await to.has('\r\n0\r\n\r\n');
    clock.advance(9_999);
    expect(front.failures).toEqual([]);
    clock.advance(1);
    await browser.has('504');
    expect(front.failures).toEqual(['timeout']);
    await to.gone();
  });

  /** An upload that never ends, until the application's side of it is full. */
  async function full() {
    const parts = await uploading();
    const { browser, to, front } = parts;
    to.socket.removeAllListeners('data').pause();
    const upload = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(65_536, 'x'), Buffer.from('\r\n')]);
    let written = 0;
    const pump = (): void => {
      if (browser.socket.destroyed) return;
      written += 1;
      browser.socket.write(upload, () => setImmediate(pump));
    };
    pump();
    const taken = async (): Promise<number> => {
      let seen = -1;
      // Nothing more is taken: both kernels and the front hold what they can.
      while (seen !== written) {
        seen = written;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      return seen;
    };
    await taken();
    return { ...parts, front, taken, written: () => written };
  }

  test('runs while it takes nothing of the body', async () => {
    const { browser, clock, front } = await full();
    clock.advance(20_000);
    await until(() => front.failures.length > 0, 'the end');
    expect(front.failures).toEqual(['timeout']);
    browser.socket.destroy();
  });

  test('begins anew whenever it takes some', async () => {
    const { browser, to, clock, front, taken, written } = await full();
    for (let round = 0; round < 4; round += 1) {
      clock.advance(9_000);
      const before = written();
      to.socket.resume();
      await until(() => written() > before + 40, 'the upload to go on');
      to.socket.pause();
      await taken();
    }
    expect(front.failures).toEqual([]);
    browser.socket.destroy();
  });
});

test('more requests at once on one connection than anybody needs leave no warning', async () => {
  const { app, front } = await setUp();
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  process.on('warning', onWarning);
  app.answer(OK);
  const browser = await client(front.port);
  browser.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(40));
  await until(() => browser.text.split('\r\n\r\nok').length === 41, 'all answers');
  process.off('warning', onWarning);
  expect(warnings).toEqual([]);
});
