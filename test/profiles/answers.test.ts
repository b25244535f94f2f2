import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { profileFrom } from '../../src/profiles/compile.ts';
import type { Answer, Profile } from '../../src/profiles/profile.ts';
import { answer, html } from './ask.ts';

const base = {
  name: 'app',
  login: { page: '/sub/login?x=1', requests: [{ path: '/l', form: { user: 'u', password: 'p' } }] },
};

function judging(success: object[], failure: object[] = []): Profile {
  return profileFrom({ ...base, login: { ...base.login, success, failure } });
}

describe('rules on the answer to a login', () => {
  const accepts: [rule: object, answer: Answer, holds: boolean][] = [
    [{ status: 302 }, answer(302), true],
    [{ status: [302, 303] }, answer(303), true],
    [{ status: 302 }, answer(200), false],
    [{ location: '/home' }, answer(302, { Location: 'https://other.example/home?x=1' }), true],
    [{ location: '/home?x=1' }, answer(302, { Location: '/home?y=2&x=1' }), true],
    [{ location: '/home?x=1' }, answer(302, { Location: '/home?x=2' }), false],
    [{ location: '/home/*' }, answer(302, { Location: '/home/a' }), true],
    [{ location: '/sub/next' }, answer(302, { Location: 'next' }), true], // relative to the login page
    [{ location: '/home' }, answer(302, { Location: '/x/../home' }), true],
    [{ location: '/home' }, answer(302, { Location: '/homepage' }), false],
    [{ locationNot: '/sub/login' }, answer(302, { Location: '/home' }), true],
    [{ locationNot: '/sub/login' }, answer(302, { Location: '/sub/login?failed' }), false],
    [{ locationNot: '/sub/login' }, answer(302, { Location: 'login' }), false],
    [{ locationNot: '/sub/login' }, answer(302), false], // no redirect is not a good redirect
    [{ locationNot: '/sub/login' }, answer(302, { Location: ['/home', '/sub/login'] }), false],
    [{ bodyHas: ['Hello', 'you'] }, html('Hello to you'), true],
    [{ bodyHas: ['Hello', 'you'] }, html('Hello'), false],
    [{ bodyLacks: 'name="p"' }, html('Hello'), true],
    [{ bodyLacks: 'name="p"' }, html('<input name="p">'), false],
    // What cannot be read lacks nothing.
    [{ bodyLacks: 'name="p"' }, answer(200, { 'Content-Encoding': 'gzip' }, 'x'), false],
    [{ bodyLacks: 'name="p"' }, answer(200, { 'Content-Type': 'text/html; charset=utf-16le' }, 'x'), false],
    [{ bodyLacks: 'name="p"' }, answer(200, {}, Buffer.from([0xff])), false],
    [
      { bodyHas: 'né' },
      answer(200, { 'Content-Type': 'text/html; charset=iso-8859-1' }, Buffer.from('né', 'latin1')),
      true,
    ],
    [{ bodyHas: 'né' }, answer(200, {}, Buffer.from('<meta charset="latin1"> né', 'latin1')), true],
    [{ json: { '/ok': true, '/user/name': 'a*' } }, answer(200, {}, '{"ok":true,"user":{"name":"alice"}}'), true],
    [{ json: { '/ok': true } }, answer(200, {}, '{"ok":"true"}'), false],
    [{ json: { '/ok': true } }, answer(200, {}, '{"ok":false,"ok":true}'), false],
    [{ json: { '/error': null } }, answer(200, {}, '{"error":null}'), true],
    [{ json: { '/error': null } }, answer(200, {}, '{}'), false],
    [{ json: { '/ok': true } }, answer(200, {}, '<html>'), false],
    [{ setsCookie: 'sid' }, answer(200, { 'Set-Cookie': 'sid=1; path=/' }), true],
    [{ setsCookie: '/^DW[0-9a-f]+$/' }, answer(200, { 'Set-Cookie': ['a=1', 'DWff=x; HttpOnly'] }), true],
    [{ setsCookie: ['a', 'b'] }, answer(200, { 'Set-Cookie': 'a=1' }), false],
    [{ setsCookie: 'sid' }, answer(200, { 'Set-Cookie': 'sid=deleted; Max-Age=0' }), false],
    [{ setsCookie: 'sid' }, answer(200, { 'Set-Cookie': 'sid=; path=/' }), false],
    [{ setsCookie: 'sid' }, answer(200, { 'Set-Cookie': 'sid=x; expires=Thu, 01-Jan-1970 00:00:01 GMT' }), false],
    [{ setsCookie: 'sid' }, answer(200, { 'Set-Cookie': ['sid=x', 'sid=deleted'] }), false],
    [{ setsCookie: 'sid' }, answer(200, { 'Set-Cookie': ['sid=deleted', 'sid=x'] }), true],
    [
      { setsCookie: 'sid' },
      answer(200, {
        Date: 'Tue, 24 Nov 2026 07:00:00 GMT',
        'Set-Cookie': 'sid=x; Expires=Tue, 24 Nov 2026 06:00:00 GMT',
      }),
      false,
    ],
    [
      { setsCookie: 'sid' },
      answer(200, { 'Set-Cookie': 'sid=x; Expires=Tue, 24 Nov 2026 06:00:00 GMT; Max-Age=60' }),
      true,
    ],
    [{ header: { 'X-Login': 'ok*' } }, answer(200, { 'x-login': 'ok, really' }), true],
    [{ header: { 'X-Login': 'ok' } }, answer(200), false],
    [{ status: 302, location: '/home' }, answer(302, { Location: '/other' }), false],
  ];
  test.each(accepts.map(([rule, given, holds], i) => [i, JSON.stringify(rule), given, holds, rule] as const))(
    '%i: %s',
    (_i, _text, given, holds, rule) => {
      expect(judging([rule]).judge(given)).toBe(holds ? 'accepted' : 'unsure');
      expect(judging([], [rule]).judge(given)).toBe(holds ? 'rejected' : 'unsure');
    },
  );

  test('an answer that is a success and a failure at once is unsure', () => {
    expect(judging([{ status: 302 }], [{ status: [302, 403] }]).judge(answer(302))).toBe('unsure');
  });
});

