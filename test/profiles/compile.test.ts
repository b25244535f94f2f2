import { describe, expect, test } from 'vitest';
import { profileFrom } from '../../src/profiles/compile.ts';
import type { RouteAnswer } from '../../src/profiles/profile.ts';
import { ask } from './ask.ts';

const wiki = profileFrom({
  name: 'wiki',
  access: 'public',
  login: {
    page: '/doku.php?do=login',
    requests: [{ path: '/doku.php', form: { user: 'u', password: 'p' } }],
    ignore: [{ form: { ajax: 'login-*' } }],
  },
  whoami: { path: '/doku.php', css: '.user', anonymous: { css: '.login' } },
  logout: [{ path: '/doku.php', when: { do: 'logout' } }],
  routes: [
    { class: 'protected', path: '/doku.php', when: { do: 'admin' } },
    { class: 'protected', prefix: '/admin' },
    { class: 'protected', path: '/install.php' },
    { class: 'login', path: '/doku.php', when: { do: 'login' } },
    { class: 'static', prefix: '/lib/' },
    { class: 'service', prefix: '/api', from: ['10.0.0.0/8', 'fd00::/8', '203.0.113.7'] },
    { class: 'public', path: '/only-here', hosts: ['*.example.com'] },
  ],
});

const closed = profileFrom({
  name: 'closed',
  hosts: { public: ['attack.example.net', '*.campaign.example'] },
  login: {
    page: '/login',
    requests: [
      {
        path: '/index.php',
        when: { action: 'login' },
        form: { user: 'LoginForm[email]', password: 'LoginForm[password]' },
      },
      { path: '/api/login', json: { user: '/user', password: '/pass' } },
      { path: '/old', method: 'GET', form: { user: 'user', password: 'pw' } },
    ],
  },
  whoami: { path: '/me', json: '/name' },
  logout: [{ path: '/logout' }],
  cookies: { session: ['app_session'] },
  routes: [
    { class: 'login', path: '/index.php', when: { action: 'login' } },
    { class: 'login', path: '/login' },
    { class: 'static', prefix: '/static/' },
    { class: 'public', path: '/open.php', when: { page: 'news*' } },
  ],
});

function classOf(answer: RouteAnswer): string {
  return answer.login === undefined ? answer.class : `${answer.class}+login`;
}

describe('rules that open match exactly what they say', () => {
  test.each([
    ['GET /index.php?action=login', 'login'],
    ['GET /index.php', 'protected'],
    ['GET /index.php/admin?action=login', 'protected'], // PATH_INFO (attack 65)
    ['GET /INDEX.php?action=login', 'protected'],
    ['GET /index.php?action=login&action=admin', 'protected'],
    ['GET /index.php?action=login&+action=admin', 'protected'],
    ['GET /index.php?action=login;x', 'protected'],
    ['GET /index.php?action[]=login', 'protected'],
    ['DELETE /login', 'protected'],
    ['OPTIONS /login', 'protected'],
    ['HEAD /login', 'login'],
    ['GET /login/x.css', 'protected'],
    ['GET /static/a.png', 'static'],
    ['HEAD /static/a.png', 'static'],
    ['POST /static/a.png', 'protected'],
    ['GET /static', 'protected'],
    ['GET /staticx/a', 'protected'],
    ['GET /Static/a', 'protected'],
    ['GET /index.php/static/a.png', 'protected'],
    ['GET /open.php?page=news', 'public'],
    ['GET /open.php?page=news-1', 'public'],
    ['GET /open.php?page=new', 'protected'],
    ['GET /open.php?page=news&page=admin', 'protected'],
    ['GET /admin?path=/login', 'protected'], // attack 66
    ['GET /', 'protected'],
  ])('%s is %s', (line, expected) => {
    expect(classOf(ask(closed, line))).toBe(expected);
  });
});

