/** Forms: only from a page of ours, in its session, well-formed. Attacks "login CSRF", "parameter pollution", "large body". */
import { request } from 'node:http';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isToken } from '../../src/session/token.ts';
import { MAX_BODY_BYTES, parseForm } from '../../src/web/form.ts';
import { comesFromOwnPage } from '../../src/web/same-site.ts';
import { RIGHT_CODE } from './ceremonies-double.ts';
import { COOKIE, type Person, World } from './world.ts';

let world: World;
let alice: Person;
const fields = { way: 'totp-1', code: RIGHT_CODE };

beforeEach(async () => {
  world = await new World().start();
  world.addFactor('totp');
  alice = await world.person('challenge');
});
afterEach(() => world.stop());

describe('a form is refused, and its handler never runs,', () => {
  const cases: [string, number, Parameters<Person['post']>[1], Parameters<Person['post']>[2]][] = [
    ['without a token', 403, { ...fields }, { body: 'way=totp-1&code=246810' }],
    ['with a wrong token', 403, { ...fields, csrf: 'x'.repeat(32) }, {}],
    ['with an empty token', 403, { ...fields, csrf: '' }, {}],
    ['from another origin', 403, fields, { headers: { origin: 'https://evil.example' } }],
    ['from an opaque origin', 403, fields, { headers: { origin: 'null' } }],
    ['from a cross-site page', 403, fields, { headers: { 'sec-fetch-site': 'cross-site' } }],
    ['from a sibling host', 403, fields, { headers: { 'sec-fetch-site': 'same-site' } }],
    ['from the address bar', 403, fields, { headers: { 'sec-fetch-site': 'none' } }],
    ['without a word of its origin', 403, fields, { headers: { origin: undefined, 'sec-fetch-site': undefined } }],
    ['with a query', 400, fields, {}],
    ['with an unknown field', 400, { ...fields, identity: 'bob' }, {}],
    ['as JSON', 415, fields, { headers: { 'content-type': 'application/json' } }],
    ['as multipart', 415, fields, { headers: { 'content-type': 'multipart/form-data; boundary=x' } }],
    [
      'in another charset',
      415,
      fields,
      { headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-7' } },
    ],
    ['compressed', 415, fields, { headers: { 'content-encoding': 'gzip' } }],
    ['larger than 16 kB', 413, { ...fields, code: '1'.repeat(MAX_BODY_BYTES) }, {}],
  ];
  for (const [how, status, sent, sending] of cases) {
    it(how, async () => {
      const path = how === 'with a query' ? '/challenge?way=totp-1' : '/challenge';
      const answer = await alice.post(path, sent, sending);
      expect(answer.status).toBe(status);
      expect(answer.cookies).toEqual([]);
      expect(world.ceremonies.proofs).toEqual([]);
    });
  }

  it('with a doubled field, also when one is spelt in percent code', async () => {
    for (const body of [
      `csrf=${alice.csrf}&code=1&code=2`,
      `csrf=${alice.csrf}&code=1&%63ode=2`,
      `csrf=${alice.csrf}&csrf=${alice.csrf}`,
    ]) {
      expect((await alice.post('/challenge', {}, { body })).status).toBe(400);
    }
    expect(world.ceremonies.proofs).toEqual([]);
  });

  it('with a body that grows beyond its limit without saying so', async () => {
    const status = await new Promise((resolve, reject) => {
      const req = request(
        `${world.origin}/_2fa/challenge`,
        {
          method: 'POST',
          headers: {
            cookie: `${COOKIE}=${alice.id}`,
            origin: world.origin,
            'content-type': 'application/x-www-form-urlencoded',
            'transfer-encoding': 'chunked',
          },
        },
        (res) => {
          expect(res.headers.connection).toBe('close');
          res.resume();
          resolve(res.statusCode);
          req.destroy();
        },
      );
      req.on('error', reject);
      req.write('a'.repeat(MAX_BODY_BYTES + 1)); // and never ends
    });
    expect(status).toBe(413);
  });

  it('without a session', async () => {
    const answer = await world.send('/_2fa/logout', {
      method: 'POST',
      headers: { origin: world.origin, 'content-type': 'application/x-www-form-urlencoded' },
      body: 'csrf=',
    });
    expect(answer.status).toBe(403);
  });

  it('on every address that takes forms', async () => {
    const paths = [
      '/challenge',
      '/challenge/send',
      '/cancel',
      '/proof',
      '/account/phone',
      '/enrol/totp',
      '/enrol/cancel',
    ];
    const more = ['/enrol/totp/confirm', '/enrol/totp/send', '/remove/totp-1', '/admin/key', '/admin/key/remove'];
    const rest = ['/admin/key/test', '/admin/users/confirm', '/admin/users/reset', '/admin/users/unlock', '/logout'];
    for (const path of [...paths, ...more, ...rest, '/admin/users/end-sessions']) {
      const foreign = { headers: { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' } };
      expect((await alice.post(path, {}, foreign)).status, path).toBe(403);
      expect((await alice.post(path, { csrf: 'wrong' })).status, path).toBe(403);
    }
    expect(alice.session?.session.state).toBe('pending');
  });
});

it('either word of the browser is enough when it is the right one', async () => {
  const own = 'http://lucy.test:8080';
  expect(comesFromOwnPage({ origin: own }, own)).toBe(true);
  expect(comesFromOwnPage({ 'sec-fetch-site': 'same-origin' }, own)).toBe(true);
  expect(comesFromOwnPage({ origin: own, 'sec-fetch-site': 'cross-site' }, own)).toBe(false);
  expect(comesFromOwnPage({ origin: 'https://lucy.test:8080' }, own)).toBe(false);
  expect(comesFromOwnPage({ origin: 'http://lucy.test' }, own)).toBe(false);
  expect(comesFromOwnPage({}, own)).toBe(false);
});

it('a token of no session fits nothing', () => {
  expect(isToken('', '')).toBe(false);
  expect(isToken(undefined, 'abc')).toBe(false);
  expect(isToken('abc', 'abc')).toBe(true);
});

it('what a browser encodes is read back unchanged', () => {
  const value = fc.string({ unit: 'grapheme', maxLength: 50 });
  fc.assert(
    fc.property(fc.record({ code: value, way: value }), (sent) => {
      const form = parseForm(new URLSearchParams(sent).toString(), ['code', 'way']);
      expect(form && Object.fromEntries(form)).toEqual(sent);
    }),
  );
});

it('never throws, and never returns a name that is not allowed', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a%&=+0-9]*$/)), (body) => {
      const form = parseForm(body, ['a']);
      if (form !== undefined) expect([...form.keys()].every((name) => name === 'a')).toBe(true);
    }),
  );
});

it('bytes that are not well-formed are refused', () => {
  for (const body of ['code=%', 'code=%zz', 'code=%ff', 'code=\u00e9', 'code=a b', 'code=%c0%80']) {
    expect(parseForm(body, ['code']), body).toBeUndefined();
  }
});
