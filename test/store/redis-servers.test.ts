/**
 * Redis servers as they are in the world: with TLS and users, behind sentinels, in a cluster, hung, gone, emptied, or set up
 * to forget. Real ones, started for each test.
 */
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient } from '@redis/client';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { steadyClock } from '../../src/clock.ts';
import type { Keys } from '../../src/store/keys.ts';
import type { RedisServer } from '../../src/store/redis/dial.ts';
import { type RedisProcess, type ServerSettings, startRedis } from '../fakes/redis-server.ts';
import { ca, cert, key } from '../upstream/certificates.ts';
import { newKeys, newPrefix, openOn, serverAt } from './redis-samples.ts';
import { errorOf, newFolder, session, user } from './samples.ts';

let keys: Keys;
beforeAll(async () => {
  keys = await newKeys();
});

const servers: RedisProcess[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.child.kill('SIGCONT');
    await server.stop();
  }
});

async function start(settings: ServerSettings = {}): Promise<RedisProcess> {
  const server = await startRedis(settings);
  servers.push(server);
  return server;
}

async function command(port: number, ...args: string[]): Promise<unknown> {
  const client = createClient({ socket: { host: '127.0.0.1', port } });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await client.sendCommand(args);
  } finally {
    client.destroy();
  }
}

const open = (server: RedisServer, prefix = newPrefix()) => openOn(server, { keys, prefix });

describe('a server that is out of reach', () => {
  it('while it hangs nothing is read or written, nobody counts as heard, and it is used again by itself', async () => {
    const { child, port } = await start();
    const { store, notes } = await open(serverAt(port, { timeoutMs: 600 }));
    const heard: (string | undefined)[] = [];
    store.sessions.elsewhere?.onChange((changed) => heard.push(changed));
    await store.users.update('a', () => ({ write: user('a'), result: 0 }));
    expect([store.healthy(), store.sessions.elsewhere?.isHeard()]).toEqual([true, true]);

    child.kill('SIGSTOP');
    const began = steadyClock.now();
    expect((await errorOf(store.users.get('a'))).code).toBe('unreadable');
    expect((await errorOf(store.users.update('b', () => ({ write: user('b'), result: 0 })))).code).toBe('unwritable');
    expect(steadyClock.now() - began, 'it is given up, not waited for').toBeLessThan(10_000);
    expect([store.healthy(), store.sessions.elsewhere?.isHeard()]).toEqual([false, false]);
    expect(heard).toEqual([]);

    child.kill('SIGCONT');
    await expect.poll(() => store.healthy(), { timeout: 10_000 }).toBe(true);
    expect(heard, 'anything may have happened meanwhile').toContain(undefined);
    expect(await store.users.get('a')).toEqual(user('a'));
    expect(notes.map(({ note }) => note).filter((note) => note !== 'server-not-persistent')).toEqual([
      'connected',
      'trouble',
      'recovered',
    ]);
  });

  it('that comes back with its data goes on, and with none is refused: nobody has lost a factor', async () => {
    const folder = await newFolder();
    const kept = ['--appendonly', 'yes', '--appendfsync', 'always'];
    const first = await start({ folder, args: kept });
    const { store, notes } = await open(serverAt(first.port));
    await store.users.update('a', () => ({ write: user('a'), result: 0 }));
    await first.stop();
    await expect.poll(() => store.healthy(), { timeout: 10_000 }).toBe(false);
    const second = await start({ folder, port: first.port, args: kept });
    await expect.poll(() => store.healthy(), { timeout: 10_000 }).toBe(true);
    expect(await store.users.get('a')).toEqual(user('a'));

    await second.stop();
    await start({ port: first.port });
    await expect
      .poll(() => store.users.get('a').then(String, (error: unknown) => Object(error).code), { timeout: 10_000 })
      .toBe('damaged');
    expect(store.healthy()).toBe(false);
    expect(notes).toContainEqual(expect.objectContaining({ note: 'trouble' }));
  });

  it('that is emptied while it runs says nothing about anybody, from the first question on', async () => {
    const { port } = await start();
    const { store } = await open(serverAt(port));
    await store.users.update('a', () => ({ write: user('a'), result: 0 }));
    await command(port, 'FLUSHALL');
    const write = () => store.users.update('b', () => ({ write: user('b'), result: 0 }));
    const list = async () => {
      for await (const [name] of store.users.entries()) expect(name).toBe('a');
    };
    for (const ask of [() => store.users.get('a'), write, list, () => store.sessions.of('a' as never)]) {
      expect((await errorOf(ask())).code).toBe('damaged');
    }
    await expect.poll(() => store.healthy(), { timeout: 10_000 }).toBe(false);
    expect((await errorOf(store.users.get('a'))).code).toBe('damaged');
  });
});

describe('a server that would forget', () => {
  it('users is refused, counters is a warning, and nothing on its disk is a warning', async () => {
    const lru = await start({ args: ['--maxmemory', '64mb', '--maxmemory-policy', 'allkeys-lru'] });
    const error = await errorOf(open(serverAt(lru.port)));
    expect([error.code, error.message]).toEqual(['unwritable', expect.stringContaining('set it to noeviction')]);

    const ttl = await start({ args: ['--maxmemory-policy', 'volatile-ttl', '--appendonly', 'yes'] });
    expect((await open(serverAt(ttl.port))).notes).toEqual([
      { note: 'server-may-evict', policy: 'volatile-ttl' },
      { note: 'connected' },
    ]);
    const empty = await start();
    expect((await open(serverAt(empty.port))).notes).toEqual([
      { note: 'server-not-persistent' },
      { note: 'connected' },
    ]);
  });
});

