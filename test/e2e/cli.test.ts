/**
 * The command line as an operator meets it: what is wrong is said in one sentence with its place, exit codes can be relied
 * on, signals do what service managers expect. Nothing here looks into the process.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type StandInLucy, startStandInLucy } from '../../src/demo/stand-in-lucy/server.ts';
import { FakeBrowser, type Page } from '../fakes/browser.ts';
import { freePort } from '../fakes/free-port.ts';
import { type Header, RawConnection, rawBytes } from '../fakes/raw-http.ts';
import { otherKey } from '../listen/other-certificate.ts';
import { cert, key } from '../upstream/certificates.ts';
import { Authenticator } from './authenticator.ts';
import { GatewayProcess, MAIN, runCommand } from './gateway-process.ts';

const SHIPPED = fileURLToPath(new URL('../../config/gateway.yaml', import.meta.url));
const ALICE = { email: 'alice@example.com', password: 'correct horse alice' };
const MEGABYTES = 64;

let lucy: StandInLucy;
beforeAll(async () => {
  lucy = await startStandInLucy();
});
afterAll(() => lucy?.close());

it('says its version', async () => {
  const { version }: { version: string } = JSON.parse(
    await readFile(new URL('../../package.json', import.meta.url), 'utf8'),
  );
  const { code, stdout } = await runCommand(['--version']);
  expect([code, stdout]).toEqual([0, `${version}\n`]);
});

it('client: makes a credential, and the line of the configuration that knows it', async () => {
  const { code, stderr, stdout } = await runCommand(['client', 'reports']);
  expect(code).toBe(0);
  const hash = createHash('sha256').update(stdout.trim()).digest('hex');
  expect(stdout).toMatch(/^reports\.[\w-]{43}\n$/);
  expect(stderr).toContain(`- { name: reports, hash: 'sha256:${hash}' }`);
  expect((await runCommand(['client', 'My script'])).code).toBe(2);
});

describe('check', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gateway-check-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('says all five mistakes of a file at once, each with its line, and exits with 1', async () => {
    const path = join(folder, 'gateway.yaml');
    const lines = [
      'listen: { host: 127.0.0.1, port: 99999 }',
      'publicUrl: https://lucy.example.com/path',
      'upstream:',
      '  url: http://127.0.0.1:8081',
      '  profil: lucy',
      'sessions:',
      '  idle: 30 minutes and more',
      'policy: { default: sometimes }',
    ];
    await writeFile(path, `${lines.join('\n')}\n`);
    const { code, stderr, stdout } = await runCommand(['check', '--config', path]);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    for (const [line, word] of [
      [1, 'port'],
      [2, 'publicUrl'],
      [5, 'profil'],
      [7, 'idle'],
      [8, 'default'],
    ] as const) {
      const found = stderr.split('\n').find((text) => text.includes(`:${line}`) && text.includes(word));
      expect(found, `line ${line} in:\n${stderr}`).toBeDefined();
    }
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('finds nothing wrong with the file that is shipped', async () => {
    const { code, stdout } = await runCommand(['check', '--config', SHIPPED]);
    expect(stdout).toMatch(/no mistakes/);
    expect(code).toBe(0);
  });

  it('says that a file is not there', async () => {
    const { code, stderr } = await runCommand(['check', '--config', join(folder, 'none.yaml')]);
    expect(code).toBe(1);
    expect(stderr).toContain('none.yaml');
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('says that the key does not fit the certificate', async () => {
    const path = join(folder, 'gateway.yaml');
    const text = 'publicUrl: https://lucy.example.com\nupstream: { url: http://127.0.0.1:8081 }\n';
    await writeFile(path, `${text}listen: { tls: { cert: cert.pem, key: key.pem } }\n`);
    await writeFile(join(folder, 'cert.pem'), cert);
    await writeFile(join(folder, 'key.pem'), otherKey);
    const { code, stderr, stdout } = await runCommand(['check', '--config', path]);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('listen.tls cannot be used: the key is not the one of the certificate');
    await writeFile(join(folder, 'key.pem'), key);
    expect((await runCommand(['check', '--config', path])).code).toBe(0);
  });

  it('exits with 2 for a command or an option that there is not', async () => {
    expect((await runCommand(['strat'])).code).toBe(2);
    const { code, stderr } = await runCommand(['check', '--fast']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('--help lists the commands')]);
    expect((await runCommand(['demo', '--port', 'first'])).code).toBe(2);
    expect((await runCommand(['demo', '--port', '99999'])).code).toBe(2);
  });
});

describe('start, when it cannot', () => {
  let gateway: GatewayProcess;
  beforeEach(async () => {
    gateway = await GatewayProcess.prepare({ upstream: lucy.url });
  });
  afterEach(() => gateway.remove());

  /** One sentence for a person, no stack. */
  async function refuses(expected: RegExp): Promise<void> {
    const { code, stderr } = await runCommand(['start', '--config', gateway.configPath], gateway.folder);
    const lines = stderr.trim().split('\n');
    expect(lines, stderr).toHaveLength(1);
    expect(lines[0]).toMatch(/^lucy-2fa: /);
    expect(lines[0]).toMatch(expected);
    expect(code).toBe(3);
  }

  async function edit(from: string | RegExp, to: string): Promise<void> {
    const text = await readFile(gateway.configPath, 'utf8');
    await writeFile(gateway.configPath, text.replace(from, to));
  }

  async function runOnce(): Promise<void> {
    await gateway.start();
    await gateway.terminate();
  }

  it('says that the application does not answer', async () => {
    const port = await freePort();
    await edit(lucy.url, `http://127.0.0.1:${port}`);
    await refuses(new RegExp(`does not answer at http://127\\.0\\.0\\.1:${port}`));
  });

  it('says which port is in use', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(gateway.port, '127.0.0.1', resolve));
    await refuses(new RegExp(`port ${gateway.port} is in use`));
    await new Promise((resolve) => other.close(resolve));
  });

  it('says that another gateway has the folder', async () => {
    await gateway.start();
    await edit(`port: ${gateway.port}`, `port: ${await freePort()}`);
    await refuses(new RegExp(`data" is in use .*process id ${gateway.pid}`));
  });

  it.skipIf(process.getuid?.() === 0)('says that the folder of the store cannot be used', async () => {
    await mkdir(join(gateway.folder, 'data'), { mode: 0o000 });
    await refuses(/data/);
    await chmod(join(gateway.folder, 'data'), 0o700);
  });

  it('says that the store is no folder', async () => {
    await writeFile(join(gateway.folder, 'data'), 'a file');
    await refuses(/store folder "[^"]*data" cannot be read/);
  });

  it('says that the users file is damaged and leaves it as it is; its advice brings everybody back', async () => {
    await enrolOnce(gateway);
    const path = join(gateway.folder, 'data', 'users.json');
    const whole = await readFile(path, 'utf8');
    const damaged = whole.slice(0, whole.length / 2);
    await writeFile(path, damaged);
    await refuses(/users\.json" is not complete JSON, so it is not known who has a factor/);
    expect(await readFile(path, 'utf8')).toBe(damaged);

    await copyFile(`${path}.last-good`, path);
    await gateway.start();
    const prompt = await logIn(new FakeBrowser({ origin: gateway.origin, port: gateway.port }));
    expect(prompt.url.pathname).toBe('/_2fa/challenge');
  });

  it('says that the key file is the wrong one, and does not make another', async () => {
    await enrolOnce(gateway);
    const keys = join(gateway.folder, 'keys.json');
    const stranger = await GatewayProcess.prepare({ upstream: lucy.url });
    await stranger.start();
    await stranger.terminate();
    await writeFile(keys, await readFile(join(stranger.folder, 'keys.json')), { mode: 0o600 });
    await stranger.remove();
    await refuses(/sealed with another key/);
  });

  it('says that the key file is gone, and does not make another', async () => {
    await runOnce();
    await rm(join(gateway.folder, 'keys.json'));
    await refuses(/key file "[^"]*keys\.json" is missing/);
    expect(await readdir(gateway.folder)).not.toContain('keys.json');
  });
});

