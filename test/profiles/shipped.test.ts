import { describe, expect, test } from 'vitest';
import { loadProfile } from '../../src/profiles/load.ts';
import type { Profile } from '../../src/profiles/profile.ts';
import { answer, ask, html } from './ask.ts';

async function shipped(name: string): Promise<Profile> {
  const loaded = await loadProfile({ ref: name, folder: '.' });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  expect(loaded.warnings).toEqual([]);
  expect(loaded.profile.name).toBe(name);
  return loaded.profile;
}

const lucy = await shipped('lucy');
const dokuwiki = await shipped('dokuwiki');
const generic = await shipped('generic-php');
const qbittorrent = await shipped('qbittorrent');
const radicale = await shipped('radicale');

describe('radicale', () => {
  test.each(['GET /', 'GET /.web/', 'GET /.web/fn.js', 'PROPFIND /alice/', 'GET /.well-known/caldav', 'POST /.web/'])(
    '%s is closed: the factor comes first',
    (line) => expect(ask(radicale, line).class).toBe('protected'),
  );

  test('the password is that of whoever proved the factor, in the case that they typed', () => {
    const alice = radicale.identify('alice');
    if (alice === undefined) throw new Error('no name');
    const basic = (user: string) => [`Basic ${Buffer.from(`${user}:x`).toString('base64')}`];
    expect(radicale.mode).toBe('gateway-first');
    expect(radicale.authorization(basic('alice'), alice)).toBe('own');
    expect(radicale.authorization(basic('Alice'), alice)).toBe('foreign');
    expect(radicale.authorization(basic('bob'), alice)).toBe('foreign');
  });
});

describe('lucy', () => {
  test.each([
    ['GET /admin/login', 'login'],
    ['GET /admin/recovery', 'login'],
    ['POST /admin/recovery/0123abcd', 'login'],
    ['GET /admin', 'protected'],
    ['GET /admin/account', 'protected'],
    ['GET /admin/live', 'protected'],
    ['POST /admin/upload', 'protected'],
    ['POST /api/auth', 'protected'],
    ['GET /api/version', 'protected'],
    ['GET /index.php/admin/login', 'protected'],
    ['GET /index.php?r=admin/login', 'protected'],
    ['POST /simplesaml/module.php/saml/sp/saml2-acs.php/lucy-sp', 'login'],
    ['GET /assets/1a2b/jquery.js', 'static'],
    ['GET /public/campaign/1/static/a.png', 'static'],
    ['POST /public/x', 'protected'],
    ['GET /.well-known/acme-challenge/x', 'public'],
    ['GET /user/', 'protected'],
  ])('%s is %s', (line, expected) => {
    expect(ask(lucy, line).class).toBe(expected);
  });

  test.each([
    ['GET /', 'public'],
    ['POST /?login', 'public'],
    ['GET /admin/login', 'protected'],
    ['GET /Admin', 'protected'],
    ['GET /index.php/admin', 'protected'],
    ['POST /api/auth', 'protected'],
    ['GET /public/campaign/1/1/1/a.png', 'public'],
  ])('on a campaign domain %s is %s', (line, expected) => {
    expect(ask(lucy, line, { onPublicHost: true }).class).toBe(expected);
  });

  test('the login form of Yii is a login with its CSRF field and double checkbox', () => {
    const body =
      'YII_CSRF_TOKEN=abc%3D%3D&LoginForm%5Bemail%5D=alice%40example.com&LoginForm%5Bpassword%5D=x' +
      '&LoginForm%5BrememberMe%5D=0&LoginForm%5BrememberMe%5D=1&yt0=Login';
    expect(ask(lucy, 'POST /admin/login', { body })).toEqual({
      class: 'login',
      isLogout: false,
      isOracle: false,
      login: { user: 'alice@example.com', ambiguous: false },
    });
    expect(ask(lucy, 'POST /admin/login', { body: `${body}&ajax=login-form` }).isOracle).toBe(true);
    expect(ask(lucy, 'POST /admin/login', { body: `${body}&LoginForm[email]x=v` }).login?.ambiguous).toBe(true);
  });

  test('answers to a login', () => {
    expect(lucy.judge(answer(302, { Location: 'http://lucy.example.com/admin' }))).toBe('accepted');
    expect(lucy.judge(answer(302, { Location: 'http://lucy.example.com/admin/login' }))).toBe('unsure');
    expect(lucy.judge(answer(302, { Location: '/admin/login?expired=1' }))).toBe('unsure');
    expect(lucy.judge(html('<input name="LoginForm[password]" type="password">'))).toBe('rejected');
    expect(lucy.judge(html('The CSRF token could not be verified.', 400))).toBe('rejected');
    expect(lucy.judge(html('Welcome'))).toBe('unsure');
    expect(lucy.judge(answer(302, {}))).toBe('unsure');
  });

  test('the account page names the person', () => {
    const page = '<form><input name="AccountForm[email]" value="Alice@Example.com" readonly></form>';
    expect(lucy.whoami?.read(html(page))).toEqual({ is: 'named', identity: 'alice@example.com' });
    expect(lucy.whoami?.read(answer(302, { Location: 'http://lucy.example.com/admin/login' }))).toEqual({
      is: 'nobody',
    });
    expect(lucy.whoami?.read(answer(302, { Location: '/admin/verify' })).is).toBe('unknown');
    expect(lucy.whoami?.read(html('<p>maintenance'))).toMatchObject({ is: 'unknown' });
    expect(lucy.whoami?.read(html(page, 500)).is).toBe('unknown');
  });

  test('logout, sign-out and cookies', () => {
    expect(ask(lucy, 'GET /admin/logout').isLogout).toBe(true);
    expect(lucy.signOut).toEqual([{ method: 'GET', path: '/admin/logout' }]);
    expect(lucy.isReadable('YII_CSRF_TOKEN')).toBe(true);
    expect(lucy.isReadable('PHPSESSID')).toBe(false);
    expect(lucy.isReadable('0123456789abcdef0123456789abcdef')).toBe(false);
  });
});