describe('rules that close match every reading', () => {
  test.each([
    ['GET /doku.php?do=admin', 'protected'],
    ['GET /doku.php?do=admin&do=show', 'protected'],
    ['GET /doku.php?do=show&do[]=admin', 'protected'],
    ['GET /doku.php?do[admin]=1', 'protected'],
    ['GET /doku.php?do=show;do=admin', 'protected'],
    ['GET /DOKU.PHP?do=admin', 'protected'],
    ['GET /doku.php/start?do=admin', 'protected'],
    ['GET /doku.php?do=show', 'public'],
    ['GET /admin', 'protected'],
    ['GET /admin/x', 'protected'],
    ['GET /%61dmin/x', 'protected'],
    ['GET /ADMIN/x', 'protected'],
    ['GET /%2561dmin', 'protected'],
    ['GET /admin./x', 'protected'],
    ['GET /administrator', 'public'],
    ['GET /Install.php/x', 'protected'],
    ['GET /page', 'public'],
  ])('%s is %s', (line, expected) => {
    expect(classOf(ask(wiki, line))).toBe(expected);
  });

  test('a field of the body counts as one of the query, and both at once close', () => {
    expect(classOf(ask(wiki, 'POST /doku.php', { body: 'do=admin' }))).toBe('protected');
    expect(classOf(ask(wiki, 'POST /doku.php?do=show', { body: 'do=admin' }))).toBe('protected');
    expect(classOf(ask(wiki, 'POST /doku.php?do=login', { body: 'do=show' }))).toBe('protected');
    expect(classOf(ask(wiki, 'POST /doku.php?do=show', { body: 'x=1' }))).toBe('public');
  });

  test('a body that cannot be read may hold anything', () => {
    const multipart = { body: 'x', type: 'multipart/form-data; boundary=x' };
    expect(ask(wiki, 'POST /doku.php', multipart)).toMatchObject({
      class: 'protected',
      login: { ambiguous: true, unreadable: true },
    });
  });
});

describe('login requests', () => {
  test('a login is named by its fields, wherever a rule would have put the address', () => {
    expect(ask(wiki, 'POST /doku.php', { body: 'u=alice&p=x' })).toEqual({
      class: 'login',
      isLogout: false,
      isOracle: false,
      login: { user: 'alice', ambiguous: false },
    });
  });

  test('an earlier protected rule keeps it closed, and it is still seen as a login', () => {
    expect(ask(wiki, 'POST /doku.php', { body: 'do=admin&u=alice&p=x' })).toMatchObject({
      class: 'protected',
      login: { user: 'alice' },
    });
  });

  test('another form of the same address is no login', () => {
    expect(ask(wiki, 'POST /doku.php', { body: 'id=start&wikitext=x' }).login).toBeUndefined();
    expect(ask(wiki, 'POST /doku.php', { body: 'u=alice' }).login).toBeUndefined();
  });

  test.each([
    ['POST /doku.php', 'u=alice&u=victim&p=x'],
    ['POST /doku.php', 'u=alice&+u=victim&p=x'],
    ['POST /doku.php', 'u=alice&u%00x=victim&p=x'],
    ['POST /doku.php', 'u=alice&p=x&p=y'],
    ['POST /doku.php', 'u=alice&p[]=y'],
    ['POST /doku.php?u=victim', 'u=alice&p=x'],
    ['POST /doku.php?u=alice', 'u=alice&p=x'],
    ['POST /doku.php?%75=victim&p=x', ''],
    ['POST /doku.php', 'x=1;u=victim&u=alice&p=x'],
  ])('%s with %s is ambiguous (attacks 28 to 31)', (line, body) => {
    expect(ask(wiki, line, { body }).login).toEqual({ user: undefined, ambiguous: true });
  });

  test('a duplicate of another field is normal: Yii sends its checkbox twice', () => {
    const body =
      'action=login&LoginForm[email]=a&LoginForm[password]=b&LoginForm[rememberMe]=0&LoginForm[rememberMe]=1';
    expect(ask(closed, 'POST /index.php', { body }).login).toEqual({ user: 'a', ambiguous: false });
  });

  test('a missing user field is no user, and the attempt is judged all the same', () => {
    expect(ask(wiki, 'POST /doku.php', { body: 'p=x' }).login).toEqual({ user: undefined, ambiguous: false });
  });

  test.each(['POST /doku.php/start', 'POST /DOKU.PHP', 'PUT /doku.php'])(
    '%s with credentials is not open, although anybody may read the wiki',
    (line) => {
      expect(classOf(ask(wiki, line, { body: 'u=alice&p=x' }))).toBe('protected+login');
    },
  );

  test('JSON logins are read by pointer, and are not confused with forms', () => {
    const type = 'application/json';
    expect(ask(closed, 'POST /api/login', { body: '{"user":"alice","pass":"x"}', type })).toMatchObject({
      class: 'login',
      login: { user: 'alice', ambiguous: false },
    });
    expect(ask(closed, 'POST /api/login', { body: '{"user":["alice"],"pass":"x"}', type }).login?.ambiguous).toBe(true);
    expect(ask(closed, 'POST /api/login', { body: 'user=alice&pass=x' }).login).toMatchObject({ unreadable: true });
  });

  test('a login by GET takes its fields from the query, for HEAD as well', () => {
    expect(ask(closed, 'GET /old?user=a&pw=b')).toMatchObject({ class: 'login', login: { user: 'a' } });
    expect(ask(closed, 'HEAD /old?user=a&pw=b').login).toEqual({ user: 'a', ambiguous: false });
    expect(ask(closed, 'GET /old?user=a&user=b&pw=b').login?.ambiguous).toBe(true);
    expect(ask(closed, 'GET /old').login).toBeUndefined();
  });

  test('two forms at one address: when either could be read differently, it is refused', () => {
    const two = profileFrom({
      name: 'two',
      login: {
        page: '/',
        requests: [
          { path: '/l', form: { user: 'u', password: 'p' } },
          { path: '/l', form: { user: 'name', password: 'p' } },
          { path: '/l', json: { user: '/u', password: '/p' } },
        ],
      },
    });
    expect(ask(two, 'POST /l', { body: 'u=a&name=b&p=x' }).login).toEqual({ user: undefined, ambiguous: true });
    expect(ask(two, 'POST /l', { body: 'u=a&name=a&p=x' }).login).toEqual({ user: 'a', ambiguous: false });
    const type = 'application/json';
    expect(ask(two, 'POST /l', { body: '{"u":"a","p":"x"}', type }).login).toEqual({ user: 'a', ambiguous: false });
    expect(ask(two, 'POST /l', { body: '{"q":"a"}', type }).login).toBeUndefined();
  });
});

