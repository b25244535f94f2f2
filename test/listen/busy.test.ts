/** An application that has no connection left, as people and programs see it. */
import { afterEach, expect, test } from 'vitest';
import { RawConnection, rawBytes } from '../fakes/raw-http.ts';
import { Harness } from '../flows/harness.ts';
import { StandIn } from '../upstream/wire.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

test.each([
  ['a person', [['Accept', 'text/html']], /^text\/html/, /The application is busy/],
  ['a program', [['X-Requested-With', 'XMLHttpRequest']], /^application\/problem\+json/, /"code":"upstream-busy"/],
] as const)('%s gets 503 with Retry-After, and nothing is sent', async (_, headers, type, text) => {
  const app = await StandIn.start();
  stops.push(() => app.stop());
  const harness = await Harness.start({
    upstreamUrl: app.url,
    upstream: { connections: 1, queue: 1, queueTimeoutMs: 1_000 },
  });
  stops.push(() => harness.close());
  const open = async (path: string): Promise<RawConnection> => {
    const connection = await RawConnection.open(harness.port);
    stops.push(() => connection.close());
    connection.send(rawBytes('GET', path, [['Host', `127.0.0.1:${harness.port}`], ...headers]));
    return connection;
  };
  await open('/admin/login?1'); // takes the connection, and waits for its answer
  await (await app.connection()).request(1);
  const second = await open('/admin/login?2'); // waits for the connection
  const third = await open('/admin/login?3');
  // Which of the two came first is not known; one is refused at once, the other after its time.
  const answers = [second.response('GET'), third.response('GET')];
  const refused = await Promise.race(answers);
  expect(refused.status).toBe(503);
  expect(refused.header('retry-after')).toBe('5');
  expect(refused.header('content-type')).toMatch(type);
  expect(refused.text).toMatch(text);
  harness.clock.advance(1_000);
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([503, 503]);
  expect(app.text).not.toMatch(/login\?[23]/);
});
