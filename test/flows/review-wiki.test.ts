/** A wiki that anybody may read, and a stolen password: every page of it is a login form, and none may answer to one. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import {
  ALICE_DIARY,
  DOKUWIKI_USERS,
  type DokuWiki,
  START_TEXT,
  startDokuWiki,
  whySkipDokuWiki,
} from '../fakes/dokuwiki.ts';
import { FORM_TYPE, raw } from './attack-steps.ts';
import { Harness } from './harness.ts';

const { login, password } = DOKUWIKI_USERS.alice;
const FIELDS = `u=${login}&p=${encodeURIComponent(password)}`;
const part = (name: string, value: string) =>
  `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;

describe.skipIf(whySkipDokuWiki() !== undefined)('a public DokuWiki', () => {
  let wiki: DokuWiki;
  let h: Harness;

  beforeAll(async () => {
    wiki = await startDokuWiki();
    const shipped: Record<string, unknown> = parse(await readFile('config/profiles/dokuwiki.yaml', 'utf8'));
    const { name: _name, whoami, ...rest } = shipped;
    const profile = { ...rest, access: 'public', whoami: { ...Object(whoami), attribute: null } };
    h = await Harness.start({ upstreamUrl: wiki.url, profile });
    await h.enrolTotp(login);
  }, 60_000);
  afterAll(async () => {
    await h.close();
    await wiki.stop();
  });

  const diaryFeed = '/feed.php?mode=list&ns=private:alice&content=html';
  it.each([
    diaryFeed,
    '/?id=private:alice:diary',
    '/index.php?id=private:alice:diary&do=export_raw',
    '/doku.php?id=private:alice:diary&do=export_raw',
    '/doku.php/x?id=private:alice:diary',
    '/lib/exe/mediamanager.php?ns=private:alice',
    '/lib/exe/fetch.php?media=private:alice:x.png',
  ])('POST %s with a password is answered by no page of the application', async (target) => {
    for (const [type, body] of [
      [FORM_TYPE, FIELDS],
      [FORM_TYPE, `x=${'x'.repeat(70_000)}&${FIELDS}`],
      [`${FORM_TYPE}; charset=latin1`, FIELDS],
      ['multipart/form-data; boundary=b', `${part('u', login)}${part('p', password)}--b--\r\n`],
    ] as const) {
      const answer = await raw(
        h,
        'POST',
        target,
        [
          ['Content-Type', type],
          ['Accept', 'text/html'],
        ],
        body,
      );
      expect([303, 400, 413, 415], `${type} ${answer.status}`).toContain(answer.status);
      expect(answer.received.toString('utf8')).not.toContain(ALICE_DIARY);
    }
  });

  it.each([`${'a&'.repeat(500)}${FIELDS}`, `${'a&'.repeat(900)}${FIELDS}`, `${'a;'.repeat(900)}&${FIELDS}`])(
    'no number of fields hides a password in the query (%#)',
    async (rest) => {
      const answer = await raw(h, 'GET', `${diaryFeed}&${rest}`, [['Accept', 'text/html']]);
      expect(answer.received.toString('utf8')).not.toContain(ALICE_DIARY);
      expect(answer.status).toBe(400);
    },
  );

  it('still takes other posts from anybody', async () => {
    const answer = await raw(h, 'POST', '/feed.php', [['Content-Type', FORM_TYPE]], 'mode=list');
    expect(answer.status).toBe(200);
    expect((await raw(h, 'GET', '/doku.php?id=start')).text).toContain(START_TEXT);
  });
});
