/**
 * The stand-in Lucy behind the gateway's own process, used by a person in Chromium: everything that worked before works
 * after the proof, and nothing of it before.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type StandInAuthy, startStandInAuthy } from '../../src/demo/stand-in-authy.ts';
import { downloadBytes, type StandInLucy, startStandInLucy } from '../../src/demo/stand-in-lucy/server.ts';
import { launchChromium, openContext, whySkipChromium } from '../fakes/chromium.ts';
import { RawConnection, rawBytes } from '../fakes/raw-http.ts';
import { GatewayProcess } from './gateway-process.ts';
import {
  arrive,
  type Credentials,
  cookieNames,
  giveCode,
  heading,
  logInToLucy,
  setUpAuthy,
  setUpTotp,
  signInAgain,
} from './steps.ts';

const API_KEY = 'key-of-the-stand-in-authy';

function people(count: number): (Credentials & { readonly role: 'User' })[] {
  return Array.from({ length: count }, (_, at) => ({
    email: `person${at}@example.com`,
    password: `horse battery ${at}`,
    role: 'User',
  }));
}

describe.skipIf(whySkipChromium() !== undefined).each(['rotate', 'keep'] as const)(
  'Lucy, which answers a login with %s of its session id',
  (rotate) => {
    const users = people(20);
    let browser: Browser;
    let lucy: StandInLucy;
    let authy: StandInAuthy;
    let gateway: GatewayProcess;
    let context: BrowserContext;
    let page: Page;
    let next = 0;

    beforeAll(async () => {
      [browser, lucy, authy] = await Promise.all([
        launchChromium(),
        startStandInLucy({ rotate, users }),
        startStandInAuthy({ apiKey: API_KEY }),
      ]);
      gateway = await GatewayProcess.start({ upstream: lucy.url, authy: { url: authy.url, apiKey: API_KEY } });
    });
    afterAll(async () => {
      await browser?.close();
      await gateway?.remove();
      await Promise.all([lucy?.close(), authy?.close()]);
    });
    beforeEach(async () => {
      context = await openContext(browser);
      page = await context.newPage();
      page.setDefaultTimeout(15_000);
    });
    afterEach(() => context.close());

    /** Somebody nobody used yet: what one test spends is not missing in the next. */
    function somebody(): Credentials {
      const user = users[next];
      if (user === undefined) throw new Error('more people are needed');
      next += 1;
      return user;
    }

    const at = (path: string) => `${gateway.origin}${path}`;

    async function openLogin(path = '/admin'): Promise<void> {
      await page.goto(at(path));
      await heading(page, 'Login');
    }

    /** Enrols and passes the prompt; ends on the dashboard. */
    async function signInWithTotp(who: Credentials) {
      await openLogin();
      await logInToLucy(page, who);
      const app = await setUpTotp(page, gateway.origin);
      await openLogin();
      await logInToLucy(page, who);
      await giveCode(page, await app.code());
      await page.getByText(lucy.secretOf(who.email)).waitFor();
      return app;
    }

    async function signOutInAnotherTab(): Promise<void> {
      const other = await context.newPage();
      await other.goto(at('/_2fa/logout'));
      await other.getByRole('button', { name: 'Sign out' }).click();
      await other.getByLabel('Password').waitFor();
      await other.close();
    }

    it('goes the whole way: password, set-up, prompt, wrong and right token, logout', async () => {
      const who = somebody();
      await openLogin();
      await logInToLucy(page, who);
      await page.getByText(lucy.secretOf(who.email)).waitFor();

      const app = await setUpTotp(page, gateway.origin);
      await signInAgain(page);
      await heading(page, 'Login');
      await page.goto(at('/admin'));
      await heading(page, 'Login');
      expect(lucy.sessions().filter(({ email }) => email === who.email)).toEqual([]);

      await logInToLucy(page, who);
      await heading(page, 'Enter your security code');
      expect(page.url()).toBe(at('/_2fa/challenge'));
      await page.goto(at('/admin'));
      await heading(page, 'Enter your security code');
      await giveCode(page, app.wrongCode());
      await page.getByRole('alert').getByText('There is a problem').waitFor();
      await giveCode(page, await app.code());
      await page.getByText(lucy.secretOf(who.email)).waitFor();
      expect(page.url()).toBe(at('/admin'));
      expect(await cookieNames(page)).toEqual(['YII_CSRF_TOKEN', 'language', 'lucy2fa']);

      const cookies = await context.cookies();
      await page.getByRole('link', { name: /^Logout/ }).click();
      await heading(page, 'Login');
      expect(lucy.sessions().filter(({ email }) => email === who.email)).toEqual([]);
      await context.addCookies(cookies);
      await page.goto(at('/admin'));
      await heading(page, 'Login');
    });

    it('goes the whole way with Authy: country and phone first, a text, then tokens of the Authy app', async () => {
      const who = somebody();
      await openLogin();
      await logInToLucy(page, who);
      expect(authy.requests).toEqual([]);
      await setUpAuthy(page, gateway.origin, authy, '079 123 45 67');
      expect(authy.texts.map(({ to }) => to)).toEqual(['+41791234567']);
      // They installed the app meanwhile.
      const id =
        authy.requests.map(({ url }) => /\/sms\/(\d+)/.exec(url)?.[1]).find((found) => found !== undefined) ?? '';
      authy.register(id);

      await signInAgain(page);
      await logInToLucy(page, who);
      await heading(page, 'Enter your security code');
      const token = authy.appToken(id);
      await giveCode(page, token === '0000000' ? '1111111' : '0000000');
      await page.getByRole('alert').waitFor();
      await giveCode(page, token);
      await arrive(page, page.getByText(lucy.secretOf(who.email)));
    });

    it('leads to the page that was wanted, after the proof', async () => {
      const who = somebody();
      await openLogin();
      await logInToLucy(page, who);
      const app = await setUpTotp(page, gateway.origin);
      await openLogin('/admin/account?tab=phone');
      await logInToLucy(page, who);
      await giveCode(page, await app.code());
      await heading(page, 'Account');
      expect(page.url()).toBe(at('/admin/account?tab=phone'));
      expect(await page.getByLabel('Email').inputValue()).toBe(who.email);
    });

    it('does not let "Keep me logged in" go around the prompt', async () => {
      const who = somebody();
      await openLogin();
      await logInToLucy(page, who);
      const app = await setUpTotp(page, gateway.origin);
      await openLogin();
      await logInToLucy(page, who, true);
      await heading(page, 'Enter your security code');
      expect(await cookieNames(page)).toEqual(['YII_CSRF_TOKEN', 'language', 'lucy2fa']);
      await page.goto(at('/admin/files'));
      await heading(page, 'Enter your security code');
      await giveCode(page, await app.code());
      await page.getByText(who.email).first().waitFor();
      expect(await cookieNames(page)).toEqual(['YII_CSRF_TOKEN', 'language', 'lucy2fa']);
      // Without our cookie there is nothing that could log in by itself.
      await context.clearCookies({ name: 'lucy2fa' });
      await page.goto(at('/admin'));
      await heading(page, 'Login');
    });

    it('answers the polling of the dashboard, and with 401 and no HTML after the end of the session', async () => {
      await signInWithTotp(somebody());
      const good = page.waitForResponse(at('/admin/poll'));
      await page.evaluate('poll()');
      expect((await good).status()).toBe(200);
      await page.getByText(/^update \d+$/).waitFor();

      await signOutInAnotherTab();
      await page.evaluate('poll()');
      await page.getByText('stopped (401)').waitFor();
      const [type, body] = await page.evaluate<[string, string]>(
        `fetch('/admin/poll').then(async (answer) => [answer.headers.get('content-type'), await answer.text()])`,
      );
      expect(type).toMatch(/^application\/problem\+json/);
      expect(JSON.parse(body)).toMatchObject({ status: 401, challenge: '/admin/login' });
    });

    it('carries a WebSocket after the proof, and cuts it with the session', async () => {
      const who = somebody();
      await signInWithTotp(who);
      await page.evaluate(`window.heard = [];
        window.live = new WebSocket(location.origin.replace('http', 'ws') + '/admin/live');
        live.onmessage = (event) => heard.push(event.data);
        live.onclose = () => heard.push('closed');`);
      await page.waitForFunction('heard.length === 1');
      await page.evaluate(`live.send('are you there?')`);
      await page.waitForFunction('heard.length === 2');
      expect(await page.evaluate('heard')).toEqual([`hello ${who.email}`, 'are you there?']);
      await signOutInAnotherTab();
      await page.waitForFunction(`heard.includes('closed')`);
    });

    it('opens no WebSocket without a session, nor before the proof', async () => {
      const who = somebody();
      await openLogin();
      await logInToLucy(page, who);
      await setUpTotp(page, gateway.origin);
      await openLogin();
      await logInToLucy(page, who);
      await heading(page, 'Enter your security code');
      const pending = (await context.cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
      const before = lucy.requests.length;
      for (const cookie of [undefined, pending, `${pending}; PHPSESSID=aaaaaaaaaaaaaaaaaaaaaaaaaa`]) {
        const connection = await RawConnection.open(gateway.port);
        connection.send(
          rawBytes('GET', '/admin/live', [
            ['Host', new URL(gateway.origin).host],
            ['Origin', gateway.origin],
            ['Connection', 'Upgrade'],
            ['Upgrade', 'websocket'],
            ['Sec-WebSocket-Version', '13'],
            ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
            ...(cookie === undefined ? [] : [['Cookie', cookie] as const]),
          ]),
        );
        const answer = await connection.response('GET');
        expect(answer.status).toBe(401);
        expect(answer.text).not.toContain('hello');
        await connection.close();
      }
      expect(lucy.requests.slice(before)).toEqual([]);
    });

    it('uploads and downloads whole files', async () => {
      await signInWithTotp(somebody());
      const bytes = Buffer.concat([...downloadBytes(3 * 1024 * 1024)]);
      await page.goto(at('/admin/files'));
      await page.getByLabel('File').setInputFiles({ name: 'report.bin', mimeType: 'application/pdf', buffer: bytes });
      await page.getByRole('button', { name: 'Upload' }).click();
      await page.waitForURL(at('/admin/upload'));
      expect(JSON.parse(await page.locator('body').innerText())).toMatchObject({
        file: { name: 'report.bin', size: bytes.length, sha256: sha256([bytes]) },
      });

      await page.goto(at('/admin/files'));
      const arriving = page.waitForEvent('download');
      await page.getByRole('link', { name: 'Download a report (5 MB)' }).click();
      const path = await (await arriving).path();
      const hash = createHash('sha256');
      for await (const chunk of createReadStream(path)) hash.update(chunk);
      expect(hash.digest('hex')).toBe(sha256(downloadBytes(5 * 1024 * 1024)));
    });

    it('asks again when somebody else logs in over a verified session', async () => {
      const [first, second] = [somebody(), somebody()];
      await openLogin();
      await logInToLucy(page, second);
      const app = await setUpTotp(page, gateway.origin);
      await signInWithTotp(first);

      // Lucy shows no login page to who is logged in; a form of another tab is still there.
      await page.goto(at('/admin/account'));
      await page.evaluate(`(() => {
        const form = document.querySelector('form');
        form.action = '/admin/login';
        for (const [name, value] of ${JSON.stringify([
          ['LoginForm[email]', second.email],
          ['LoginForm[password]', second.password],
        ])}) {
          const input = document.createElement('input');
          input.name = name;
          input.value = value;
          form.append(input);
        }
        form.submit();
      })()`);
      await heading(page, 'Enter your security code');
      await page.getByText(second.email).waitFor();
      await page.goto(at('/admin'));
      await heading(page, 'Enter your security code');
      await giveCode(page, await app.code());
      await page.getByText(lucy.secretOf(second.email)).waitFor();
      expect(await page.content()).not.toContain(lucy.secretOf(first.email));
    });

    it('keeps people signed in over a restart and over kill -9', async () => {
      const who = somebody();
      await signInWithTotp(who);
      expect(await gateway.terminate()).toEqual({ code: 0, signal: null });
      await gateway.start();
      await page.goto(at('/admin/account'));
      expect(await page.getByLabel('Email').inputValue()).toBe(who.email);
      await gateway.kill();
      await gateway.start();
      await page.goto(at('/admin'));
      await page.getByText(lucy.secretOf(who.email)).waitFor();
    });
  },
);

function sha256(chunks: Iterable<Buffer>): string {
  const hash = createHash('sha256');
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}