describe('dokuwiki', () => {
  test.each([
    ['GET /doku.php?do=login', 'login'],
    ['GET /doku.php?id=start&do=login&sectok=', 'login'],
    ['GET /doku.php?id=start', 'protected'],
    ['GET /', 'protected'],
    ['GET /lib/exe/css.php?t=dokuwiki&tseed=1', 'static'],
    ['GET /lib/exe/fetch.php?media=secret.pdf', 'protected'],
    ['GET /lib/exe/ajax.php?call=x', 'protected'],
    ['GET /feed.php', 'protected'],
    ['GET /lib/tpl/dokuwiki/images/logo.png', 'static'],
  ])('%s is %s', (line, expected) => {
    expect(ask(dokuwiki, line).class).toBe(expected);
  });

  test('credentials in a query are refused on every page', () => {
    expect(['u', 'p', ' u', 'DokuWiki'].every((name) => dokuwiki.isForbiddenInQuery(name))).toBe(true);
    expect(['id', 'do', 'q', 'sectok'].some((name) => dokuwiki.isForbiddenInQuery(name))).toBe(false);
  });

  test('saving a page is no login', () => {
    const body = 'sectok=1&id=start&prefix=.&wikitext=u+and+p&do%5Bsave%5D=Save';
    expect(ask(dokuwiki, 'POST /doku.php?id=start', { body })).toMatchObject({ class: 'protected', isLogout: false });
  });
});

test('qBittorrent: its login page is the address of everything, and nothing else is open', () => {
  expect(ask(qbittorrent, 'GET /').class).toBe('login');
  expect(ask(qbittorrent, 'GET /api/v2/app/version').class).toBe('protected');
  expect(ask(qbittorrent, 'GET /scripts/client.js').class).toBe('protected');
  expect(qbittorrent.wantsLoginScript('/')).toBe(true);
  expect(qbittorrent.wantsLoginScript('/api/v2/app/version')).toBe(false);
  expect(lucy.wantsLoginScript('/')).toBe(false);
});

test('the generic profile closes what it does not name', () => {
  expect(ask(generic, 'GET /login.php').class).toBe('login');
  expect(ask(generic, 'GET /login.php/x').class).toBe('protected');
  expect(ask(generic, 'GET /index.php').class).toBe('protected');
  expect(generic.judge(answer(302, { Location: 'index.php' }))).toBe('accepted');
  expect(generic.judge(answer(302, { Location: 'login.php?failed=1' }))).toBe('unsure');
  expect(generic.judge(html('<input name="password">'))).toBe('rejected');
});
