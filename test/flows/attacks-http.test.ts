/** Attacks 64 to 70, 77 and 78: the request line and the headers say one thing to us and another to the application. */
import { createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RawConnection, rawBytes } from '../fakes/raw-http.ts';
import {
  cookieOf,
  expectNothingOf,
  FORM_TYPE,
  hostOf,
  loginPosts,
  raw,
  signIn,
  upToThePrompt,
  withHost,
} from './attack-steps.ts';
import { ALICE, Harness } from './harness.ts';

describe('paths and methods', () => {
  let h: Harness;
  beforeEach(async () => {
    h = await Harness.start();
  });
  afterEach(() => h.close());

  /** Asked by nobody, and by somebody who has only typed the password: not a byte may reach the application. */
  async function expectClosed(targets: readonly string[], method = 'GET'): Promise<void> {
    const pending = cookieOf(await upToThePrompt(h));
    const before = h.app.requests.length;
    for (const target of targets) {
      for (const cookie of [undefined, pending]) {
        const headers: [string, string][] = [['Connection', 'close']];
        if (cookie !== undefined) headers.push(['Cookie', cookie]);
        const answer = await raw(h, method, target, headers);
        expect([400, 401, 405], `${method} ${target}`).toContain(answer.status);
        expect(h.app.requests.length, `${method} ${target}`).toBe(before);
      }
    }
  }

  it('64: a path that two servers resolve differently is refused, not repaired', async () => {
    await expectClosed([
      '/assets/../admin',
      '/assets/%2e%2e/admin',
      '/assets/%2E./admin',
      '/assets%2f..%2fadmin',
      '/assets/..%2fadmin',
      '/assets\\..\\admin',
      '/assets/%5c..%5cadmin',
      '//admin',
      '/assets//../admin',
      '/assets/./../admin',
      '/assets/..;/admin',
      '/assets/%c0%ae%c0%ae/admin',
      '/assets/%252e%252e/admin',
      '/assets/%00/../admin',
    ]);
  });

  it('64: another spelling of a protected path is as closed as the path', async () => {
    await expectClosed(['/%61dmin', '/ADMIN', '/admin/', '/Admin/Login/x', '/admin%20', '/admin.', '/adm%69n/account']);
    await expectClosed(['/admin/.', '/admin;x', '/admin/login;x', '/admin/login/', '/admin/login%20', '/ADMIN/LOGIN']);
  });

  it('64: what is forwarded is what was matched', async () => {
    const browser = await signIn(h);
    const answer = await raw(h, 'GET', '/%61dmin/acc%6Funt?a=%2e%2e%2f', [
      ['Cookie', cookieOf(browser)],
      ['Connection', 'close'],
    ]);
    expect(answer.status).toBe(200);
    expect(h.app.requests.at(-1)?.url).toBe('/admin/account?a=%2e%2e%2f');
  });

  it('65: a path that ends like a file is not a file', async () => {
    await expectClosed([
      '/admin/index.php/x.css',
      '/index.php/assets/a.png',
      '/admin/account/x.css',
      '/admin.css',
      '/admin/login.css',
      '/index.php/admin/login',
      '/foo/assets/a.css',
    ]);
  });

  it('65: files are for GET and HEAD, and are served without anybody’s session', async () => {
    await expectClosed(['/assets/lucy.css', '/public/a'], 'POST');
    await expectClosed(['/assets/lucy.css'], 'PUT');
    const browser = await upToThePrompt(h);
    const file = await browser.get('/assets/lucy.css', { as: 'image' });
    expect(file.status).toBe(200);
    expect(h.app.requests.at(-1)?.url).toBe('/assets/lucy.css');
    expect(h.app.requests.at(-1)?.cookie ?? '').not.toContain('PHPSESSID');
  });

  it('66: rules see the path, never the query or a fragment', async () => {
    await expectClosed([
      '/admin?path=/admin/login',
      '/admin?/assets/',
      '/admin#/admin/login',
      '/admin%23/admin/login',
      '/admin%3f/admin/login',
      '/admin?r=site/login',
      '/index.php?r=admin/login',
      '/?r=admin',
    ]);
  });

  it('67: no method and no override opens what GET may not', async () => {
    for (const method of ['HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PATCH', 'PROPFIND', 'TRACE']) {
      await expectClosed(['/admin', '/admin/account'], method);
    }
    await expectClosed(['/admin/login'], 'TRACE');
    await expectClosed(['/admin/login', '/admin/recovery'], 'DELETE');
  });

  it('67: a method that is none, in small letters or unknown, never reaches the application', async () => {
    for (const method of ['get', 'Get', 'FOO', 'CONNECT']) {
      const connection = await RawConnection.open(h.port);
      connection.send(rawBytes(method, '/admin', withHost(h, [['Connection', 'close']])));
      await connection.waitForClose();
      expect(connection.received.toString('latin1'), method).not.toMatch(/^HTTP\/1\.1 [23]/);
      await connection.close();
    }
    expect(h.app.requests).toEqual([]);
  });

  it('67: override headers are taken away, so a GET stays the GET that was judged', async () => {
    const browser = await signIn(h);
    const answer = await raw(h, 'GET', '/admin', [
      ['Cookie', cookieOf(browser)],
      ['X-HTTP-Method-Override', 'DELETE'],
      ['X-HTTP-Method', 'PUT'],
      ['X_HTTP_METHOD_OVERRIDE', 'POST'],
      ['X-Method-Override', 'PATCH'],
      ['X-Original-URL', '/admin/logout'],
      ['X-Rewrite-URL', '/admin/logout'],
      ['Connection', 'close'],
    ]);
    expect(answer.status).toBe(200);
    const names = h.app.requests.at(-1)?.headers.map(([name]) => name.toLowerCase()) ?? [];
    expect(names.filter((name) => /override|x-http-method|original-url|rewrite/.test(name))).toEqual([]);
  });

  it('67: a login by HEAD, or by POST with a body and a query, gains nothing', async () => {
    await h.enrolTotp(ALICE.email);
    const query = `LoginForm[email]=${ALICE.email}&LoginForm[password]=${encodeURIComponent(ALICE.password)}`;
    for (const method of ['HEAD', 'GET', 'OPTIONS', 'POST']) {
      const answer = await raw(h, method, `/admin/login?${query}`, [['Connection', 'close']]);
      expect(answer.status, method).toBe(400);
    }
    expect(h.app.requests).toEqual([]);
  });

  it('68: the request target never chooses the server', async () => {
    const browser = await signIn(h);
    const before = h.app.requests.length;
    const cookie: [string, string] = ['Cookie', cookieOf(browser)];
    for (const target of [
      'http://127.0.0.1:1/admin',
      `http://evil.test/admin`,
      `http://${hostOf(h)}@evil.test/admin`,
      `http://evil.test@${hostOf(h)}/admin`,
      '//evil.test/admin',
      '@evil.test/admin',
      'evil.test:80',
      '*',
      'file:///etc/passwd',
      'ftp://evil.test/',
      `http://${hostOf(h)}`,
    ]) {
      const connection = await RawConnection.open(h.port);
      connection.send(rawBytes('GET', target, withHost(h, [cookie, ['Connection', 'close']])));
      await connection.waitForClose();
      expect(connection.received.toString('latin1'), target).toMatch(/^HTTP\/1\.1 4\d\d/);
      await connection.close();
      expect(h.app.requests.length, target).toBe(before);
    }
    const own = await raw(h, 'GET', `http://${hostOf(h)}/admin/account`, [cookie, ['Connection', 'close']]);
    expect(own.status).toBe(200);
    expect(h.app.requests.at(-1)?.url).toBe('/admin/account');
  });

  it('69: only the configured host is served; two, odd or foreign ones are refused', async () => {
    const browser = await signIn(h);
    const before = h.app.requests.length;
    const own = hostOf(h);
    const cookie: [string, string] = ['Cookie', cookieOf(browser)];
    for (const hosts of [
      ['evil.test'],
      [`evil.test:x@${own}`],
      [`${own}.evil.test`],
      [`${own}, evil.test`],
      [own, 'evil.test'],
      ['evil.test', own],
      [own, own],
      [''],
      [`${own}/x`],
      ['127.0.0.1'],
    ]) {
      const lines = hosts.map((host): [string, string] => ['Host', host]);
      const answer = await raw(h, 'GET', '/admin', [...lines, cookie, ['Connection', 'close']]);
      expect([400, 421], hosts.join(' | ')).toContain(answer.status);
      expect(h.app.requests.length, hosts.join(' | ')).toBe(before);
    }
    const none = await RawConnection.open(h.port);
    none.send(`GET /admin HTTP/1.0\r\nCookie: ${cookie[1]}\r\n\r\n`);
    await none.waitForClose();
    expect(none.received.toString('latin1')).toMatch(/^HTTP\/1\.1 4\d\d/);
    await none.close();
    expect(h.app.requests.length).toBe(before);
  });

  it('69: no header makes us say another host, in links, redirects or to the application', async () => {
    const answer = await raw(h, 'GET', '/admin', [
      ['X-Forwarded-Host', 'evil.test'],
      ['X-Forwarded-Server', 'evil.test'],
      ['X-Host', 'evil.test'],
      ['Forwarded', 'host=evil.test'],
      ['Accept', 'text/html'],
      ['Connection', 'close'],
    ]);
    expect(answer.status).toBe(303);
    expect(answer.header('location')).toBe('/admin/login');
    const page = await h.browser({ 'X-Forwarded-Host': 'evil.test', 'X-Host': 'evil.test' }).get('/admin/login');
    expect(page.text).not.toContain('evil.test');
    expect(h.app.sawBytes('evil.test')).toBe(false);
  });

  it('77: a line break in what a client sends ends in 400, and never in a header of ours', async () => {
    for (const target of ['/admin/login?return=%0d%0aSet-Cookie:x=y', '/admin?next=%0d%0aX-Injected:1', '/%0d%0aX:1']) {
      const answer = await raw(h, 'GET', target, [
        ['Accept', 'text/html'],
        ['Connection', 'close'],
      ]);
      const names = answer.headers.map(([name]) => name.toLowerCase());
      expect(names, target).not.toContain('x-injected');
      expect(answer.setCookie.join(), target).not.toContain('x=y');
    }
    const bare = await RawConnection.open(h.port);
    bare.send(`GET /admin HTTP/1.1\r\nHost: ${hostOf(h)}\r\nX-A: b\rX-Injected: 1\r\nConnection: close\r\n\r\n`);
    await bare.waitForClose();
    expect(bare.received.toString('latin1')).toMatch(/^HTTP\/1\.1 400/);
    await bare.close();
    expect(h.app.sawBytes('X-Injected')).toBe(false);
  });

  it('77: a name with line breaks in a login is answered, logged in one line, and breaks nothing', async () => {
    const browser = h.browser();
    const page = await h.logIn(browser, { email: 'x\r\nSet-Cookie: a=b\r\n\r\n<svg onload=1>', password: 'no' });
    expect(page.status).toBe(200);
    expect(browser.cookies.map(({ name }) => name)).not.toContain('a');
    expect(h.logged.every((line) => !line.slice(0, -1).includes('\n'))).toBe(true);
    expect(h.logged.every((line) => typeof JSON.parse(line) === 'object')).toBe(true);
  });

  it('78: nobody is sent anywhere else after a login', async () => {
    await h.enrolTotp(ALICE.email);
    for (const target of [
      '/%5cevil.test',
      '/%09/evil.test',
      '/admin?return=//evil.test',
      '/admin?return=https://evil.test',
      '/admin/login?returnUrl=javascript:alert(1)',
      '/admin/account?x=https:evil.test',
    ]) {
      h.clock.advance(30_000);
      const browser = h.browser();
      await browser.get(target);
      const form = await browser.get('/admin/login');
      const prompt = await browser.submit(form, {
        'LoginForm[email]': ALICE.email,
        'LoginForm[password]': ALICE.password,
      });
      const inside = await browser.submit(prompt, { code: h.totp() }, { followRedirects: false });
      expect(inside.status, target).toBe(303);
      expect(inside.header('location'), target).toMatch(/^\/[a-z]/);
    }
  });

  it('78: fields that name a target on our own pages are refused, and the target is not taken', async () => {
    const browser = await upToThePrompt(h);
    const prompt = await browser.get('/_2fa/challenge?return=https://evil.test');
    expect(prompt.html).not.toContain('evil.test');
    const sent = await browser.post(
      '/_2fa/challenge',
      { csrf: prompt.hidden['csrf'] ?? '', code: h.totp(), return: 'https://evil.test' },
      { followRedirects: false },
    );
    expect(sent.status).toBe(400);
    expect(sent.header('location')).toBeUndefined();
    expectNothingOf(h, browser, ALICE.email);
  });

  it('79: rights belong to a request, never to the connection it came on', async () => {
    const browser = await signIn(h);
    const before = h.app.requests.length;
    const connection = await RawConnection.open(h.port);
    const first = rawBytes('GET', '/admin', withHost(h, [['Cookie', cookieOf(browser)]]));
    const second = rawBytes('GET', '/admin/account', withHost(h, [['Connection', 'close']]));
    connection.send(Buffer.concat([first, second]));
    expect((await connection.response()).text).toContain(h.app.secretOf(ALICE.email));
    expect((await connection.response()).status).toBe(401);
    await connection.close();
    expect(h.app.requests.slice(before).map(({ url }) => url)).toEqual(['/admin']);
  });

  it('67: the login form is read whole and once, whatever Expect says', async () => {
    const browser = h.browser();
    const { hidden } = await browser.get('/admin/login');
    const fields = new URLSearchParams({
      YII_CSRF_TOKEN: hidden['YII_CSRF_TOKEN'] ?? '',
      'LoginForm[email]': ALICE.email,
      'LoginForm[password]': 'wrong',
    }).toString();
    const answer = await raw(
      h,
      'POST',
      '/admin/login',
      [
        ['Cookie', cookieOf(browser)],
        ['Content-Type', FORM_TYPE],
        ['Expect', '100-continue'],
        ['Connection', 'close'],
      ],
      fields,
    );
    expect(answer.status).toBe(200);
    expect(loginPosts(h)).toBe(1);
    expect(h.app.sawBytes('100-continue')).toBe(false);
  });
});

