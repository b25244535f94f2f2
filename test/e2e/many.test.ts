/**
 * Several gateways as an operator runs them, over a real Redis: behind a load balancer, and as workers of one command; one is
 * killed in the middle. And the way there: the data of a lowdb store moves over without anybody enrolling again.
 */
import { randomBytes } from 'node:crypto';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type StandInLucy, startStandInLucy } from '../../src/demo/stand-in-lucy/server.ts';
import { FakeBrowser, type Page } from '../fakes/browser.ts';
import { freePort } from '../fakes/free-port.ts';
import { type Header, RawConnection, rawBytes } from '../fakes/raw-http.ts';
import { type RedisProcess, startRedis } from '../fakes/redis-server.ts';
import { RoundRobin } from '../fakes/round-robin.ts';
import { newFolder } from '../store/samples.ts';
import { Authenticator } from './authenticator.ts';
import { type GatewayOptions, GatewayProcess, runCommand } from './gateway-process.ts';

const ALICE = { email: 'alice@example.com', password: 'correct horse alice' };

let lucy: StandInLucy;
let redis: RedisProcess;
let prefixes = 0;
beforeAll(async () => {
  lucy = await startStandInLucy();
  redis = await startRedis();
});
afterAll(async () => {
  await redis?.stop();
  await lucy?.close();
});

const running: GatewayProcess[] = [];
afterEach(async () => {
  for (const gateway of running.splice(0)) await gateway.remove();
});

async function start(options: Partial<GatewayOptions>): Promise<GatewayProcess> {
  const gateway = await GatewayProcess.start({ upstream: lucy.url, ...options });
  running.push(gateway);
  return gateway;
}

/** A key space of its own for each test. */
function newStore(): string {
  prefixes += 1;
  return `{ kind: redis, url: 'redis://127.0.0.1:${redis.port}', prefix: e${prefixes}, timeout: 1s }`;
}

async function logIn(browser: FakeBrowser): Promise<Page> {
  const form = await browser.get('/admin/login');
  return browser.submit(form, { 'LoginForm[email]': ALICE.email, 'LoginForm[password]': ALICE.password });
}

/** @returns the app; the person is signed out afterwards. */
async function enrol(browser: FakeBrowser): Promise<Authenticator> {
  await logIn(browser);
  const intro = await browser.get('/_2fa/enrol/totp');
  const page = await browser.post('/_2fa/enrol/totp', { csrf: intro.hidden['csrf'] ?? '' });
  const secret = /id="totp-key"[^>]*>([A-Z2-7 ]+)</.exec(page.html)?.[1];
  if (secret === undefined) throw new Error(`no key on the page: ${page.html}`);
  const app = new Authenticator(secret);
  const done = await browser.submit(page, { code: await app.code() });
  expect(done.html).toContain('Two-factor authentication is on');
  return app;
}

function cookieOf(browser: FakeBrowser): string {
  return browser.cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
}

describe('two gateways behind a load balancer', () => {
  let front: RoundRobin;
  let gateways: readonly [GatewayProcess, GatewayProcess];
  let browser: FakeBrowser;

  async function startBoth(): Promise<void> {
    front = await RoundRobin.start();
    const publicUrl = `http://127.0.0.1:${front.port}`;
    const shared = { publicUrl, store: newStore(), keyFile: join(await newFolder(), 'keys.json') };
    const management = await freePort();
    const first = await start({ ...shared, management: `{ host: 127.0.0.1, port: ${management} }` });
    gateways = [first, await start(shared)];
    front.targets = gateways.map(({ port }) => port);
    browser = new FakeBrowser({ origin: publicUrl, port: front.port });
    probe = `http://127.0.0.1:${management}/readyz`;
  }
  let probe: string;
  afterEach(() => front?.close());

  it('one of them is killed between the password and the code, and later it is back', async () => {
    await startBoth();
    const app = await enrol(browser);
    const prompt = await logIn(browser);
    expect(prompt.url.pathname).toBe('/_2fa/challenge');
    await gateways[0].kill();
    const inside = await browser.submit(prompt, { code: await app.code() });
    expect(inside.html).toContain(lucy.secretOf(ALICE.email));
    await gateways[0].start();
    for (let visits = 0; visits < 4; visits += 1) {
      expect((await browser.get('/admin')).html).toContain(lucy.secretOf(ALICE.email));
    }
    await browser.get('/_2fa/logout').then((page) => browser.submit(page, { csrf: page.hidden['csrf'] ?? '' }));
    for (let visits = 0; visits < 2; visits += 1)
      expect((await browser.get('/admin')).url.pathname).toBe('/admin/login');
  });

  it('a socket through one ends when the person signs out through the other', async () => {
    await startBoth();
    await logIn(browser);
    const connection = await RawConnection.open(gateways[1].port);
    const headers: Header[] = [
      ['Host', `127.0.0.1:${front.port}`],
      ['Connection', 'Upgrade'],
      ['Upgrade', 'websocket'],
      ['Sec-WebSocket-Version', '13'],
      ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
      ['Cookie', cookieOf(browser)],
    ];
    expect((await connection.exchange(rawBytes('GET', '/admin/live', headers))).status).toBe(101);
    front.turn = 0;
    await browser.get('/admin/logout');
    await connection.waitForClose();
    await connection.close();
  });

  it('without the server nobody passes, the probe says why, and nothing has to be started again', async () => {
    await startBoth();
    await logIn(browser);
    expect((await fetch(probe)).status).toBe(200);
    redis.child.kill('SIGSTOP');
    try {
      for (const gateway of [0, 1]) {
        await expect
          .poll(
            async () => {
              front.turn = gateway;
              return (await browser.get('/admin')).status;
            },
            { timeout: 10_000 },
          )
          .toBe(503);
      }
      const ready = await fetch(probe);
      expect([ready.status, await ready.text()]).toEqual([503, 'store\n']);
      expect((await fetch(probe.replace('readyz', 'livez'))).status).toBe(200);
    } finally {
      redis.child.kill('SIGCONT');
    }
    for (const gateway of [0, 1]) {
      await expect
        .poll(
          async () => {
            front.turn = gateway;
            return (await browser.get('/admin')).status;
          },
          { timeout: 10_000 },
        )
        .toBe(200);
    }
    await expect.poll(async () => (await fetch(probe)).status, { timeout: 10_000 }).toBe(200);
  });

  it('a gateway with a key file of its own is turned away, and says what to do', async () => {
    await startBoth();
    const store = `{ kind: redis, url: 'redis://127.0.0.1:${redis.port}', prefix: e${prefixes} }`;
    const stranger = await GatewayProcess.prepare({ upstream: lucy.url, store });
    running.push(stranger);
    await expect(stranger.start()).rejects.toThrow(/"code":3[\s\S]*(?:key file)/);
  });
});

