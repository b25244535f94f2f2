/** Where the token of an application stands in an answer, and that nothing of it is left where another one is put. */
import { describe, expect, it } from 'vitest';
import { compileBearer } from '../../src/profiles/bearer.ts';
import { profileFrom } from '../../src/profiles/compile.ts';
import { queryFields } from '../../src/profiles/fields.ts';
import { pathMatcher } from '../../src/profiles/routes.ts';

const rules = compileBearer(
  { token: '/data/token', refresh: [{ method: 'POST', path: '/api/refresh' }], whoami: false },
  [pathMatcher('/api/login')],
);
const TOKEN = 'eyJhbGciOiJIUzI1NiJ9.e30.a/b+c==';

function find(text: string | Buffer) {
  return rules.find(Buffer.from(text));
}

describe('an answer', () => {
  it('has every trace of the token replaced, and not one byte more', () => {
    const text = `{ "id": 12345678901234567890,\n "data": {"token": "${TOKEN}"}, "again": ["Bearer ${TOKEN}"] }`;
    const found = find(text);
    if (typeof found !== 'object') throw new Error('not found');
    expect(found.token).toBe(TOKEN);
    expect(found.putIn('ours').toString()).toBe(text.replaceAll(TOKEN, 'ours'));
  });

  it('as PHP writes it, too', () => {
    const found = find(`{"data":{"token":"${TOKEN.replaceAll('/', '\\/')}"},"b":"${TOKEN}"}`);
    expect(typeof found === 'object' && found.putIn('ours').toString()).toBe('{"data":{"token":"ours"},"b":"ours"}');
  });

  it('of Laravel is one', () => {
    const found = find(`{"data":{"token":"12|${'aB3'.repeat(14)}"},"u":"12%7C${'aB3'.repeat(14)}"}`);
    expect(typeof found === 'object' && found.putIn('ours').toString()).toBe('{"data":{"token":"ours"},"u":"ours"}');
  });

  it('is JSON behind any number of blanks', () => {
    expect(find(`${' \n'.repeat(300)}{"data":{"token":"${TOKEN}"}}`)).toMatchObject({ token: TOKEN });
    expect([
      rules.isRead(Buffer.from(' [')),
      rules.isRead(Buffer.from('done({')),
      rules.isRead(Buffer.from('')),
    ]).toEqual([true, false, false]);
  });

  it.each([
    '',
    '<html>',
    'token',
    '{}',
    '{"data":{}}',
    '{"data":{"token":null}}',
    '{"data":{"token":""}}',
    '{"data":{"token":false}}',
    '[1]',
    '"x"',
  ])('%j has none', (text) => expect(find(text)).toBeUndefined());

  it.each([
    ['too short to be told from other text', '{"data":{"token":"short"}}'],
    ['no token at all', '{"data":{"token":12345678901234567890}}'],
    ['an object', `{"data":{"token":{"value":"${TOKEN}"}}}`],
    ['with a line break', `{"data":{"token":"${TOKEN}\\r\\nX: y"}}`],
    ['with a blank', `{"data":{"token":"${TOKEN} ${TOKEN}"}}`],
    ['too long for a header', `{"data":{"token":"${'x'.repeat(4097)}"}}`],
    ['there twice', `{"data":{"token":"${TOKEN}","token":"${TOKEN}x"}}`],
    ['written in escapes', `{"data":{"token":"\\u0065${TOKEN.slice(1)}"}}`],
    ['in HTML as well', `{"data":{"token":"${TOKEN}"},"b":"${TOKEN.replaceAll('/', '&#x2F;')}"}`],
    ['in JSON inside JSON as well', JSON.stringify({ data: { token: TOKEN }, b: `"${TOKEN.replaceAll('/', '\\/')}"` })],
    ['written in escapes elsewhere', `{"data":{"token":"${TOKEN}"},"b":"\\u0065${TOKEN.slice(1)}"}`],
    ['a name as well, in escapes', `{"data":{"token":"${TOKEN}"},"\\u0065${TOKEN.slice(1)}":1}`],
    ['cut off', `{"data":{"token":"${TOKEN}"`],
    ['behind a byte order mark', `\uFEFF{"data":{"token":"${TOKEN}"}}`],
    ['in an answer that is too long', `{"data":{"token":"${TOKEN}"},"x":"${'x'.repeat(65_536)}"}`],
    ['in UTF-16', Buffer.from(`\uFEFF{"data":{"token":"${TOKEN}"}}`, 'utf16le')],
    ['in no UTF-8', Buffer.from(`{"data":{"token":"${TOKEN}"},"x":"\xff"}`, 'latin1')],
  ])('with a token %s must not go out', (_, text) => expect(find(text)).toBe('unfit'));
});

