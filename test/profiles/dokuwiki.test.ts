import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadProfile } from '../../src/profiles/load.ts';
import type { Answer, Profile } from '../../src/profiles/profile.ts';
import { ask } from './ask.ts';
import { type DokuWiki, hasDokuWiki, startDokuWiki } from './dokuwiki.ts';

/** One browser without redirects: keeps cookies as they are set and deleted. */
class Visitor {
  readonly cookies = new Map<string, string>();
  readonly #origin: string;
  constructor(origin: string) {
    this.#origin = origin;
  }

  async get(path: string): Promise<Answer> {
    return this.#send('GET', path);
  }

  async post(path: string, fields: Record<string, string>): Promise<Answer> {
    return this.#send('POST', path, new URLSearchParams(fields).toString());
  }

  async #send(method: string, path: string, body?: string): Promise<Answer> {
    const headers: Record<string, string> = { 'accept-encoding': 'identity' };
    if (this.cookies.size > 0) headers.cookie = [...this.cookies].map((pair) => pair.join('=')).join('; ');
    if (body !== undefined) headers['content-type'] = 'application/x-www-form-urlencoded';
    const answer = await new Promise<Answer>((resolve, reject) => {
      const asked = request(new URL(path, this.#origin), { method, headers, agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const raw = response.rawHeaders;
          const pairs = Array.from({ length: raw.length / 2 }, (_, i) => {
            return [(raw[2 * i] ?? '').toLowerCase(), raw[2 * i + 1] ?? ''] as const;
          });
          resolve({ status: response.statusCode ?? 0, headers: pairs, body: Buffer.concat(chunks) });
        });
      });
      asked.on('error', reject);
      asked.end(body);
    });
    for (const [name, line] of answer.headers) {
      if (name !== 'set-cookie') continue;
      const [, cookie = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === 'deleted') this.cookies.delete(cookie);
      else this.cookies.set(cookie, value);
    }
    return answer;
  }
}

describe.skipIf(!hasDokuWiki)('the DokuWiki profile against a real DokuWiki', () => {
  let wiki: DokuWiki;
  let profile: Profile;

  beforeAll(async () => {
    wiki = await startDokuWiki({ alice: 'right-1', bob: 'right-2' });
    const loaded = await loadProfile({ ref: 'dokuwiki', folder: '.' });
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
    profile = loaded.profile;
  }, 60_000);
  afterAll(() => wiki?.stop());

  const whoami = async (visitor: Visitor) => profile.whoami?.read(await visitor.get(profile.whoami.path));

  test('a visitor is nobody, and the login page is open', async () => {
    const visitor = new Visitor(wiki.origin);
    expect(await whoami(visitor)).toEqual({ is: 'nobody' });
    const page = await visitor.get(profile.loginPage);
    expect(page.body.toString()).toContain('name="p"');
    expect(ask(profile, `GET ${profile.loginPage}`).class).toBe('login');
  });

  test('a wrong password is rejected, by the rules and by the wiki', async () => {
    const visitor = new Visitor(wiki.origin);
    await visitor.get('/doku.php?id=start');
    expect(profile.judge(await visitor.post('/doku.php?id=start', { do: 'login', u: 'alice', p: 'wrong' }))).toBe(
      'rejected',
    );
    expect(await whoami(visitor)).toEqual({ is: 'nobody' });
  });

  test.each(['alice', 'ALICE', ' alice '])(
    'the right password of "%s" is alice, whatever the full name says',
    async (typed) => {
      const visitor = new Visitor(wiki.origin);
      await visitor.get('/doku.php?id=start');
      expect(profile.judge(await visitor.post('/doku.php?id=start', { do: 'login', u: typed, p: 'right-1' }))).toBe(
        'accepted',
      );
      expect(await whoami(visitor)).toEqual({ is: 'named', identity: 'alice' });
      expect(profile.identify(typed)).toBe('alice');
    },
  );

  test('any page logs in by its fields, and the profile sees it', async () => {
    const visitor = new Visitor(wiki.origin);
    await visitor.post('/doku.php?id=other&do=show', { u: 'bob', p: 'right-2' });
    expect(await whoami(visitor)).toEqual({ is: 'named', identity: 'bob' });
    expect(ask(profile, 'POST /doku.php?id=other&do=show', { body: 'u=bob&p=right-2' }).login?.user).toBe('bob');
  });

  test('credentials in a query log in, which is why they are refused there', async () => {
    const visitor = new Visitor(wiki.origin);
    await visitor.get('/doku.php?id=start&u=bob&p=right-2');
    expect(await whoami(visitor)).toEqual({ is: 'named', identity: 'bob' });
    expect(profile.isForbiddenInQuery('u') && profile.isForbiddenInQuery('p')).toBe(true);
  });

  test('the link that the profile finds ends the session', async () => {
    const visitor = new Visitor(wiki.origin);
    await visitor.post('/doku.php', { do: 'login', u: 'alice', p: 'right-1' });
    const [way] = profile.signOut;
    const page = await visitor.get(profile.whoami?.path ?? '');
    const link = way?.findOn?.(page) ?? '';
    expect(link).toMatch(/^\/doku\.php\?.*do=logout&sectok=[0-9a-f]{32}$/);
    expect(ask(profile, `GET ${link}`).isLogout).toBe(true);
    await visitor.get(link);
    expect(await whoami(visitor)).toEqual({ is: 'nobody' });
  });

  test('everything that the login page loads is open, less what only logged-in people need', async () => {
    const page = (await new Visitor(wiki.origin).get(profile.loginPage)).body.toString();
    const assets = [...page.matchAll(/<(?:link|script|img)[^>]+(?:href|src)="(\/[^/"][^"]*)"/g)]
      .map(([, address = '']) => address.replaceAll('&amp;', '&'))
      .filter((address) => /\.(?:css|js|php|png|gif|ico|svg)\b/.test(address));
    const closed = assets.filter((address) => ask(profile, `GET ${address}`).class === 'protected');
    expect(assets.length).toBeGreaterThan(5);
    expect(closed.filter((address) => !/taskrunner|feed\.php|doku\.php/.test(address))).toEqual([]);
  });
});
