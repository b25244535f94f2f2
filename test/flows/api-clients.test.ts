/** Programs: shut out with a clear word as delivered, let in by the credential of an API client, and told apart from people. */
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { makeCredential } from '../../src/request/client-credential.ts';
import { type Header, RawConnection, rawBytes } from '../fakes/raw-http.ts';
import { signIn } from './attack-steps.ts';
import { ALICE, BOB, Harness, type HarnessOptions } from './harness.ts';

const REPORTS = makeCredential('reports', randomBytes);
const BACKUP = makeCredential('backup', randomBytes);
const LOGIN = { class: 'login', methods: ['GET', 'POST'], path: '/admin/login' };
const FOR_REPORTS = { class: 'service', prefix: '/api', clients: ['reports'] };

let h: Harness;
afterEach(() => h.close());

async function start(routes: readonly unknown[] = [FOR_REPORTS, LOGIN], options: HarnessOptions = {}): Promise<void> {
  const apiClients = [
    { name: 'reports', hash: REPORTS.hash },
    { name: 'backup', hash: BACKUP.hash },
  ];
  h = await Harness.start({ apiClients, profile: { routes }, ...options });
}

/** A request as curl and the like send it. */
async function program(method: string, target: string, headers: readonly Header[], body?: unknown) {
  const connection = await RawConnection.open(h.port);
  try {
    const type: Header[] = body === undefined ? [] : [['Content-Type', 'application/json']];
    const all: Header[] = [['Host', `127.0.0.1:${h.port}`], ['Accept', '*/*'], ...type, ...headers];
    connection.send(rawBytes(method, target, all, body === undefined ? undefined : Buffer.from(JSON.stringify(body))));
    const answer = await connection.response(method);
    return { status: answer.status, header: answer.header, text: answer.text };
  } finally {
    await connection.close();
  }
}

const shown = (credential: string): Header => ['X-2FA-Client', credential];
const asked = (): string[] => h.app.requests.map(({ method, url }) => `${method} ${url}`);

describe('as delivered', () => {
  it.each([
    ['a token for a password', 'POST', '/api/auth', [], BOB],
    ['a token', 'GET', '/api/users', [['Authorization', 'Bearer eyJhbGciOiJIUzUxMiJ9.e30.x']], undefined],
    ['Basic', 'GET', '/admin', [['Authorization', 'Basic Ym9iOmJhdHRlcnk=']], undefined],
  ] as const)('%s opens nothing, and the answer says what would', async (_, method, target, headers, body) => {
    h = await Harness.start();
    const answer = await program(method, target, headers, body);
    expect(answer.status).toBe(401);
    expect(answer.header('content-type')).toBe('application/problem+json');
    // A scheme of ours: a browser that gets it asks nobody for a password.
    expect(answer.header('www-authenticate')).toBe('X-2FA-Client realm="API clients"');
    const problem: unknown = JSON.parse(answer.text);
    expect(problem).toMatchObject({ code: 'api-client-needed', detail: expect.stringContaining('administrator') });
    expect(asked()).toEqual([]);
  });

  it('a page that a person looks at leads to the login all the same', async () => {
    h = await Harness.start();
    const page = await h.browser().get('/admin', { headers: [['Authorization', 'Basic Ym9iOmJhdHRlcnk=']] });
    expect(page.url.pathname).toBe('/admin/login');
    expect(JSON.stringify(h.app.requests).includes('Ym9iOmJhdHRlcnk=')).toBe(false);
  });
});

describe('with the credential of its client', () => {
  it('a program gets its token and uses it, and the application never sees the credential', async () => {
    await start();
    const login = await program('POST', '/api/auth', [shown(REPORTS.credential)], BOB);
    expect(login.status).toBe(200);
    const { token } = JSON.parse(login.text) as { token: string };
    const both: Header[] = [shown(REPORTS.credential), ['Authorization', `Bearer ${token}`]];
    expect((await program('GET', '/api/users', both)).status).toBe(200);
    expect((await program('GET', '/api/users', [['Authorization', `Bearer ${token}`]])).status).toBe(401);
    expect(asked()).toEqual(['POST /api/auth', 'GET /api/users']);
    for (const { headers } of h.app.requests) expect(JSON.stringify(headers)).not.toMatch(/2fa-client|reports/i);
    expect(h.logged.join('')).not.toContain(REPORTS.credential);
  });

  it('it opens its own routes only', async () => {
    await start();
    for (const target of ['/admin', '/API/users', '/api/../admin', '/apis']) {
      expect((await program('GET', target, [shown(REPORTS.credential)])).status, target).not.toBe(200);
    }
    expect((await program('POST', '/api/auth', [shown(BACKUP.credential)], BOB)).status).toBe(401);
    expect(asked()).toEqual([]);
  });

  it('with a network besides, both must hold', async () => {
    await start([{ ...FOR_REPORTS, from: ['10.0.0.0/8'] }, LOGIN]);
    expect((await program('POST', '/api/auth', [shown(REPORTS.credential)], BOB)).status).toBe(401);
    expect(asked()).toEqual([]);
  });

  it('the jar of a person stays where it is', async () => {
    await start();
    const browser = await signIn(h, ALICE);
    const before = h.app.requests.length;
    await browser.get('/api/users', { as: 'fetch', headers: [shown(REPORTS.credential)] });
    const [seen, ...more] = h.app.requests.slice(before);
    expect(seen?.url).toBe('/api/users');
    expect(seen?.cookie ?? '').not.toContain('PHPSESSID');
    expect(more).toEqual([]);
  });
});

describe('with another credential', () => {
  it('nothing passes, not even what is open to anybody, and the log says who and never what', async () => {
    await start();
    const wrong = `reports.${BACKUP.credential.split('.')[1]}`;
    for (const target of ['/api/users', '/admin/login', '/assets/app.css']) {
      const answer = await program('GET', target, [shown(wrong)]);
      expect(answer.status).toBe(401);
      expect(JSON.parse(answer.text)).toMatchObject({ code: 'api-client-unknown' });
    }
    expect(asked()).toEqual([]);
    const refused = h.logged.filter((line) => line.includes('authn_client_refused'));
    expect(refused).toHaveLength(3);
    expect(refused[0]).toContain('"name":"reports"');
    expect(h.logged.join('')).not.toContain(wrong.slice(8));
  });

  it('is counted for the address, and a right one from there is let in all the same', async () => {
    await start();
    const seen = new Set<number>();
    for (let i = 0; i < 22; i += 1) seen.add((await program('GET', '/api/users', [shown('reports.x')])).status);
    expect([...seen]).toEqual([401, 429]);
    expect((await program('POST', '/api/auth', [shown(REPORTS.credential)], BOB)).status).toBe(200);
  });
});