it('the requests that bring a new one are known in every reading of their path', () => {
  for (const path of ['/api/refresh', '/api/refresh/', '/API/Refresh', '/api/refresh/x']) {
    expect(rules.gives('POST', path), path).toBe('refresh');
  }
  expect(rules.gives('GET', '/api/refresh')).toBeUndefined();
  expect(rules.gives('POST', '/api/refreshed')).toBeUndefined();
});

it('where people log in every method may bring one', () => {
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'DELETE']) {
    for (const path of ['/api/login', '/API/login/', '/api/login/x']) expect(rules.gives(method, path)).toBe('login');
  }
  expect(rules.gives('POST', '/api/logins')).toBeUndefined();
});

it('on a host that is passed through untouched nobody logs in, nor gets a new one', () => {
  const profile = profileFrom({
    name: 'app',
    hosts: { public: ['news.example.com'] },
    login: { page: '/', requests: [{ path: '/in', json: { user: '/u', password: '/p' } }], bearer: { token: '/t' } },
    whoami: { path: '/me', json: '/name' },
  });
  const query = queryFields('');
  const asked = { method: 'GET', path: '/in', query, form: undefined, client: '', host: 'news.example.com' };
  expect(profile.route({ ...asked, onPublicHost: true }).givesToken).toBe('refresh');
  expect(profile.route({ ...asked, onPublicHost: false }).givesToken).toBe('login');
});

describe('another text of the same answer', () => {
  const found = find(`{"data":{"token":"${TOKEN}"}}`);
  const cover = (text: string) => (typeof found === 'object' ? found.cover(text, 'ours') : '');

  it('has ours in every spelling of the token', () => {
    const text = `a ${TOKEN} b ${encodeURIComponent(TOKEN)} c ${TOKEN.replaceAll('/', '\\/')}`;
    expect(cover(text)).toBe('a ours b ours c ours');
    expect(cover('nothing')).toBe('nothing');
  });

  it('is none when a trace is left', () => {
    expect(cover(`t=${TOKEN.replaceAll('/', '&#47;')}`)).toBeUndefined();
  });
});

describe('a profile', () => {
  const login = { page: '/login', requests: [{ path: '/login', json: { user: '/u', password: '/p' } }] };
  const base = { name: 'app', whoami: { path: '/me', json: '/name' } };

  it('knows of tokens only when it says so', () => {
    expect(profileFrom({ ...base, login }).tokens).toBeUndefined();
    const { tokens } = profileFrom({ ...base, login: { ...login, bearer: { token: '/t', whoami: true } } });
    expect(tokens?.withWhoami).toBe(true);
  });

  it.each([
    ['no place', { ...base, login: { ...login, bearer: {} } }],
    ['the whole body', { ...base, login: { ...login, bearer: { token: '' } } }],
    ['no request that logs in', { ...base, login: { page: '/login', bearer: { token: '/t' } } }],
    ['a question that is not asked', { name: 'app', login: { ...login, bearer: { token: '/t', whoami: true } } }],
  ])('is refused with %s', (_, data) => expect(() => profileFrom(data)).toThrow());
});
