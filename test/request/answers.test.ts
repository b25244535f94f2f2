/** A refused upgrade on a real socket: the answer arrives whole, and the connection ends whatever the client does. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { refuseUpgrade } from '../../src/request/answers.ts';
import { TestClock } from '../fakes/clock.ts';

let server: Server;
const clients: Socket[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await new Promise((resolve) => server.close(resolve));
});

/** Both ends of a connection whose client never closes its own direction. */
async function pair(): Promise<{ ours: Socket; client: Socket }> {
  server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const client = connect({ port: address.port, host: '127.0.0.1', allowHalfOpen: true });
  clients.push(client);
  client.on('error', () => client.destroy());
  const [ours]: Socket[] = await once(server, 'connection');
  if (ours === undefined) throw new Error('no connection');
  return { ours, client };
}

describe('refuseUpgrade', () => {
  it('answers, closes its side, and cuts a client that sends on and never closes', async () => {
    const clock = new TestClock();
    const { ours, client } = await pair();
    let text = '';
    client.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    const ended = once(client, 'end');
    refuseUpgrade(ours, 401, clock, '/login');
    await ended;
    expect(text).toMatch(/^HTTP\/1\.1 401 Unauthorized\r\n[\s\S]*"challenge":"\/login"}$/);
    client.write('GET /smuggled HTTP/1.1\r\n\r\n');
    expect(ours.destroyed).toBe(false);
    clock.advance(60_000);
    expect(ours.destroyed).toBe(true);
  });

  it('lets go at once of a client that closes, although unread bytes lie in front of its end', async () => {
    const clock = new TestClock();
    const { ours, client } = await pair();
    client.resume();
    const closed = once(ours, 'close');
    refuseUpgrade(ours, 403, clock);
    client.end('GET /smuggled HTTP/1.1\r\n\r\n');
    await closed;
    expect(ours.destroyed).toBe(true);
  });
});