describe('an application that answers with broken heads', () => {
  it.each([
    ['a bare CR', 'X-A: b\rSet-Cookie: evil=1'],
    ['a bare LF', 'X-A: b\nSet-Cookie: evil=1'],
    ['a NUL', 'X-A: b\0c'],
    ['a blank before the colon', 'Set-Cookie : evil=1'],
    ['a folded line', 'X-A: b\r\n Set-Cookie: evil=1'],
    ['a control character in a cookie', 'Set-Cookie: evil=a\u0001b; Path=/'],
    ['a cookie with our name', 'Set-Cookie: lucy2fa=evil=1; Path=/'],
  ])('77: %s breaks no head of ours and sets nothing', async (_name, line) => {
    const sockets = new Set<Socket>();
    const broken = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('data', () => socket.write(`HTTP/1.1 200 OK\r\n${line}\r\nContent-Length: 2\r\n\r\nok`, 'latin1'));
    });
    await new Promise<void>((resolve) => broken.listen(0, '127.0.0.1', resolve));
    const address = broken.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const h = await Harness.start({ upstreamUrl: `http://127.0.0.1:${address.port}` });
    try {
      const browser = h.browser();
      for (const path of ['/admin/login', '/assets/x.css', '/admin/login']) {
        const page = await browser.get(path);
        expect([200, 502], path).toContain(page.status);
        expect(page.setCookie.join(), path).not.toContain('evil');
        expect(browser.transcript.toString('latin1')).not.toMatch(/^set-cookie:.*evil/im);
      }
      expect(browser.cookies.every(({ name }) => name === 'lucy2fa')).toBe(true);
    } finally {
      await h.close();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => broken.close(resolve));
    }
  });
});