describe('--workers', () => {
  it('refuses the embedded store with one sentence', async () => {
    const gateway = await GatewayProcess.prepare({ upstream: lucy.url, args: ['--workers', '2'] });
    running.push(gateway);
    await expect(gateway.start()).rejects.toThrow(/"code":1[\s\S]*one process does all the work/);
    const { code, stderr } = await runCommand(['start', '--workers', 'many']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('a number of processes from 1 to 256')]);
  });

  it('serves one login by all of them, starts anew what was killed, and ends as a whole', async () => {
    const gateway = await start({ store: newStore(), args: ['--workers', '2'] });
    await gateway.logged(({ event }) => event === 'sys_startup', 2);
    const browser = new FakeBrowser({ origin: gateway.origin, port: gateway.port });
    const app = await enrol(browser);
    const inside = await browser.submit(await logIn(browser), { code: await app.code() });
    expect(inside.html).toContain(lucy.secretOf(ALICE.email));

    const children = await childrenOf(gateway.pid);
    expect(children).toHaveLength(2);
    process.kill(children[0] ?? 0, 'SIGKILL');
    await gateway.logged(({ event }) => event === 'worker_ended');
    for (let visits = 0; visits < 4; visits += 1) {
      expect((await browser.get('/admin')).html).toContain(lucy.secretOf(ALICE.email));
    }
    await gateway.logged(({ event }) => event === 'sys_startup', 3);
    gateway.signal('SIGHUP');
    await gateway.logged(({ event }) => event === 'config_reloaded', 2);

    const left = await childrenOf(gateway.pid);
    expect(left).toHaveLength(2);
    expect(await gateway.terminate()).toEqual({ code: 0, signal: null });
    for (const pid of left) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });
});

describe('store copy', () => {
  const STRANGE_KEYS = JSON.stringify({
    format: 1,
    current: 'k1',
    keys: { k1: randomBytes(32).toString('base64') },
  });

  it('takes everybody over to Redis and back: the same code opens the same account', async () => {
    const embedded = await start({});
    const browser = new FakeBrowser({ origin: embedded.origin, port: embedded.port });
    const app = await enrol(browser);
    const locked = await runCommand(['store', 'copy', '--from', embedded.configPath, '--to', embedded.configPath]);
    expect([locked.code, locked.stderr]).toEqual([1, expect.stringContaining('name the same store')]);

    const shared = await GatewayProcess.prepare({ upstream: lucy.url, store: newStore() });
    running.push(shared);
    const args = ['store', 'copy', '--from', embedded.configPath, '--to', shared.configPath];
    const keyless = await runCommand(args);
    expect([keyless.code, keyless.stderr]).toEqual([3, expect.stringContaining('keys.json, is not there; copy')]);
    await writeFile(join(shared.folder, 'keys.json'), STRANGE_KEYS, { mode: 0o600 });
    const strange = await runCommand(args);
    expect([strange.code, strange.stderr]).toEqual([3, expect.stringContaining('begin with different keys')]);
    await copyFile(join(embedded.folder, 'keys.json'), join(shared.folder, 'keys.json'));
    const busy = await runCommand(args);
    expect([busy.code, busy.stderr]).toEqual([3, expect.stringContaining('in use by the running gateway')]);
    await embedded.terminate();
    const copied = await runCommand(args);
    expect(copied).toMatchObject({ code: 0 });
    expect(copied.stdout).toContain('users: 1 found, 1 written, 1 read again and alike\n');
    const again = await runCommand(args);
    expect(again.stdout).toContain('users: 1 found, 0 written, 1 read again and alike\n');

    await shared.start();
    const elsewhere = new FakeBrowser({ origin: shared.origin, port: shared.port });
    const inside = await elsewhere.submit(await logIn(elsewhere), { code: await app.code() });
    expect(inside.html).toContain(lucy.secretOf(ALICE.email));
    await shared.terminate();

    const back = await GatewayProcess.prepare({ upstream: lucy.url });
    running.push(back);
    await copyFile(join(embedded.folder, 'keys.json'), join(back.folder, 'keys.json'));
    const returned = await runCommand(['store', 'copy', '--from', shared.configPath, '--to', back.configPath]);
    expect(returned).toMatchObject({ code: 0 });
    await back.start();
    const home = new FakeBrowser({ origin: back.origin, port: back.port });
    expect((await logIn(home)).url.pathname).toBe('/_2fa/challenge');
  });
});

/** Processes that this one started. */
async function childrenOf(pid: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.trim().split(' ').map(Number);
}
