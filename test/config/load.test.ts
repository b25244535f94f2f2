import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Config } from '../../src/config/config.ts';
import { type ConfigLoad, type Env, loadConfig } from '../../src/config/load.ts';
import { adminsOf, levelsOf, policyOf } from '../../src/config/people.ts';
import { Secret } from '../../src/config/secret.ts';
import { isKnownSharedKey, KNOWN_SHARED_KEY_SHA256 } from '../../src/config/shared-key.ts';
import type { Identity } from '../../src/gate/types.ts';
import { formatProblems } from '../../src/profiles/problem.ts';

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'config-'));
  file = join(folder, 'gateway.yaml');
});
afterAll(() => rm(folder, { recursive: true }));

const FIRST = 'publicUrl: https://dav.example.com\nupstream:\n  url: https://10.0.0.7\n  profile: radicale\n';
const STRICT = `${FIRST}policy: { default: required, firstEnrolment: { needs: ticket } }\n`;
const HASH = `sha256:${'0'.repeat(64)}`;
const BASE = 'publicUrl: https://lucy.example.com\nupstream:\n  url: https://10.0.0.7\n';

async function load(text: string, env: Env = {}): Promise<ConfigLoad> {
  await writeFile(file, text, { mode: 0o600 });
  await chmod(file, 0o600);
  return loadConfig(file, env);
}

async function good(text: string, env?: Env): Promise<Config> {
  const loaded = await load(text, env);
  if (!loaded.ok) throw new Error(formatProblems(loaded.problems, file));
  return loaded.config;
}

/** Problems, or warnings when the file is good, as they are printed. */
async function said(text: string, env?: Env): Promise<string[]> {
  const loaded = await load(text, env);
  const text_ = formatProblems(loaded.ok ? loaded.warnings : loaded.problems, file);
  return text_ === '' ? [] : text_.replaceAll(folder, '.').split('\n');
}

test('a redis server is read with its password and its certificates, and the password does not print', async () => {
  await writeFile(join(folder, 'ca.pem'), 'the authority');
  const store = `{ kind: redis, url: 'rediss://[::1]:6380/2', username: u, password: { env: PW }, tls: { ca: ./ca.pem } }`;
  const config = await good(`${BASE}store: ${store}\n`, { PW: 'geheim-123' });
  expect(config.store).toEqual({
    kind: 'redis',
    prefix: 'lucy2fa',
    server: {
      kind: 'single',
      addresses: [{ host: '::1', port: 6380 }],
      database: 2,
      username: 'u',
      password: new Secret('geheim-123'),
      tls: { ca: 'the authority' },
      timeoutMs: 2_000,
    },
  });
  expect(JSON.stringify(config)).not.toContain('geheim');
  const sentinels = await good(`${BASE}store: { kind: redis, sentinels: ['a:1', 'b:2'], sentinelName: m, tls: {} }\n`);
  expect(sentinels.store).toMatchObject({
    server: {
      kind: 'sentinel',
      sentinelName: 'm',
      addresses: [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
      ],
      tls: {},
    },
  });
});

test('a short file gets every default, in milliseconds and absolute paths', async () => {
  const config = await good(BASE);
  expect(config).toMatchObject({
    listen: { host: '0.0.0.0', port: 8080 },
    publicUrl: 'https://lucy.example.com',
    gatewayPath: '/_2fa',
    upstream: { url: 'https://10.0.0.7', timeouts: { connect: 5_000, headers: 600_000 } },
    store: { kind: 'lowdb', path: join(folder, 'data') },
    secrets: { keyFile: join(folder, 'data/keys.json') },
    factors: { totp: { issuer: 'Lucy', digits: 6, skew: 1 } },
    policy: { default: 'optional', users: {} },
    limits: {
      guesses: { free: 5, hard: 50, pauses: [30_000, 60_000, 120_000, 300_000, 900_000, 3_600_000] },
      perLogin: 5,
    },
    sessions: { idle: 1_800_000, absolute: 43_200_000, pending: 600_000, stepUp: 300_000 },
    admins: [],
    management: { host: '127.0.0.1', port: 9464 },
  });
  expect(config.factors.authy).toBeUndefined();
  expect(await said(BASE)).toEqual([]);
});

test('the factor before the application: its administrators prove what nobody guesses', async () => {
  const text = STRICT.replace('{ default', '{ factors: { root: [passkey, recovery] }, default');
  expect(await said(`${text}admins: [root]\nfactors: { passkey: {} }\n`)).toEqual([]);
});