describe('password oracles and logout', () => {
  test('an AJAX validation is counted like a login and marked', () => {
    expect(ask(wiki, 'POST /doku.php', { body: 'ajax=login-form&u=a&p=x' })).toMatchObject({
      class: 'login',
      isOracle: true,
      login: { user: 'a' },
    });
  });

  test('a doubled marker is no oracle: the application may log in', () => {
    const body = 'ajax=login-form&ajax=&u=a&p=x';
    expect(ask(wiki, 'POST /doku.php', { body }).isOracle).toBe(false);
  });

  test('logout is seen by its fields, in the query or in the body', () => {
    expect(ask(wiki, 'GET /doku.php?do=logout&sectok=1').isLogout).toBe(true);
    expect(ask(wiki, 'POST /doku.php', { body: 'do=logout' }).isLogout).toBe(true);
    expect(ask(wiki, 'GET /doku.php?do=show').isLogout).toBe(false);
    expect(ask(closed, 'POST /logout').isLogout).toBe(true);
  });
});

describe('service rules', () => {
  test.each([
    ['10.1.2.3', 'service'],
    ['::ffff:10.1.2.3', 'service'],
    ['fd00::1', 'service'],
    ['203.0.113.7', 'service'],
    ['203.0.113.8', 'public'],
    ['192.0.2.1', 'public'],
    ['', 'public'],
    ['10.1.2', 'public'],
    ['a', 'public'],
  ])('a client at "%s" is %s', (client, expected) => {
    expect(classOf(ask(wiki, 'GET /api/x', { client }))).toBe(expected);
  });
});