describe('addresses', () => {
  let h: Harness;
  afterEach(() => h.close());

  function forwardedFor(): (string | undefined)[] {
    return (h.app.requests.at(-1)?.headers ?? [])
      .filter(([name]) => name.toLowerCase() === 'x-forwarded-for')
      .map(([, value]) => value);
  }

  const SPOOFS: readonly (readonly [string, string])[] = [
    ['X-Forwarded-For', '10.0.0.1'],
    ['X-Forwarded-For', 'a'],
    ['X-Forwarded-For', '127.0.0.1, x'],
    ['X-Forwarded-For', '::ffff:10.0.0.1'],
    ['Forwarded', 'for=10.0.0.1'],
    ['X-Real-IP', '10.0.0.1'],
    ['CF-Connecting-IP', '10.0.0.1'],
    ['True-Client-IP', '10.0.0.1'],
    ['X_Forwarded_For', '10.0.0.1'],
  ];

  it('70: nobody is believed unless configured: the application sees the address of the socket', async () => {
    h = await Harness.start();
    for (const [name, value] of SPOOFS) {
      await h.browser({ [name]: value }).get('/admin/login');
      expect(forwardedFor(), `${name}: ${value}`).toEqual(['127.0.0.1']);
    }
    expect(h.app.sawBytes('10.0.0.1')).toBe(false);
  });

  it('70: a new address with every try does not stretch the budget of logins', async () => {
    h = await Harness.start();
    let refused = 0;
    for (let i = 0; i < 25; i += 1) {
      const browser = h.browser({ 'X-Forwarded-For': `10.0.0.${i}`, 'X-Real-IP': `10.0.1.${i}` });
      const page = await h.logIn(browser, { email: ALICE.email, password: `wrong ${i}` });
      if (page.status === 429) refused += 1;
    }
    expect(refused).toBe(5);
    expect(loginPosts(h)).toBe(20);
  });

  it('70: trusted proxies are counted from the right, and what cannot be read ends the count', async () => {
    h = await Harness.start({ trustedProxies: ['127.0.0.0/8', '192.0.2.0/24'] });
    for (const [sent, seen] of [
      ['198.51.100.7', '198.51.100.7'],
      ['10.0.0.1, 198.51.100.7', '198.51.100.7'],
      ['10.0.0.1, 198.51.100.7, 192.0.2.9', '198.51.100.7'],
      ['10.0.0.1, ::ffff:198.51.100.7', '198.51.100.7'],
      ['10.0.0.1, x', '127.0.0.1'],
      ['10.0.0.1, x, 192.0.2.9', '192.0.2.9'],
      ['', '127.0.0.1'],
    ] as const) {
      await h.browser({ 'X-Forwarded-For': sent }).get('/admin/login');
      expect(forwardedFor(), sent).toEqual([seen]);
    }
    expect(h.app.sawBytes('10.0.0.1')).toBe(false);
  });
});
