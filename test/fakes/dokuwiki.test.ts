/**
 * Proves that the wiki which other tests put behind the gateway is a working one: it logs in, keeps a private page private,
 * and has the habits that make it a hard case.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeBrowser } from './browser.ts';
import { ALICE_DIARY, DOKUWIKI_USERS, type DokuWiki, START_TEXT, startDokuWiki, whySkipDokuWiki } from './dokuwiki.ts';

const skip = whySkipDokuWiki();
const DIARY = '/doku.php?id=private:alice:diary';

describe.skipIf(skip !== undefined)(`DokuWiki${skip === undefined ? '' : ` (skipped: ${skip})`}`, () => {
  let wiki: DokuWiki;
  beforeAll(async () => {
    wiki = await startDokuWiki();
  }, 60_000);
  afterAll(() => wiki?.stop());

  const browse = () => new FakeBrowser({ origin: wiki.url, port: wiki.port });
  const logIn = async (browser: FakeBrowser, user: keyof typeof DOKUWIKI_USERS, password?: string) => {
    const form = await browser.get('/doku.php?id=start&do=login');
    return browser.submit(form, { u: user, p: password ?? DOKUWIKI_USERS[user].password });
  };

  test('everybody may read the start page, nobody without a login the diary', async () => {
    const browser = browse();
    expect((await browser.get('/doku.php?id=start')).html).toContain(START_TEXT);
    const diary = await browser.get(DIARY);
    expect(diary.html).not.toContain(ALICE_DIARY);
    expect(diary.html).toContain('Permission Denied');
  });

  test('alice logs in by the form, is named on the page and reads her diary', async () => {
    const browser = browse();
    await browser.get('/doku.php?id=start');
    const before = browser.cookie('DokuWiki');
    const page = await logIn(browser, 'alice');
    expect(page.history.map(({ status }) => status)).toEqual([302]);
    expect(page.html).toMatch(/class="user">.*Alice Example.*\(<bdi>alice<\/bdi>\)/);
    expect((await browser.get(DIARY)).html).toContain(ALICE_DIARY);
    // The habits that profiles and gate are tested against: the session id stays, a second cookie comes.
    expect(browser.cookie('DokuWiki')).toBe(before);
    expect(browser.cookies.filter(({ name }) => /^DW[0-9a-f]{32}$/.test(name))).toHaveLength(1);
  });

  test('bob logs in with his older hash and does not read the diary of alice', async () => {
    const browser = browse();
    expect((await logIn(browser, 'bob')).html).toContain('<bdi>bob</bdi>');
    expect((await browser.get(DIARY)).html).not.toContain(ALICE_DIARY);
  });

  test('a wrong password logs nobody in', async () => {
    const browser = browse();
    const page = await logIn(browser, 'alice', 'wrong');
    expect(page.html).toContain('name="p"');
    expect((await browser.get(DIARY)).html).not.toContain(ALICE_DIARY);
  });

  test('logging out ends the session of the browser', async () => {
    const browser = browse();
    const page = await logIn(browser, 'alice');
    const token = /do=logout&amp;sectok=([0-9a-f]+)/.exec(page.html)?.[1] ?? '';
    await browser.get(`/doku.php?id=start&do=logout&sectok=${token}`);
    expect((await browser.get(DIARY)).html).not.toContain(ALICE_DIARY);
  });

  test('credentials in the query log in without any form', async () => {
    const browser = browse();
    const { login, password } = DOKUWIKI_USERS.alice;
    await browser.get(`/doku.php?id=start&u=${login}&p=${encodeURIComponent(password)}`);
    expect((await browser.get(DIARY)).html).toContain(ALICE_DIARY);
  });

  test('the administrator reaches the administration', async () => {
    const browser = browse();
    const home = await logIn(browser, 'admin');
    expect(home.status).toBe(200);
    expect((await browser.get('/doku.php?id=start&do=admin')).html).toContain('page=usermanager');
  });
});