describe('hosts', () => {
  test.each([
    ['attack.example.net', true],
    ['a.campaign.example', true],
    ['a.b.campaign.example', true],
    ['campaign.example', false],
    ['xcampaign.example', false],
    ['lucy.example.com', false],
  ])('%s is public: %s', (host, expected) => {
    expect(closed.isPublicHost(host)).toBe(expected);
  });

  test('a rule with hosts opens only there, and nothing when the host is not known', () => {
    const own = profileFrom({
      name: 'own',
      login: { page: '/', requests: [{ path: '/l', form: { user: 'u', password: 'p' } }] },
      routes: [
        { class: 'protected', prefix: '/x', hosts: ['a.example'] },
        { class: 'public', prefix: '/', hosts: ['*.example'] },
      ],
    });
    expect(ask(own, 'GET /y', { host: 'b.example' }).class).toBe('public');
    expect(ask(own, 'GET /x', { host: 'b.example' }).class).toBe('public');
    expect(ask(own, 'GET /x', { host: 'a.example' }).class).toBe('protected');
    expect(ask(own, 'GET /y').class).toBe('protected');
  });

  test.each([
    ['GET /anything', 'public'],
    ['POST /?login', 'public'],
    ['GET /static/a.png', 'public'],
    ['GET /login', 'protected'],
    ['GET /LOGIN', 'protected'],
    ['POST /login/x', 'protected'],
    ['GET /logout', 'protected'],
    ['GET /index.php?action=login', 'protected'],
    ['GET /index.php?action=other', 'public'],
  ])('on a campaign domain %s is %s: nobody logs in there', (line, expected) => {
    expect(classOf(ask(closed, line, { onPublicHost: true }))).toBe(expected);
  });

  test('credentials on a campaign domain are closed', () => {
    const body = 'LoginForm[email]=a&LoginForm[password]=b';
    expect(ask(closed, 'POST /index.php?action=login', { body, onPublicHost: true }).class).toBe('protected');
  });
});

describe('names', () => {
  test('session and credential names are refused in a query, in every spelling that PHP folds', () => {
    for (const name of ['app_session', 'app.session', 'app session', ' app_session', 'app[session', 'app_session\0x']) {
      expect(closed.isForbiddenInQuery(name), name).toBe(true);
    }
    expect(closed.isForbiddenInQuery('LoginForm[password]')).toBe(true);
    expect(wiki.isForbiddenInQuery('u')).toBe(true);
    expect(wiki.isForbiddenInQuery('PHPSESSID')).toBe(true);
    expect(wiki.isForbiddenInQuery('id')).toBe(false);
    expect(closed.isForbiddenInQuery('pw')).toBe(false); // its login is a GET
    expect(closed.isForbiddenInQuery('/user')).toBe(false);
  });

  test('readable cookies match exactly; a session cookie never is', () => {
    const some = profileFrom({
      name: 'some',
      login: { page: '/', requests: [{ path: '/l', form: { user: 'u', password: 'p' } }] },
      cookies: { readable: ['DOKU_PREFS', 'wp-settings-*', '/^CSRF-Token-[A-Z]{5}$/', '/SID$/'], rolling: ['roll*'] },
    });
    expect(['DOKU_PREFS', 'wp-settings-1', 'CSRF-Token-ABCDE'].every((name) => some.isReadable(name))).toBe(true);
    expect(['doku_prefs', 'DOKU.PREFS', 'CSRF-Token-abc', 'PHPSESSID'].some((name) => some.isReadable(name))).toBe(
      false,
    );
    expect(some.isRolling('rolling')).toBe(true);
    expect(some.isRolling('scroll')).toBe(false);
  });
});

test('only bodies that can change the answer are read first', () => {
  expect(wiki.readsBody('POST', '/doku.php')).toBe(true);
  expect(wiki.readsBody('POST', '/DOKU.php/x')).toBe(true);
  expect(wiki.readsBody('GET', '/doku.php')).toBe(false);
  expect(wiki.readsBody('POST', '/feed.php')).toBe(true); // open to anybody, unless it carries a password
  expect(wiki.readsBody('GET', '/feed.php')).toBe(false);
  expect(closed.readsBody('PUT', '/admin/upload')).toBe(false);
});
