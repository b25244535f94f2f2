/** What happens when the application has no connection left: a bounded wait, then an honest "busy", and never a second sending. */
import { afterEach, expect, test } from 'vitest';
import { TestClock } from '../fakes/clock.ts';
import { Front, type FrontOptions } from './front.ts';
import { client, type End, StandIn, until } from './wire.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

async function setUp(options: Partial<FrontOptions>) {
  const app = await StandIn.start();
  stops.push(() => app.stop());
  const clock = new TestClock();
  const front = await Front.start({ url: app.url, connections: 1, clock, ...options });
  stops.push(() => front.stop());
  const ask = async (path: string): Promise<End> => {
    const browser = await client(front.port);
    const before = front.running.length;
    browser.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await until(() => front.running.length > before, 'the request to be taken on');
    return browser;
  };
  return { app, clock, front, ask };
}

test('a request waits for the connection, and goes when it is free', async () => {
  const { app, ask } = await setUp({ queue: 1 });
  const first = await ask('/1');
  const to = await app.connection();
  await to.request(1);
  const second = await ask('/2');
  to.write(OK);
  await first.has('ok');
  await to.request(2);
  to.write(OK);
  await second.has('ok');
  expect(app.connections).toHaveLength(1);
});

test('one more than may wait is refused at once, and the others are served', async () => {
  const { app, ask, front } = await setUp({ queue: 1 });
  const first = await ask('/1');
  const to = await app.connection();
  await to.request(1);
  const second = await ask('/2');
  const third = await ask('/3');
  await third.has('502'); // the front of these tests knows no other status
  expect(front.failures).toEqual(['busy']);
  to.write(OK);
  await first.has('ok');
  await to.request(2);
  to.write(OK);
  await second.has('ok');
  expect(app.text).not.toContain('/3');
});

test('one that waited too long is refused and never sent', async () => {
  const { app, ask, clock, front } = await setUp({ queue: 10, queueTimeoutMs: 1_000 });
  const first = await ask('/1');
  const to = await app.connection();
  await to.request(1);
  const second = await ask('/2');
  clock.advance(1_000);
  await second.has('502');
  expect(front.failures).toEqual(['busy']);
  to.write(OK);
  await first.has('ok');
  const third = await ask('/3');
  await to.request(2);
  to.write(OK);
  await third.has('ok');
  expect(app.text).not.toContain('/2 ');
});

test('one whose client went away while it waited is not sent', async () => {
  const { app, ask, front } = await setUp({ queue: 10 });
  const first = await ask('/1');
  const to = await app.connection();
  await to.request(1);
  const second = await ask('/2');
  second.socket.destroy();
  await until(() => front.ends === 1, 'the exchange to end');
  const third = await ask('/3');
  to.write(OK);
  await first.has('ok');
  await to.request(2);
  to.write(OK);
  await third.has('ok');
  expect(app.text).not.toContain('/2 ');
});

test('places come back after answers, refusals, cuts and aborts alike', async () => {
  const { app, ask, front } = await setUp({ queue: 1 });
  app.onConnection = (end) => {
    end.socket.on('data', (chunk) => {
      const asked = chunk.toString('latin1');
      if (asked.includes('/cut')) end.socket.destroy();
      else if (asked.includes('/bad')) end.write('nonsense\r\n\r\n');
      else if (asked.includes('/same')) end.write('HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n');
      else end.write(OK);
    });
  };
  for (let round = 0; round < 3; round += 1) {
    for (const [path, part] of [
      ['/cut', '502'],
      ['/bad', '502'],
      ['/same', '304'],
      ['/good', 'ok'],
    ] as const) {
      const browser = await ask(path);
      await browser.has(part);
      browser.socket.destroy();
    }
  }
  expect(front.failures).not.toContain('busy');
});