describe('signals', () => {
  let gateway: GatewayProcess;
  afterEach(() => gateway.remove());

  it('SIGTERM lets a slow download finish, then exits with 0', async () => {
    const probes = await freePort();
    gateway = await GatewayProcess.start({ upstream: lucy.url, management: `{ host: 127.0.0.1, port: ${probes} }` });
    const ready = async (): Promise<string> => (await fetch(`http://127.0.0.1:${probes}/readyz`)).text();
    const browser = new FakeBrowser({ origin: gateway.origin, port: gateway.port });
    await logIn(browser);
    expect(await ready()).toBe('ok\n');
    const cookie = `lucy2fa=${browser.cookie('lucy2fa')}`;
    const url = `${gateway.origin}/admin/download?mb=${MEGABYTES}`;
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      get(url, { headers: { cookie }, agent: false }, resolve).on('error', reject);
    });
    expect(answer.statusCode).toBe(200);
    gateway.signal('SIGTERM');
    await gateway.logged(({ event }) => event === 'sys_shutdown');
    expect(await ready()).toBe('stopping\n');
    // The client reads only now: all that does not fit into the buffers on the way was still to come.
    let received = 0;
    for await (const chunk of answer) received += (chunk as Buffer).length;
    expect(received).toBe(MEGABYTES * 1024 * 1024);
    expect(await gateway.ended()).toEqual({ code: 0, signal: null });
  });

  it('SIGTERM waits neither for a WebSocket, nor an event stream, nor a connection that is kept alive after its last answer', async () => {
    gateway = await GatewayProcess.start({ upstream: lucy.url });
    const browser = new FakeBrowser({ origin: gateway.origin, port: gateway.port });
    await logIn(browser);
    const open = () => RawConnection.open(gateway.port);
    const [live, kept, events, silent] = await Promise.all([open(), open(), open(), open()]);
    const headers: Header[] = [
      ['Host', new URL(gateway.origin).host],
      ['Origin', gateway.origin],
      ['Cookie', `lucy2fa=${browser.cookie('lucy2fa')}`],
    ];
    const upgrade: Header[] = [
      ['Connection', 'Upgrade'],
      ['Upgrade', 'websocket'],
      ['Sec-WebSocket-Version', '13'],
      ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
    ];
    live.send(rawBytes('GET', '/admin/live', [...headers, ...upgrade]));
    expect((await live.response('GET')).status).toBe(101);
    events.send(rawBytes('GET', '/admin/events', [...headers, ['Accept', 'text/event-stream']]));
    await events.readUntil('event: hello');
    kept.send(rawBytes('GET', '/admin/slow?ms=1500', headers));
    await expect.poll(() => kept.received.toString('latin1')).toContain('200 OK');

    const asked = Date.now();
    gateway.signal('SIGTERM');
    const answer = await kept.response('GET');
    expect(answer.text).toBe('done\n');
    expect(await gateway.ended()).toEqual({ code: 0, signal: null });
    expect(Date.now() - asked).toBeLessThan(8_000);
    await Promise.all([live, kept, events, silent].map((one) => one.close()));
  });

  it('SIGHUP with a bad file keeps the old configuration and says so; with a good one it is used', async () => {
    gateway = await GatewayProcess.start({ upstream: lucy.url });
    const good = await readFile(gateway.configPath, 'utf8');
    await writeFile(gateway.configPath, good.replace('service: Lucy', 'service: ""'));
    gateway.signal('SIGHUP');
    await gateway.logged(
      ({ event, problems }) => event === 'config_reload_refused' && String(problems).includes('service'),
    );
    const page = await new FakeBrowser({ origin: gateway.origin, port: gateway.port }).get('/admin/login');
    expect(page.status).toBe(200);

    await writeFile(gateway.configPath, good.replace('service: Lucy', 'service: Phishing simulation'));
    gateway.signal('SIGHUP');
    await gateway.logged(({ event }) => event === 'config_reloaded');
    const browser = new FakeBrowser({ origin: gateway.origin, port: gateway.port });
    await logIn(browser);
    expect((await browser.get('/_2fa/account')).html).toContain('Phishing simulation');
  });
});

