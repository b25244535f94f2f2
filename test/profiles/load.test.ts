import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadProfile, merge, type ProfileLoad } from '../../src/profiles/load.ts';
import { Source } from '../../src/profiles/source.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'profile-'));
});
afterAll(() => rm(folder, { recursive: true }));

const GOOD = `name: mine
login:
  page: /login
  requests:
    - { path: /login, form: { user: u, password: p } }
whoami: { path: /me, json: /name, anonymous: { status: 401 } }
`;

async function load(text: string, overrides?: string): Promise<ProfileLoad> {
  await writeFile(join(folder, 'mine.yaml'), text);
  const request = { ref: './mine.yaml', folder };
  if (overrides === undefined) return loadProfile(request);
  const source = new Source('gateway.yaml', overrides);
  const { upstream } = source.value as { upstream: Record<string, unknown> };
  return loadProfile({ ...request, overrides: { values: upstream, source, at: ['upstream'] } });
}

async function problems(text: string, overrides?: string): Promise<string[]> {
  const loaded = await load(text, overrides);
  const found = loaded.ok ? loaded.warnings : loaded.problems;
  return found.map(({ file, path, line, rule, value }) => {
    return `${file.replace(folder, '.')}:${line} ${path}: ${rule}${value === undefined ? '' : ` (${value})`}`;
  });
}

test('a good profile has nothing to say', async () => {
  expect(await problems(GOOD)).toEqual([]);
});

test('gateway-first: neither login nor whoami, and a warning where factor and password are not tied together', async () => {
  const text = 'name: mine\nmode: gateway-first\nauthorization: any\n';
  expect(await problems(text)).toEqual([
    expect.stringContaining('authorization: with any, the password of another person'),
  ]);
  expect(await problems('name: mine\n')).toEqual([expect.stringContaining('login: is missing')]);
});

test('a rule that comes too late is named with the one that takes its place', async () => {
  const routes = [
    '{ class: login, path: /x }',
    '{ class: login, path: /x, methods: [GET] }',
    '{ class: public, path: /x }',
  ];
  expect(await problems(`${GOOD}routes: [${routes.join(', ')}]\n`)).toEqual([
    expect.stringContaining('routes[2]: is never reached: routes[0] says the same first'),
  ]);
});

test('everything that is wrong is said at once, each with its line', async () => {
  const text = `name: My App
mode: gateway
hom: /x
access: closed
login:
  page: https://app.example/login
  requests:
    - { path: '/login?x=1', form: { user: u, password: p } }
    - { path: /api, form: { user: u, password: p }, json: { user: user, password: /p } }
  success:
    - {}
whoami:
  path: /me
  css: 'a[['
  regex: '('
routes:
  - { class: static, prefix: /, methods: [POST] }
  - { class: service, prefix: /api }
  - { class: login, path: /a/../b }
  - { class: public, path: /x, hosts: ['*.*'] }
cookies: { readable: ['/./'] }
identity: { normalise: [upper] }
`;
  expect(await problems(text)).toEqual([
    './mine.yaml:1 name: small letters, digits and hyphens ("My App")',
    './mine.yaml:2 mode: must be one of app-first, gateway-first ("gateway")',
    './mine.yaml:3 hom: there is no such key; did you mean "home"?',
    './mine.yaml:4 access: must be one of protected, public ("closed")',
    './mine.yaml:6 login.page: not a path of the application: begin with /, encode as a browser would, no host, no # ("https://app.example/login")',
    './mine.yaml:8 login.requests[0].path: a path has no query here; put the parameters into "when" ("/login?x=1")',
    './mine.yaml:9 login.requests[1]: give either form or json (a block)',
    './mine.yaml:9 login.requests[1].json.user: a JSON pointer begins with /: /user/name ("user")',
    './mine.yaml:11 login.success[0]: an empty rule would match every answer (a block)',
    './mine.yaml:12 whoami: give exactly one of css, json, header and regex (a block)',
    './mine.yaml:14 whoami.css: not a CSS selector ("a[[")',
    './mine.yaml:15 whoami.regex: not a regular expression (JavaScript, with the u flag) ("(")',
    './mine.yaml:17 routes[0].prefix: opens the whole application; use "access: public" and list what is protected ("/")',
    './mine.yaml:17 routes[0].methods: a static rule is for GET and HEAD only (a list)',
    './mine.yaml:18 routes[1]: class service needs clients (names of API clients), or from (their networks) (a block)',
    './mine.yaml:19 routes[2].path: write the path decoded, without dot segments, doubled slashes, backslashes and semicolons ("/a/../b")',
    './mine.yaml:20 routes[3].hosts[0]: a host name, *.domain, or *; without port ("*.*")',
    './mine.yaml:21 cookies.readable[0]: matches every cookie there is ("/./")',
    './mine.yaml:22 identity.normalise[0]: must be one of trim, nfkc, lowercase, ascii ("upper")',
  ]);
});