function asking(whoami: object): (given: Answer) => unknown {
  const profile = profileFrom({ ...base, whoami: { path: '/me', ...whoami } });
  return (given) => profile.whoami?.read(given);
}

const named = (identity: string) => ({ is: 'named', identity });
const unknown = { is: 'unknown', why: expect.any(String) };

describe('whoami', () => {
  test('css reads text as a person sees it, without what is commented out or in scripts', () => {
    const read = asking({ css: '#user', pattern: '\\(([^()]+)\\)$' });
    expect(read(html('<p id=user>Logged in: <b>A</b> <!-- (x) --><script>(y)</script>\n (Alice)</p>'))).toEqual(
      named('alice'),
    );
    expect(read(html('<p id=user>Alice</p>'))).toEqual(unknown);
  });

  test('several elements that say different things are unknown, the same thing twice is a name (attack 35)', () => {
    const read = asking({ css: '.user' });
    expect(read(html('<b class=user>victim</b> <b class=user>alice</b>'))).toEqual(unknown);
    expect(read(html('<b class=user>alice</b> <b class=user> alice </b>'))).toEqual(named('alice'));
    expect(read(html('<b class=user></b>'))).toEqual(unknown);
  });

  test('a pattern that finds two names in one text is unknown', () => {
    const read = asking({ css: '.user', pattern: '\\(([^()]+)\\)' });
    expect(read(html('<b class=user>Foo (victim) (alice)</b>'))).toEqual(unknown);
  });

  test('attribute, json, header and regex', () => {
    expect(asking({ css: 'input[name=e]', attribute: 'value' })(html('<input name=e value="A&amp;B">'))).toEqual(
      named('a&b'),
    );
    expect(asking({ css: 'input[name=e]', attribute: 'value' })(html('<input name=e>'))).toEqual(unknown);
    const json = asking({ json: '/user/id', anonymous: { json: { '/user': null } } });
    expect(json(answer(200, {}, '{"user":{"id":17}}'))).toEqual(named('17'));
    expect(json(answer(200, {}, '{"user":null}'))).toEqual({ is: 'nobody' });
    expect(json(answer(200, {}, '{"user":{"id":["a"]}}'))).toEqual(unknown);
    expect(json(answer(200, {}, '<html>'))).toEqual(unknown);
    const header = asking({ header: 'X-User' });
    expect(header(answer(200, { 'X-User': 'Alice' }))).toEqual(named('alice'));
    expect(header(answer(200, { 'X-User': ['Alice', 'victim'] }))).toEqual(unknown);
    const regex = asking({ regex: 'user: (\\w+)' });
    expect(regex(html('user: alice'))).toEqual(named('alice'));
    expect(regex(html('user: alice, user: victim'))).toEqual(unknown);
    expect(regex(answer(200, { 'Content-Type': 'image/png' }, 'user: alice'))).toEqual(unknown);
  });

  test('nobody is what the profile says it is, and nothing else', () => {
    const read = asking({
      css: '#user',
      anonymous: [{ status: [302, 303], locationHas: '/login' }, { css: '.login-link' }, { status: 401 }],
    });
    expect(read(answer(302, { Location: '/login' }))).toEqual({ is: 'nobody' });
    expect(read(answer(302, { Location: '/maintenance' }))).toEqual(unknown);
    expect(read(html('<a class=login-link>'))).toEqual({ is: 'nobody' });
    expect(read(answer(401))).toEqual({ is: 'nobody' });
    expect(read(answer(500))).toEqual(unknown);
    expect(read(html('<p id=user>alice', 500))).toEqual(unknown);
    expect(read(html('<p id=user>alice</p><a class=login-link>'))).toEqual(unknown);
    expect(read(html(''))).toEqual(unknown);
    expect(read(answer(200, { 'Content-Encoding': 'gzip' }, '<a class=login-link>'))).toEqual(unknown);
  });

  test('an error page names nobody, unless the profile lists its status', () => {
    expect(asking({ css: '#user' })(html('<p id=user>alice', 403))).toEqual(unknown);
    expect(asking({ css: '#user', status: [200, 403] })(html('<p id=user>alice', 403))).toEqual(named('alice'));
  });

  test('a name that cannot be one is unknown, not nobody', () => {
    const read = asking({ json: '/n' });
    for (const n of ['a\u0000b', 'a\u202eb', 'a\u200bb', 'x'.repeat(300), '\ud800']) {
      expect(read(answer(200, {}, JSON.stringify({ n })))).toEqual(unknown);
    }
  });
});