describe('demo', () => {
  let demo: ChildProcess | undefined;
  afterEach(() => void demo?.kill('SIGKILL'));

  it('prints where and as whom to sign in, and all of it works', async () => {
    const child = spawn(process.execPath, [MAIN, 'demo', '--port', String(await freePort())], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    demo = child;
    let stdout = '';
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const ready = new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the demo ended with ${code}: ${stderr}`)));
      child.stdout.on('data', (chunk: Buffer) => {
        stdout += chunk.toString();
        if (stdout.includes('Ctrl+C')) resolve();
      });
    });
    await ready;
    const url = new URL(/through the gateway:\s+(\S+)/.exec(stdout)?.[1] ?? '');
    const [, email = '', password = ''] = /^ {4}(alice@\S+)\s+(\S.*)$/m.exec(stdout) ?? [];

    const browser = new FakeBrowser({ origin: url.origin, port: Number(url.port) });
    const app = await enrol(browser, { email, password });
    const prompt = await logIn(browser, { email, password });
    expect(prompt.url.pathname).toBe('/_2fa/challenge');
    const inside = await browser.submit(prompt, { code: await app.code() });
    expect(inside.url.pathname).toBe('/admin');
    expect(inside.html).toContain(email);

    const config = /configuration is (\S+);/.exec(stdout)?.[1] ?? '';
    expect(await readFile(config, 'utf8')).toContain('publicUrl');
    const end = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGINT');
    expect(await end).toBe(0);
    await expect(readFile(config)).rejects.toThrow('ENOENT');
    expect(stderr).toBe('');
  });
});

async function logIn(browser: FakeBrowser, who = ALICE): Promise<Page> {
  const form = await browser.get('/admin/login');
  return browser.submit(form, { 'LoginForm[email]': who.email, 'LoginForm[password]': who.password });
}

async function enrol(browser: FakeBrowser, who = ALICE): Promise<Authenticator> {
  await logIn(browser, who);
  const intro = await browser.get('/_2fa/enrol/totp');
  const page = await browser.post('/_2fa/enrol/totp', { csrf: intro.hidden['csrf'] ?? '' });
  const app = new Authenticator(/id="totp-key"[^>]*>([A-Z2-7 ]+)</.exec(page.html)?.[1] ?? '');
  const done = await browser.submit(page, { code: await app.code() });
  expect(done.html).toContain('Two-factor authentication is on');
  return app;
}

/** Runs the gateway until somebody is in its store. */
async function enrolOnce(gateway: GatewayProcess): Promise<void> {
  await gateway.start();
  await enrol(new FakeBrowser({ origin: gateway.origin, port: gateway.port }));
  await gateway.terminate();
}