describe('who may use a server', () => {
  it('a user with the rights that the documentation names, and no more', async () => {
    const { port } = await start({ args: ['--requirepass', 'administrator'] });
    const admin = createClient({ socket: { host: '127.0.0.1', port }, password: 'administrator' });
    await admin.connect();
    const prefix = newPrefix();
    const rights = `~{${prefix}}:* &{${prefix}}:* -@all +get +set +del +mget +exists +scan +eval +evalsha +publish +subscribe +unsubscribe +ping +hello +select +info +sadd +srem +smembers +pttl +pexpire +persist`;
    await admin.sendCommand(['ACL', 'SETUSER', 'gateway', 'on', '>secret', ...rights.split(' ')]);
    const server = serverAt(port, { username: 'gateway', password: 'secret' });
    const { store } = await open(server, prefix);
    await store.users.update('a', () => ({ write: user('a'), result: 0 }));
    await store.sessions.update('s', () => ({ write: session(1), result: 0 }));
    await store.sessions.move('s', 't', (current) =>
      current === undefined ? { result: 0 } : { write: current, result: 0 },
    );
    expect(await store.sessions.of('a' as never)).toEqual([]);
    for await (const [name] of store.users.entries()) expect(name).toBe('a');
    await store.counters.update('c', () => ({ write: { expiresAt: 8e15 }, result: 0 }));
    expect(store.healthy()).toBe(true);
    admin.destroy();

    expect((await errorOf(open(serverAt(port)))).message).toContain('check that it runs, and address, user, password');
    expect((await errorOf(open({ ...server, password: 'wrong' }))).message).toContain('password and TLS in store');
    expect((await errorOf(open(server))).message, 'another prefix').toMatch(/NOPERM|permission|cannot be used/);
  });

  it('only who trusts its certificate speaks to it, by TLS', async () => {
    const folder = await newFolder();
    for (const [name, text] of Object.entries({ ca, cert, key })) await writeFile(join(folder, `${name}.pem`), text);
    const file = (name: string): string => join(folder, `${name}.pem`);
    const tls = ['--tls-cert-file', file('cert'), '--tls-key-file', file('key'), '--tls-ca-cert-file', file('ca')];
    const { port } = await start({
      args: ['--tls-port', 'PORT', '--port', '0', ...tls, '--tls-auth-clients', 'optional'],
    });
    const { store } = await open(serverAt(port, { tls: { ca, servername: 'app.test' } }));
    await store.users.update('a', () => ({ write: user('a'), result: 0 }));
    expect(await store.users.get('a')).toEqual(user('a'));
    for (const trust of [{}, { ca, servername: 'other.test' }]) {
      expect((await errorOf(open(serverAt(port, { tls: trust, timeoutMs: 1_000 })))).code).toBe('unreadable');
    }
    expect((await errorOf(open(serverAt(port, { timeoutMs: 500 })))).code, 'without TLS').toBe('unreadable');
  });
});

describe('several servers', () => {
  it('behind sentinels: the one that takes writes is found, and found again after it died', async () => {
    const primary = await start();
    const replica = await start({ args: ['--replicaof', '127.0.0.1', String(primary.port)] });
    const folder = await newFolder();
    const file = join(folder, 'sentinel.conf');
    await writeFile(
      file,
      `sentinel monitor lucy 127.0.0.1 ${primary.port} 1\nsentinel down-after-milliseconds lucy 500\nsentinel failover-timeout lucy 2000\n`,
    );
    const sentinel = await start({ file, args: ['--sentinel'] });
    const watch: RedisServer = {
      ...serverAt(sentinel.port, { timeoutMs: 1_000 }),
      kind: 'sentinel',
      sentinelName: 'lucy',
    };
    await expect
      .poll(async () => String(await command(replica.port, 'INFO', 'replication')), { timeout: 15_000 })
      .toContain('master_link_status:up');
    const { store } = await open(watch);
    await store.users.update('a', () => ({ write: user('a'), result: 0 }));
    await expect
      .poll(async () => command(replica.port, 'DBSIZE'), { timeout: 10_000 })
      .toBe(await command(primary.port, 'DBSIZE'));
    await primary.stop();
    await expect
      .poll(() => store.users.update('b', () => ({ write: user('b'), result: 'written' })).catch(() => 'refused'), {
        timeout: 30_000,
        interval: 250,
      })
      .toBe('written');
    expect(await store.users.get('a')).toEqual(user('a'));
    expect((await errorOf(open({ ...watch, sentinelName: 'nobody' }))).code).toBe('unreadable');
  });

  it('in a cluster: every key is in one slot, so that scripts may touch all of them', async () => {
    const { port } = await start({ args: ['--cluster-enabled', 'yes'] });
    expect(spawnSync('redis-cli', ['-p', String(port), 'cluster', 'addslotsrange', '0', '16383']).status).toBe(0);
    await expect
      .poll(async () => String(await command(port, 'CLUSTER', 'INFO')), { timeout: 10_000 })
      .toContain('cluster_state:ok');
    const { store } = await open({ ...serverAt(port), kind: 'cluster' });
    await store.users.update('a', () => ({ write: user('a'), result: 0 }));
    await store.sessions.update('s', () => ({ write: session(1), result: 0 }));
    await store.sessions.move('s', 't', (current) =>
      current === undefined ? { result: 0 } : { write: current, result: 0 },
    );
    expect(await store.sessions.get('t')).toEqual(session(1));
    expect(await store.sessions.get('s')).toBeUndefined();
  });
});