describe('identities', () => {
  const plain = profileFrom(base).identify;
  const folding = profileFrom({ ...base, identity: { normalise: ['trim', 'nfkc', 'lowercase', 'ascii'] } }).identify;
  const raw = profileFrom({ ...base, identity: { normalise: [] } }).identify;

  test.each(['victim', 'VICTIM', ' victim ', 'victim\u00a0', 'ｖictim', '\u3000Victim'])(
    '"%s" is victim (attack 32)',
    (name) => {
      expect(plain(name)).toBe('victim');
    },
  );

  test('accents are folded only when the profile says so', () => {
    expect(plain('víctim')).toBe('víctim');
    expect(folding('Víctim')).toBe('victim');
    expect(raw(' Víctim')).toBe(' Víctim');
  });

  test.each(['', '   ', 'a\nb', 'a\0', 'a\u2028b', 'a\u200fb', 'x'.repeat(257)])('%j is no name', (name) => {
    expect(plain(name)).toBeUndefined();
    expect(raw(name)).toBeUndefined();
  });

  test('normalising twice is normalising once', () => {
    for (const identify of [plain, folding, raw]) {
      fc.assert(
        fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (name) => {
          const once = identify(name);
          if (once !== undefined) expect(identify(once)).toBe(once);
        }),
        { numRuns: 2000 },
      );
    }
  });
});

describe('sign-out', () => {
  test('comes from logout entries that are one address, in order', () => {
    const profile = profileFrom({
      ...base,
      logout: [
        { path: '/a.php', when: { do: 'log out' } },
        { path: '/b', method: 'POST' },
        { path: '/c', when: { t: '*' } },
        { method: 'DELETE', path: '/d' },
      ],
    });
    expect(profile.signOut).toEqual([
      { method: 'GET', path: '/a.php?do=log+out' },
      { method: 'POST', path: '/b' },
    ]);
  });

  test('a link is found with its token, and stays at the application', () => {
    const profile = profileFrom({ ...base, whoami: { path: '/sub/me', json: '/n' }, signOut: [{ link: '.out' }] });
    const find = (page: string): string | undefined => profile.signOut[0]?.findOn?.(html(page));
    expect(find('<a class=out href="logout?t=1&amp;u=2">')).toBe('/sub/logout?t=1&u=2');
    expect(find('<a class=out href="https://app.example/logout?t=1#x">')).toBe('/logout?t=1');
    expect(
      find('<form class=out action="/logout"><input type=hidden name=t value="a b"><input type=text name=q></form>'),
    ).toBe('/logout?t=a+b');
    expect(find('<form class=out action="/logout?t=1" method=post><input type=hidden name=z value=1></form>')).toBe(
      '/logout?t=1',
    );
    expect(find('<a class=out href="javascript:alert(1)">')).toBeUndefined();
    expect(find('<p>no link')).toBeUndefined();
  });
});
