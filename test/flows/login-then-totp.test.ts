/** The main job over real sockets: password, prompt, token, application; and nothing of the application before the token. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ALICE, BOB, Harness } from './harness.ts';

describe.each(['rotate', 'keep'] as const)(
  'an application that answers a login with %s of its session id',
  (rotate) => {
    let h: Harness;
    beforeEach(async () => {
      h = await Harness.start({ app: { rotate } });
    });
    afterEach(() => h.close());

    it('lets a person without a factor in with the password, and keeps every cookie of the application', async () => {
      const browser = h.browser();
      const page = await h.logIn(browser, ALICE);
      expect(page.status).toBe(200);
      expect(page.html).toContain(h.app.secretOf(ALICE.email));
      for (const { id } of h.app.sessions()) expect(browser.transcript.includes(id)).toBe(false);
    });

    it('asks for the factor, serves nothing before it, and goes on to the wanted page after it', async () => {
      await h.enrolTotp(ALICE.email);
      const browser = h.browser();
      const wanted = await browser.get('/admin/account');
      expect(wanted.url.pathname).toBe('/admin/login');
      const prompt = await browser.submit(wanted, {
        'LoginForm[email]': ALICE.email,
        'LoginForm[password]': ALICE.password,
      });
      expect(prompt.url.pathname).toBe('/_2fa/challenge');
      expect(prompt.html).toContain('one-time-code');

      const before = h.app.requests.length;
      for (const path of ['/admin', '/admin/account', '/admin/poll', '/admin/login', '/index.php/admin', '/anything']) {
        const refused = await browser.get(path);
        expect(refused.url.pathname, path).toBe('/_2fa/challenge');
      }
      expect(h.app.requests.length).toBe(before);

      const wrong = await browser.submit(prompt, { code: '000000' });
      expect(wrong.html).toContain('There is a problem');
      const inside = await browser.submit(wrong, { code: h.totp() });
      expect(inside.url.pathname).toBe('/admin/account');
      expect(inside.html).toContain(ALICE.email);
      for (const { id } of h.app.sessions()) expect(browser.transcript.includes(id)).toBe(false);
    });

    it('ends both sessions with the logout of the application', async () => {
      await h.enrolTotp(ALICE.email);
      const browser = h.browser();
      const prompt = await h.logIn(browser, ALICE);
      await browser.submit(prompt, { code: h.totp() });
      const cookie = browser.cookie('lucy2fa') ?? '';
      await browser.get('/admin/logout');
      expect(h.app.sessions()).toEqual([]);
      browser.setCookie('lucy2fa', cookie);
      expect((await browser.get('/admin')).url.pathname).toBe('/admin/login');
    });

    it('a second login over a verified session needs a second proof', async () => {
      await h.enrolTotp(ALICE.email);
      await h.enrolTotp(BOB.email, 'KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU');
      const browser = h.browser();
      await browser.submit(await h.logIn(browser, ALICE), { code: h.totp() });
      const { hidden } = await browser.get('/admin/account');
      const second = await browser.post('/admin/login', {
        YII_CSRF_TOKEN: hidden.YII_CSRF_TOKEN ?? '',
        'LoginForm[email]': BOB.email,
        'LoginForm[password]': BOB.password,
      });
      expect(second.url.pathname).toBe('/_2fa/challenge');
      expect(second.html).toContain(BOB.email);
      expect((await browser.get('/admin')).url.pathname).toBe('/_2fa/challenge');
      expect(browser.transcript.includes(h.app.secretOf(BOB.email))).toBe(false);
    });
  },
);
