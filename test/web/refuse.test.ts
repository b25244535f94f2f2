/** Refusals of the gate, and the table of outcomes: every code has a status, a sentence and a page. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RefusalCode } from '../../src/ceremonies/outcomes.ts';
import { type OutcomeFacts, outcomeOf, REFUSALS } from '../../src/web/outcomes.ts';
import { PAGES } from '../../src/web/pages.ts';
import type { GatePage, Web } from '../../src/web/web.ts';
import { RawConnection, rawBytes } from '../fakes/raw-http.ts';
import { World } from './world.ts';

type Facts = Parameters<Web['refuse']>[3];

let world: World;
let server: Server;
let origin: string;
let next: { page: GatePage; facts: Facts };

beforeEach(async () => {
  world = await new World().start();
  server = createServer((req, res) => {
    res.setHeader('X-Half-Built', 'secret');
    world.web.refuse(req, res, next.page, next.facts);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await world.stop();
});

const facts = (more: Partial<Facts> = {}): Facts => ({ requestId: 'req-42', asPage: true, ...more });
const OWN = ['not-found', 'form-refused', 'no-way-in'];
const GATE_PAGES = (Object.keys(PAGES) as (keyof typeof PAGES)[]).filter(
  (page): page is GatePage => !OWN.includes(page),
);

it('keeps the connection for a request without a body, and ends it when a body was left unread', async () => {
  next = { page: 'not-signed-in', facts: facts({ asPage: false }) };
  const connection = await RawConnection.open(Number(new URL(origin).port));
  for (let round = 0; round < 2; round += 1) {
    connection.send(rawBytes('GET', '/admin/poll', [['Host', 'lucy.test']]));
    const answer = await connection.response('GET');
    expect([answer.status, answer.header('connection')]).toEqual([401, 'keep-alive']);
  }
  connection.send(
    'POST /admin/upload HTTP/1.1\r\nHost: lucy.test\r\nContent-Length: 1000000\r\n\r\nonly the beginning',
  );
  const answer = await connection.response('POST');
  expect([answer.status, answer.header('connection')]).toEqual([401, 'close']);
  await connection.close();
});

describe('each refusal of the gate', () => {
  for (const page of GATE_PAGES) {
    it(`${page}: a page for people, a problem document for programs`, async () => {
      next = { page, facts: facts() };
      const html = await fetch(origin);
      expect(html.status).toBe(PAGES[page].status);
      expect(html.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(html.headers.get('cache-control')).toBe('no-store');
      expect(html.headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(html.headers.get('x-half-built')).toBeNull();
      const text = await html.text();
      expect(text).toContain('req-42');
      expect(text).toContain(`<h1>${PAGES[page].title}</h1>`);
      expect(text).not.toMatch(/<form|csrf/);

      next = { page, facts: facts({ asPage: false, challenge: '/_2fa/challenge' }) };
      const problem = await fetch(origin);
      expect(problem.status).toBe(PAGES[page].status);
      expect(problem.headers.get('content-type')).toBe('application/problem+json');
      expect(problem.headers.get('cache-control')).toBe('no-store');
      expect(await problem.json()).toMatchObject({
        type: 'about:blank',
        status: PAGES[page].status,
        title: expect.any(String),
        detail: expect.stringContaining(PAGES[page].title),
        code: page,
        requestId: 'req-42',
        challenge: '/_2fa/challenge',
      });
    });
  }

  it('tells when to come back, rounded up, and passes cookies on', async () => {
    next = { page: 'too-many-logins', facts: facts({ retryAfterMs: 1500, setCookies: ['a=b; Path=/', 'c=d'] }) };
    const answer = await fetch(origin);
    expect(answer.headers.get('retry-after')).toBe('2');
    expect(answer.headers.getSetCookie()).toEqual(['a=b; Path=/', 'c=d']);
  });

  it('has no body for HEAD', async () => {
    next = { page: 'not-signed-in', facts: facts() };
    const answer = await fetch(origin, { method: 'HEAD' });
    expect([answer.status, await answer.text()]).toEqual([401, '']);
  });

  it('cuts an answer off that has begun already', async () => {
    server.removeAllListeners('request');
    server.on('request', (req, res) => {
      res.writeHead(200, { 'Content-Length': '10' });
      res.write('half');
      world.web.refuse(req, res, 'internal', facts());
    });
    await expect(fetch(origin).then((answer) => answer.text())).rejects.toThrow();
  });
});

describe('each refusal of a ceremony', () => {
  for (const code of Object.keys(REFUSALS) as RefusalCode[]) {
    it(`${code} has a status and sentences, with and without facts`, () => {
      const outcome = outcomeOf(code);
      const now = world.clock.now();
      const rich: OutcomeFacts = {
        now,
        until: now + 3_600_000,
        left: 1,
        digits: { min: 6, max: 6 },
        wrongInARow: 3,
        factor: 'totp',
      };
      for (const given of [{ now }, rich]) {
        const sentences = outcome.say(given);
        expect(sentences.length).toBeGreaterThan(0);
        for (const sentence of sentences) {
          expect(sentence).toMatch(/^[A-Z]/);
          expect(sentence).not.toMatch(/undefined|NaN|\[object/);
        }
      }
      expect([200, 401, 403, 409, 422, 429, 503]).toContain(outcome.status);
    });
    it(`${code} renders at the prompt`, async () => {
      world.addFactor('totp');
      const alice = await world.person('challenge');
      world.ceremonies.refuseNext({ ok: false, code, until: world.clock.now() + 60_000 });
      const page = await alice.post('/challenge', { way: 'totp-1', code: '111111' });
      const expected = code === 'session-gone' ? 401 : outcomeOf(code).status;
      expect(page.status).toBe(expected);
      expect(page.text).toContain('<h1>');
      expect(world.logged.at(-1)?.facts).toMatchObject({ requestId: 'req-0001' });
    });
  }
});