test.each([
  ['name: a\nlogin: { page: /l }\n', /without whoami and without login.requests/],
  ['name: a\n', /login: is missing/],
  [GOOD.replace('json: /name', 'json: /name, css: b'), /give exactly one of css, json, header and regex/],
  [GOOD.replace('form: { user: u, password: p }', 'when: { a: b }'), /give either form or json/],
  [`${GOOD}routes: [{ class: login }]\n`, /give either path or prefix/],
  [`${GOOD}routes: [{ class: service, path: /x, from: [10.0.0/8] }]\n`, /not a network/],
  [`${GOOD}routes: [{ class: protected, path: /x, from: [10.0.0.0/8] }]\n`, /holds for everybody/],
  ['name: a\n\tlogin: x\n', /tabs|indentation/],
  ['name: "a\n', /quote/],
  ['name: a\nname: b\n', /twice/],
])('%j', async (text, rule) => {
  expect((await problems(text)).join('\n')).toMatch(rule);
});

describe('overrides', () => {
  test('blocks merge, lists replace, null takes away', () => {
    const over = { b: { d: 4 }, l: [9], n: null };
    expect(merge({ a: 1, b: { c: 2, d: 3 }, l: [1, 2], n: { x: 1 } }, over)).toEqual({
      a: 1,
      b: { c: 2, d: 4 },
      l: [9],
    });
  });

  test('a problem is shown where it was written', async () => {
    const over = 'upstream:\n  home: nowhere\n  login:\n    pages: /x\n';
    expect(await problems(GOOD, over)).toEqual([
      expect.stringMatching(/^gateway\.yaml:2 upstream\.home: not a path.*\("nowhere"\)$/),
      'gateway.yaml:4 upstream.login.pages: there is no such key; did you mean "page"?',
    ]);
    expect(await problems(GOOD.replace('/me', 'me'), 'upstream: { home: /x }\n')).toEqual([
      expect.stringContaining('./mine.yaml:6 whoami.path: not a path'),
    ]);
  });

  test('the result is one profile', async () => {
    const over = 'upstream: { home: /start, whoami: { json: null, css: "#me" }, identity: { hint: ignore } }\n';
    const loaded = await load(GOOD, over);
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
    expect(loaded.profile).toMatchObject({ name: 'mine', home: '/start', loginPage: '/login', hintMustMatch: false });
    expect(loaded.data.whoami).toMatchObject({ path: '/me', css: '#me' });
  });
});

test('what is allowed but dangerous is said at every start', async () => {
  const text = `${GOOD.replace(/whoami.*/, '')}routes:\n  - { class: service, prefix: /api, from: [0.0.0.0/0] }\n`;
  expect(await problems(text)).toEqual([
    expect.stringContaining('without whoami the login form names the person'),
    expect.stringContaining(':8 routes[0].from: every client of the Internet'),
  ]);
  expect(await problems(GOOD.replace('json: /name', 'regex: x, recheck: cookies'))).toHaveLength(2);
});

test('a profile that is not there is a problem of the key that names it', async () => {
  const source = new Source('gateway.yaml', 'upstream:\n  profile: luccy\n');
  const overrides = { values: {}, source, at: ['upstream'] };
  const loaded = await loadProfile({ ref: 'luccy', folder, overrides });
  expect(loaded).toMatchObject({
    ok: false,
    problems: [{ file: 'gateway.yaml', line: 2, path: 'upstream.profile', value: '"luccy"' }],
  });
  expect((await loadProfile({ ref: './none.yaml', folder })).ok).toBe(false);
});