test('five mistakes are five problems, each with its line, at once', async () => {
  const text = `listen: { prot: 8080 }
publicUrl: lucy.example.com
upstream:
  url: https://10.0.0.7
  login:
    page: nowhere
sessions:
  idle: 30
trustedProxies:
  - 10.0.0.0/8
  - 10.0.0/8
`;
  expect(await said(text)).toEqual([
    './gateway.yaml:1:11 listen.prot: there is no such key; did you mean "port"?',
    './gateway.yaml:2:1 publicUrl: the one address that people use: https://lucy.example.com, without a path; it is "lucy.example.com"',
    './gateway.yaml:6:5 upstream.login.page: not a path of the application: begin with /, encode as a browser would, no host, no #; it is "nowhere"',
    './gateway.yaml:8:3 sessions.idle: a time has a unit: 10s, 30m, 12h, 7d; it is 30',
    './gateway.yaml:11:5 trustedProxies[1]: not a network: 10.0.0.0/8, fd00::/8, or a single address; it is "10.0.0/8"',
  ]);
});

describe('single mistakes', () => {
  test.each([
    ['', /publicUrl: is missing[\s\S]*upstream: is missing/],
    ['publicUrl: https://a.example/app\nupstream: { url: http://127.0.0.1 }\n', /without a path/],
    [BASE.replace('10.0.0.7', 'user:geheim@10.0.0.7'), /without path and credentials$/],
    [
      `${BASE}  profile: luci\n`,
      /profile: there is no shipped profile of this name, only dokuwiki, [\w-]+, lucy, .*; it is "luci"/,
    ],
    [`${BASE}  timeouts: { connect: 5 minutes }\n`, /a time has a unit/],
    [`${BASE}  timeouts: { connect: 1h }\n`, /between 100ms and 2m/],
    [`${BASE}  pin: abc\n`, /a pin is sha256/],
    [`${BASE}  ca: ./none.pem\n`, /upstream\.ca: the file \.\/none\.pem cannot be read \(ENOENT\)/],
    [`${BASE}  profile: ./none.yaml\n`, /upstream\.profile: the file .*none\.yaml cannot be read \(ENOENT\)/],
    ['upstream: {}\n', /publicUrl: is missing; write the one [\s\S]*upstream\.url: is missing; write the address/],
    ['upstream:\n  url: http://127.0.0.1\n   profile: lucy\n', /or indent the next line like this one/],
    [`${BASE.replace('https://10.0.0.7', 'http://127.0.0.1')}  servername: a\n`, /needs an https address/],
    [`${BASE}store: { kind: mongo }\n`, /store\.kind: the kind is lowdb or redis/],
    [`${BASE}store: { kind: redis }\n`, /redis needs exactly one of store\.url, store\.sentinels and store\.cluster/],
    [`${BASE}store: { kind: redis, url: 'redis://127.0.0.1', cluster: ['a:1'] }\n`, /needs exactly one of/],
    [`${BASE}store: { url: 'redis://127.0.0.1' }\n`, /store\.url: needs store\.kind: redis/],
    [`${BASE}store: { kind: redis, url: 'redis://u:geheim@127.0.0.1' }\n`, /store\.url: an address: redis:/],
    [`${BASE}store: { kind: redis, sentinels: ['a:26379'] }\n`, /sentinels and sentinelName need each other/],
    [`${BASE}store: { kind: redis, sentinels: ['a'], sentinelName: m }\n`, /a host and a port/],
    [`${BASE}store: { kind: redis, url: 'redis://127.0.0.1', password: { env: NONE } }\n`, /NONE is not set/],
    [
      `${BASE}store: { kind: redis, url: 'redis://127.0.0.1', tls: { cert: ./none.pem } }\n`,
      /cert and key need each other/,
    ],
    [`${BASE}factors: { verify: { accountSid: AC1 } }\n`, /factors\.verify\.accountSid: an id of 34 characters[^"]*$/m],
    [`${BASE}factors: { recovery: { codes: 3 } }\n`, /factors\.recovery\.codes: must be/],
    [
      `${BASE.replace('lucy.example.com', '192.0.2.7')}factors: { passkey: {} }\n`,
      /factors\.passkey: needs a name in publicUrl/,
    ],
    [
      `${BASE.replace('https://lucy', 'http://lucy')}factors: { passkey: {} }\n`,
      /factors\.passkey: needs https in publicUrl/,
    ],
    [`${BASE}factors: { passkey: { userVerification: discouraged } }\n`, /factors\.passkey\.userVerification/],
    [`${BASE}factors: { email: { from: a@b.example } }\n`, /factors\.email\.smtp: must be a text/],
    [
      `${BASE}factors: { email: { smtp: smtp://h, from: Lucy <a@b.example> } }\n`,
      /factors\.email\.from: an address without a name/,
    ],
    [`${BASE}factors: { totp: { digits: 7 } }\n`, /factors\.totp\.digits: must be 6 or 8$/],
    [`${BASE}factors: { totp: yes }\n`, /factors\.totp: must be false or a block of keys$/],
    [`${BASE}policy: { default: always }\n`, /must be one of off, optional, required; it is "always"/],
    [`${BASE}policy: { firstEnrolment: { needs: maybe } }\n`, /firstEnrolment\.needs: must be one of nothing, ticket/],
    [`${BASE}policy: { firstEnrolment: { withoutTicketFrom: [10.0.0.0/8] } }\n`, /needs policy\.firstEnrolment\.needs/],
    [`${BASE}policy: { firstEnrolment: { withoutTicketUntil: 2026-12-31 } }\n`, /needs policy\.firstEnrolment\.needs/],
    [`${BASE}policy: { firstEnrolment: { needs: ticket, withoutTicketFrom: [office] } }\n`, /withoutTicketFrom\[0\]/],
    [`${BASE}policy: { factors: { a: [] } }\n`, /policy\.factors\.a: needs at least 1 entries/],
    [`${BASE}policy: { factors: { a: [sms] } }\n`, /policy\.factors\.a: none of these is on/],
    [`${BASE}policy: { factors: { a: [recovery] } }\nfactors: { recovery: {} }\n`, /none of these is on/],
    [`${BASE}policy: { factors: { a: [pigeon] } }\n`, /policy\.factors\.a\[0\]: must be one of/],
    [`${BASE}policy: { factors: { "a\\u0007": [totp] } }\n`, /cannot be the name of an account/],
    [`${BASE}policy: { graceUntil: soon }\n`, /2026-12-31/],
    [`${BASE}policy: { graceUntil: 2026-02-30 }\n`, /2026-12-31/],
    [`${BASE}policy: { default: required }\nfactors: { totp: false }\n`, /nobody could sign in/],
    [`${BASE}policy: { trustedBrowser: { days: 91 } }\n`, /trustedBrowser\.days: must be at most 90/],
    [`${BASE}policy: { trustedBrowser: { days: -1 } }\n`, /trustedBrowser\.days/],
    [`${BASE}policy: { trustedBrowser: { except: [" "] } }\n`, /except\[0\]: cannot be the name of an account/],
    [`${BASE}  whoami: null\npolicy: { trustedBrowser: { days: 30 } }\n`, /trustedBrowser\.days: needs whoami/],
    [`${BASE}policy: { stepUp: [/x] }\n`, /policy\.stepUp\[0\]: must be a block of keys/],
    [`${BASE}policy: { stepUp: [{ path: /x }] }\n`, /policy\.stepUp\[0\]\.within: is missing/],
    [`${BASE}policy: { stepUp: [{ path: /x, within: 10 }] }\n`, /policy\.stepUp\[0\]\.within/],
    [`${BASE}policy: { stepUp: [{ path: /x, within: 1s }] }\n`, /must be between 1m and 12h/],
    [`${BASE}policy: { stepUp: [{ within: 10m }] }\n`, /give either path or prefix/],
    [`${BASE}policy: { stepUp: [{ path: /x, prefix: /x, within: 10m }] }\n`, /give either path or prefix/],
    [
      `${BASE}policy: { stepUp: [{ path: /x, within: 10m, hosts: [a] }] }\n`,
      /stepUp\[0\]\.hosts: there is no such key/,
    ],
    [`${BASE}policy: { stepUp: [{ path: /x, methods: [post], within: 10m }] }\n`, /written in capitals/],
    [`${BASE}policy: { stepUp: [{ prefix: /, within: 10m }] }\n`, /stepUp\[0\]\.prefix: asks for a proof on the way/],
    [`${BASE}policy: { stepUp: [{ path: /ADMIN, within: 10m }] }\n`, /stepUp\[0\]\.path: asks for a proof on the way/],
    ...['GET', 'POST'].map((method): [string, RegExp] => [
      `${BASE}policy: { stepUp: [{ path: /admin/login, methods: [${method}], within: 10m }] }\n`,
      /stepUp\[0\]\.path: asks for a proof on the way/,
    ]),
    [`${BASE}policy: { routes: [{ path: /_2fa/x, level: required }] }\n`, /routes\[0\]\.path: is below gatewayPath/],
    [`${BASE}policy: { routes: [{ path: /x, level: off }] }\n`, /can only ask for more than the person’s level/],
    [`${BASE}policy: { routes: [{ path: /x }] }\n`, /can only ask for more than the person’s level/],
    [`${BASE}policy: { routes: [{ path: /x, level: required }] }\nfactors: { totp: false }\n`, /nobody could sign in/],
    [`${BASE}policy: { trustedNetworks: [10.0.0.0/8, office] }\n`, /policy\.trustedNetworks\[1\]: not a network/],
    [`${BASE}policy: { trustedNetworks: [0.0.0.0/0] }\n`, /everybody is in this network/],
    [`${BASE}policy: { trustedNetworks: ['::/0'] }\n`, /everybody is in this network/],
    [`${BASE}policy: { users: { "a\\u0007": off } }\n`, /cannot be the name of an account/],
    [
      `${BASE}  mode: gateway-first\n`,
      /upstream\.mode|login: does not go with mode: gateway-first[\s\S]*whoami: does not go[\s\S]*class: does not go with mode/,
    ],
    [`${FIRST}policy: { firstEnrolment: { needs: ticket } }\n`, /policy\.default: must be required/],
    [`${FIRST}policy: { default: required }\n`, /policy\.firstEnrolment\.needs: must be ticket/],
    [
      `${FIRST}policy: { default: required, users: { a: optional }, firstEnrolment: { needs: ticket } }\n`,
      /policy\.users\.a: must be required/,
    ],
    [
      `${FIRST}policy: { default: required, firstEnrolment: { needs: ticket, withoutTicketFrom: [10.0.0.0/8] } }\n`,
      /withoutTicketFrom: cannot be/,
    ],
    [
      `${FIRST}policy: { default: required, trustedNetworks: [10.0.0.0/8], firstEnrolment: { needs: ticket } }\n`,
      /policy\.trustedNetworks: cannot be/,
    ],
    [
      `${FIRST}policy: { default: required, trustedBrowser: { days: 3 }, firstEnrolment: { needs: ticket } }\n`,
      /trustedBrowser\.days: must be 0/,
    ],
    [`${STRICT}factors: { authy: { apiKey: geheim } }\n`, /factors\.authy: lets nobody in/],
    [`${STRICT}admins: [root]\n`, /admins\[0\]: with upstream\.mode: gateway-first needs a line in policy\.factors/],
    [`${STRICT}upstreem: {}\n`, /there is no such key/],
    [`${BASE}  authorization: any\n`, /upstream\.authorization: needs mode: gateway-first/],
    [`${FIRST}  access: public\n`, /access: does not go with mode: gateway-first/],
    [`${FIRST}  hosts: { public: [a.example] }\n`, /hosts\.public: does not go with mode/],
    [`${FIRST}  routes: [{ class: login, path: /login }]\n`, /routes\[0\]\.class: does not go with mode/],
    [`${BASE}clients: [{ name: a, hash: 'sha256:12' }]\n`, /clients\[0\]\.hash: sha256: and 64 hex digits/],
    [`${BASE}clients: [{ name: My App, hash: '${HASH}' }]\n`, /clients\[0\]\.name: small letters/],
    [
      `${BASE}clients: [{ name: a, hash: '${HASH}' }, { name: a, hash: '${HASH}' }]\n`,
      /clients\[1\]\.name: is there twice/,
    ],
    [
      `${BASE}  routes: [{ class: service, prefix: /api, clients: [a] }]\n`,
      /clients: has no "a", which a route of class service names/,
    ],
    [`${BASE}  routes: [{ class: service, prefix: /api }]\n`, /class service needs clients/],
    [`${BASE}  routes: [{ class: public, prefix: /api, clients: [a] }]\n`, /clients: is for class service only/],
    [`${BASE}admins: [" "]\n`, /admins\[0\]: cannot be the name of an account/],
    [`${BASE}limits: { guesses: { hard: 500 } }\n`, /limits\.guesses\.hard: must be at most 100; it is 500/],
    [`${BASE}limits: { guesses: { free: 20, hard: 10 } }\n`, /must not be more than limits\.guesses\.hard/],
    [`${BASE}limits: { guesses: { pauses: [] } }\n`, /needs at least 1 entries/],
    [`${BASE}sessions: { idle: 13h }\n`, /must not be longer than sessions\.absolute/],
    [`${BASE}listen: { port: 80800 }\n`, /must be at most 65535/],
    [`${BASE}listen: { tls: { cert: a } }\n`, /listen\.tls\.key: is missing/],
    [`${BASE}gatewayPath: /a/../b\n`, /a path of its own/],
    [`${BASE}gatewayPath: /admin\n`, /hides/],
    [`${BASE}  hosts: { public: ['*.example.com'] }\n`, /publicUrl: is one of hosts\.public/],
    [`${BASE}  whoami: { css: 'a[[' }\n`, /upstream\.whoami\.css: not a CSS selector; it is "a\[\["/],
    [`${BASE}  cookies: { readable: ['/(/'] }\n`, /not a regular expression/],
    [`${BASE}upstreem: {}\n`, /upstreem: there is no such key; did you mean "upstream"/],
    [`${BASE}publicUrl: https://b.example\n`, /this key is there twice/],
    [`${BASE} bad\n`, /gateway\.yaml:\d+:\d+ /],
  ])('%j', async (text, expected) => {
    expect((await load(text)).ok).toBe(false);
    expect((await said(text)).join('\n')).toMatch(expected);
  });

  test('a file that is not there', async () => {
    const loaded = await loadConfig(join(folder, 'none.yaml'), {});
    expect(loaded).toMatchObject({
      ok: false,
      problems: [{ rule: 'there is no such file; name another one with --config' }],
    });
  });
});

describe('warnings', () => {
  test.each([
    [BASE.replace('https://10.0.0.7', 'http://10.0.0.7'), /passwords and sessions cross the network in the clear/],
    [BASE.replace('https://lucy', 'http://lucy'), /publicUrl: without https/],
    [`${BASE}trustedProxies: [0.0.0.0/0]\n`, /every client may claim any address/],
    [`${BASE}management: { host: 0.0.0.0 }\n`, /can be read from other machines/],
    [`${BASE}factors: { totp: false }\n`, /passwords alone open the application/],
    [
      `${BASE}policy: { firstEnrolment: { needs: ticket, withoutTicketFrom: [0.0.0.0/0] } }\n`,
      /everybody is in this network/,
    ],
    [
      `${BASE}policy: { trustedNetworks: [10.0.0.0/8] }\n`,
      /trustedNetworks: behind a proxy that trustedProxies do not name/,
    ],
    [
      `${BASE}trustedProxies: [10.0.0.0/8]\npolicy: { trustedNetworks: [10.1.0.0/16] }\n`,
      /the address of a proxy is nobody’s/,
    ],
    [`${BASE}policy: { graceUntil: 2026-12-31 }\n`, /policy\.graceUntil: has no effect/],
    [`${BASE}  whoami: null\n`, /without whoami the login form names the person/],
  ])('%j starts, and says so', async (text, expected) => {
    expect((await load(text)).ok).toBe(true);
    expect((await said(text)).join('\n')).toMatch(expected);
  });

  test('http on this machine is nothing to warn about', async () => {
    expect(await said('publicUrl: http://localhost:8080\nupstream: { url: http://127.0.0.1:8081 }\n')).toEqual([]);
  });
});

describe('secrets', () => {
  const authy = (key: string): string => `${BASE}factors:\n  authy:\n    apiKey: ${key}\n`;

  const mail = (smtp: string): string => `${BASE}factors: { email: { smtp: '${smtp}', from: a@b.example } }\n`;

  test.each([
    ['smtp://mail.example', { host: 'mail.example', port: 587, tls: 'starttls' }],
    ['smtps://mail.example', { host: 'mail.example', port: 465, tls: 'implicit' }],
    ['smtp://127.0.0.1:25', { host: '127.0.0.1', port: 25, tls: 'none' }],
    ['smtps://[::1]:4650/', { host: '::1', port: 4650, tls: 'implicit' }],
    ['smtp://127.0.0.1.evil.example', { host: '127.0.0.1.evil.example', port: 587, tls: 'starttls' }],
  ])('a mail server is reached in the clear on this machine only: %s', async (smtp, server) => {
    expect((await good(mail(smtp))).factors.email).toEqual({ server, from: 'a@b.example', codes: true });
  });

  test.each([
    'http://mail',
    'smtp://mail:0',
    'smtp://mail:70000',
    'smtp://u@mail',
    'smtp://u:p%zz@mail',
    'mail.example:25',
  ])('%s is no address of a mail server', async (smtp) => {
    expect((await said(mail(smtp))).join()).toMatch(/factors\.email\.smtp: must be smtp:/);
  });

  test('user and password of a mail server may have every character, and do not print', async () => {
    const config = await good(mail('smtp://g%40teway:geheim%3A%2F-123@mail.example:587'));
    const auth = config.factors.email?.server.auth;
    expect([auth?.user, auth?.password.reveal()]).toEqual(['g@teway', 'geheim:/-123']);
    expect(inspect(config, { depth: 9, showHidden: true }) + JSON.stringify(config)).not.toContain('geheim');
  });

  test('as a value, from the environment, or from a file beside the config', async () => {
    await writeFile(join(folder, 'authy.key'), 'from-a-file-1\n');
    expect((await good(authy('as-a-value-1'))).factors.authy?.apiKey.reveal()).toBe('as-a-value-1');
    expect((await good(authy('{ env: KEY }'), { KEY: ' from-env-1\n' })).factors.authy?.apiKey.reveal()).toBe(
      'from-env-1',
    );
    expect((await good(authy('{ file: authy.key }'))).factors.authy?.apiKey.reveal()).toBe('from-a-file-1');
  });

  test('one that is missing is a problem that names the place', async () => {
    expect(await said(authy('{ env: KEY }'))).toEqual([
      './gateway.yaml:6:5 factors.authy.apiKey: the environment variable KEY is not set',
    ]);
    expect((await said(authy('{ file: none.key }'))).join()).toContain('the file ./none.key cannot be read (ENOENT)');
    await writeFile(join(folder, 'empty.key'), '\n');
    expect((await said(authy('{ file: empty.key }'))).join()).toContain('is empty');
    expect((await said(authy('{ evn: KEY }'))).join()).toContain('did you mean "env"');
  });

  test('an SMS gateway: secrets by name, the host as its name, nothing without a rule', async () => {
    const block = (more: string) =>
      `${BASE}factors: { sms: { url: 'https://sms.example/v1?t={text}&n={to}', ${more} } }\n`;
    const given = "success: { text: OK }, headers: { X-Token: '{token}' }, secrets: { token: { env: SMS_TOKEN } }";
    const config = await good(block(given), { SMS_TOKEN: 'very secret' });
    expect(config.factors.sms).toMatchObject({ provider: 'sms.example', lifeMs: 300_000, digits: 6, method: 'POST' });
    expect(config.factors.sms?.secrets['token']).toBeInstanceOf(Secret);
    expect(inspect(config, { depth: 9 }) + JSON.stringify(config)).not.toContain('very secret');
    const wrong: [string, RegExp][] = [
      ['success: {}', /sms\.success: needs status, json or text/],
      ['digits: 6', /sms\.success: is missing/],
      ["success: { text: OK }, headers: { X: '{tokn}' }", /headers\.X: names \{tokn\}/],
      ["success: { text: OK }, headers: { Host: 'a' }", /is set by HTTP itself/],
      ["success: { text: OK }, headers: { X: '{text}' }", /cannot hold a text of several lines/],
      ["success: { text: OK }, method: GET, body: { form: { a: '1' } }", /does not go with GET/],
      ["success: { text: OK }, body: { form: { a: '1' }, xml: a }", /has one of form, json and xml/],
      ['success: { text: OK }, secrets: { to: a }', /is a place of its own already/],
      ['success: { text: OK }, secrets: { token: { env: NOT_SET } }', /NOT_SET is not set/],
      ['success: { text: OK }, life: 1h', /must be between 1m and 10m/],
    ];
    for (const [more, expected] of wrong) expect((await said(block(more))).join('\n')).toMatch(expected);
    const other = (url: string) => said(`${BASE}factors: { sms: { url: '${url}', success: { text: OK } } }\n`);
    expect(String(await other('https://{to}.example/?{text}'))).toMatch(/an address without a user/);
    expect(String(await other('https://me:pw@sms.example/?{text}{to}'))).not.toContain('pw');
    expect(String(await other('https://sms.example/?{to}'))).toMatch(/sends no text/);
    expect(String(await other('https://sms.example/?{text}'))).toMatch(/sends to nobody/);
    expect(String(await other('http://10.0.0.9/?{text}{to}'))).toMatch(/insecureHttp: true/);
    const allowed = 'success: { text: OK }, insecureHttp: true';
    expect(String(await said(block(allowed).replace('https://sms', 'http://sms')))).toMatch(/in the clear/);
  });

  test('Twilio Verify: the token is a secret, e-mail stands alone, and nothing crosses the network in the clear', async () => {
    const [account, service] = [`AC${'0'.repeat(32)}`, `VA${'1'.repeat(32)}`];
    const block = (more: string, token = 'authToken: { env: TOKEN }') =>
      `${BASE}factors: { verify: { accountSid: ${account}, serviceSid: ${service}, ${token}, ${more} } }\n`;
    const config = await good(block('locale: de'), { TOKEN: 'very secret token'.replaceAll(' ', '-') });
    expect(config.factors.verify).toMatchObject({ channels: ['sms', 'call'], timeoutMs: 5_000, locale: 'de' });
    expect(config.factors.verify?.authToken).toBeInstanceOf(Secret);
    expect(inspect(config, { depth: 9 }) + JSON.stringify(config)).not.toContain('very-secret-token');
    const wrong: [string, RegExp][] = [
      [block(''), /TOKEN is not set/],
      [block('', 'authToken: "a b"'), /verify\.authToken: no token looks like this/],
      [block('channels: []', 'authToken: a'), /verify\.channels: /],
      [block('channels: [push]', 'authToken: a'), /verify\.channels/],
      [block('channels: [sms, sms]', 'authToken: a'), /names a channel twice/],
      [block('channels: [sms, email]', 'authToken: a'), /proves an address or a number, and not both/],
      [block('baseUrl: http://10.0.0.9', 'authToken: a'), /verify\.baseUrl: must be https/],
      [block('baseUrl: https://me:pw@a.example', 'authToken: a'), /an address without user/],
      [block('', 'authToken: a').replace(service, account), /verify\.serviceSid: an id of 34 characters/],
      [block('', 'authToken: a').replace(`accountSid: ${account},`, ''), /verify\.accountSid: is missing/],
    ];
    for (const [text, expected] of wrong) expect((await said(text)).join('\n')).toMatch(expected);
    // Whoever mixed the fields up must not find the token in the log.
    expect(String(await said(block('', 'authToken: a').replace(account, 'geheim-123')))).not.toContain('geheim');
  });

  test('without a key Authy is off, whatever else its block says', async () => {
    expect((await good(authy('null'))).factors.authy).toBeUndefined();
    expect((await good(authy(''))).factors.authy).toBeUndefined();
    expect((await good(`${BASE}factors: { authy: { locale: de } }\n`)).factors.authy).toBeUndefined();
  });

  test.each([
    ['a misspelt key', `${BASE}factors: { authy: { apikey: geheim-123 } }\n`],
    ['the key in place of the block', `${BASE}factors: { authy: geheim-123 }\n`],
    ['a list in place of the key', authy('[geheim-123]')],
    ['a number in place of the key', authy('4815162342')],
    ['blanks in the key', authy('"geheim-123 geheim-123"')],
    ['a key of another factor', `${BASE}factors: { verify: { authToken: geheim-123 } }\n`],
    ['broken YAML', authy('"geheim-123')],
    ['a colon too many', authy('geheim-123: geheim-123')],
    ['a second secret', `${BASE}authToken: geheim-123\n`],
    [
      'a good key beside another mistake',
      `${authy('geheim-123')}log: { level: geheim }\n`.replace('level: geheim', 'level: loud'),
    ],
    ['credentials of the store', `${BASE}store: { kind: redis, url: 'redis://u:geheim-123@127.0.0.1' }\n`],
    ['a password of the store that is a list', `${BASE}store: { kind: redis, password: [geheim-123] }\n`],
    ['credentials of the mail server', mail('smtp://me:geheim-123@mail example')],
    ['credentials of the mail server in an unknown form', mail('me:geheim-123@mail.example')],
    ['credentials in an address', BASE.replace('10.0.0.7', 'me:geheim-123@10.0.0.7')],
  ])('%s: the secret is not in the problem', async (_name, text) => {
    const loaded = await load(text);
    expect(loaded.ok).toBe(false);
    expect(inspect(loaded, { depth: 9 })).not.toMatch(/geheim-123|4815162342/);
  });

  test('a loaded key does not print', async () => {
    const config = await good(authy('geheim-123'));
    for (const text of [
      JSON.stringify(config),
      inspect(config, { depth: 9, showHidden: true }),
      String(config.factors.authy?.apiKey),
    ]) {
      expect(text).not.toContain('geheim-123');
    }
    expect(`${new Secret('x')}`).toBe('[secret]');
  });

  test('a key in a file that others can read is warned about', async () => {
    await writeFile(file, authy('as-a-value-1'));
    await chmod(file, 0o644);
    const loaded = await loadConfig(file, {});
    expect(loaded).toMatchObject({ ok: true, warnings: [{ path: 'factors.authy.apiKey', line: 6 }] });
  });
});

describe('the published key', () => {
  const known = [{ length: 5, sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824' }]; // of "hello"

  test('is recognised by a hash of its beginning', () => {
    expect(isKnownSharedKey('hello-and-more', known)).toBe(true);
    expect(isKnownSharedKey(' hello\n', known)).toBe(true);
    expect(isKnownSharedKey('hell', known)).toBe(false);
    expect(isKnownSharedKey('Hello-and-more', known)).toBe(false);
    expect(isKnownSharedKey('a-key-of-our-own')).toBe(false);
  });

  test('is listed in four spellings, and by nothing but hashes', () => {
    expect(KNOWN_SHARED_KEY_SHA256).toHaveLength(4);
    for (const { length, sha256 } of KNOWN_SHARED_KEY_SHA256) {
      expect(length).toBeGreaterThanOrEqual(10);
      expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    }
  });
});

test('the configuration cannot be changed by who reads it', async () => {
  const config = await good(BASE);
  expect(Object.isFrozen(config) && Object.isFrozen(config.limits.guesses.pauses)).toBe(true);
  expect(() => Object.assign(config.limits, { perLogin: 99 })).toThrow(TypeError);
});

test('a date is meant to its end, a time to its second', async () => {
  const until = async (text: string) =>
    (await good(`${BASE}policy: { default: required, graceUntil: ${text} }\n`)).policy;
  expect(await until('2026-12-31')).toMatchObject({ graceUntil: Date.UTC(2027, 0, 1) });
  expect(await until('2026-12-31T18:00:00+01:00')).toMatchObject({ graceUntil: Date.UTC(2026, 11, 31, 17) });
});

test('overrides reach the compiled profile, and do not stand in the configuration twice', async () => {
  const loaded = await load(`${BASE}  home: /start\n  identity: { hint: ignore }\n`);
  if (!loaded.ok) throw new Error('not loaded');
  expect(loaded.profile).toMatchObject({ name: 'lucy', home: '/start', hintMustMatch: false });
  expect(Object.keys(loaded.config.upstream).sort()).toEqual(['connections', 'profile', 'queue', 'timeouts', 'url']);
});

const identify = (name: string) => name.trim().toLowerCase() as Identity;
const NOWHERE = { isFree: () => false, isTrusted: () => false };

test('which factors count: by name, then by pattern, else all', async () => {
  const { policy } = await good(
    `${BASE}policy: { factors: { A@x.example: [totp, recovery], '*@x.example': [totp] } }\n`,
  );
  const of = policyOf(policy, identify, NOWHERE);
  expect(['a@x.example', 'b@x.example', 'c'].map((name) => of(name as Identity).factors)).toEqual([
    ['totp', 'recovery'],
    ['totp'],
    undefined,
  ]);
});

test('who may be first: where, until when, and from nowhere when nobody knows from where', async () => {
  const rule = async (text: string) => {
    const { policy } = await good(`${BASE}policy: { firstEnrolment: ${text} }\n`);
    const of = policyOf(policy, identify, { ...NOWHERE, isFree: (address) => address === '10.0.0.7' });
    return ['10.0.0.7', '10.0.0.8', undefined].map((address) => {
      const from = address === undefined ? undefined : { address, agent: '' };
      return of('alice' as Identity, from).first;
    });
  };
  const until = Date.UTC(2027, 0, 1);
  const [yes, no] = [true, false].map((here) => ({ needs: 'ticket', free: { here } }));
  expect(await rule('{}')).toEqual(Array(3).fill({ needs: 'nothing' }));
  expect(await rule('{ needs: ticket }')).toEqual(Array(3).fill({ needs: 'ticket' }));
  expect(await rule('{ needs: ticket, withoutTicketFrom: [10.0.0.7/32] }')).toEqual([yes, no, no]);
  const late = { needs: 'ticket', free: { here: true, until } };
  expect(await rule('{ needs: ticket, withoutTicketUntil: 2026-12-31 }')).toEqual([late, late, late]);
});

test('who signs in from a trusted network: by the address of that sign-in, and nobody without one', async () => {
  const { policy } = await good(BASE);
  const of = policyOf(policy, identify, { ...NOWHERE, isTrusted: (address) => address === '10.0.0.7' });
  const from = (address: string) => ({ address, agent: '' });
  const alice = 'alice' as Identity;
  const found = [of(alice, from('10.0.0.7')), of(alice, from('10.0.0.8')), of(alice)];
  expect(found.map(({ isTrustedNetwork }) => isTrustedNetwork)).toEqual([true, false, false]);
});

test('for how long a browser is trusted: nobody’s as delivered, and not the ones of those who are named', async () => {
  const msOf = async (text: string) => {
    const { policy } = await good(`${BASE}${text}`);
    const of = policyOf(policy, identify, NOWHERE);
    return ['alice', 'root', 'a@partner.example'].map((name) => of(name as Identity).browserMs);
  };
  expect(await msOf('')).toEqual([undefined, undefined, undefined]);
  const except = "policy: { trustedBrowser: { days: 2, except: [Root, '*@partner.example'] } }\n";
  expect(await msOf(except)).toEqual([2 * 86_400_000, undefined, undefined]);
});

test('names in policy and admins are compared as the profile compares them', () => {
  const users = {
    ' Alice@Example.com': 'off',
    'b*@example.com': 'required',
    '*@example.com': 'off',
    'c.*': 'off',
  } as const;
  const level = levelsOf({ default: 'optional', users }, identify);
  const levels = ['alice@example.com', 'bob@example.com', 'zoe@example.com', 'b', 'cx', 'c.x'].map((name) =>
    level(name as Identity),
  );
  expect(levels).toEqual(['off', 'required', 'off', 'optional', 'optional', 'off']);
  const isAdmin = adminsOf(['Admin@Example.com'], identify);
  expect([isAdmin('admin@example.com' as Identity), isAdmin('b' as Identity)]).toEqual([true, false]);
});
