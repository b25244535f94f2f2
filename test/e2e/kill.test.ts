/**
 * kill -9 in the middle of enrolments, again and again: what a person was told is on, is on after the restart (I9), and the
 * gateway always starts. The moment of the kill is random, around the confirmation.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StandInLucy, startStandInLucy } from '../../src/demo/stand-in-lucy/server.ts';
import { FakeBrowser, type Page } from '../fakes/browser.ts';
import { Authenticator } from './authenticator.ts';
import { GatewayProcess } from './gateway-process.ts';

const ROUNDS = 20;
const FIRST_KILL_MS = 20;

const users = Array.from({ length: 25 }, (_, at) => ({
  email: `person${at}@example.com`,
  password: `horse battery ${at}`,
  role: 'User' as const,
}));

type Told = 'confirmed' | 'not-confirmed';

describe('kill -9 during enrolments', () => {
  let lucy: StandInLucy;
  let gateway: GatewayProcess;
  beforeAll(async () => {
    lucy = await startStandInLucy({ users });
    gateway = await GatewayProcess.start({ upstream: lucy.url });
  });
  afterAll(async () => {
    await gateway?.remove();
    await lucy?.close();
  });

  const browse = () => new FakeBrowser({ origin: gateway.origin, port: gateway.port });

  async function logIn(browser: FakeBrowser, at: number): Promise<Page> {
    const user = users[at];
    if (user === undefined) throw new Error('more users are needed');
    const form = await browser.get('/admin/login');
    return browser.submit(form, { 'LoginForm[email]': user.email, 'LoginForm[password]': user.password });
  }

  /** @returns what the person saw before the connection broke. */
  async function enrolAndKill(at: number, killAfterMs: number): Promise<{ told: Told; app: Authenticator }> {
    const browser = browse();
    await logIn(browser, at);
    const intro = await browser.get('/_2fa/enrol/totp');
    const page = await browser.post('/_2fa/enrol/totp', { csrf: intro.hidden['csrf'] ?? '' });
    const secret = /id="totp-key"[^>]*>([A-Z2-7 ]+)</.exec(page.html)?.[1];
    if (secret === undefined) throw new Error(`no key on the page: ${page.html}`);
    const app = new Authenticator(secret);
    const confirming = browser
      .submit(page, { code: await app.code() })
      .then((answer): Told => {
        if (!answer.html.includes('Two-factor authentication is on')) throw new Error(answer.html);
        return 'confirmed';
      })
      .catch((error: unknown): Told => {
        // A broken connection is the point of this test; a refusal is not.
        if (error instanceof Error && error.message.includes('<html')) throw error;
        return 'not-confirmed';
      });
    await new Promise((resolve) => setTimeout(resolve, killAfterMs));
    await gateway.kill();
    return { told: await confirming, app };
  }

  it(`keeps each of ${ROUNDS} confirmed enrolments, and starts each time`, async () => {
    const confirmed = new Map<number, Authenticator>();
    const told: Told[] = [];
    // How long a confirmation takes depends on the machine: earlier after a confirmed one, later after a broken one.
    let killAfterMs = FIRST_KILL_MS;
    for (let round = 0; round < ROUNDS; round += 1) {
      const outcome = await enrolAndKill(round, killAfterMs * (0.75 + Math.random() / 2));
      killAfterMs *= outcome.told === 'confirmed' ? 0.7 : 1.4;
      told.push(outcome.told);
      if (outcome.told === 'confirmed') confirmed.set(round, outcome.app);
      await gateway.start();
      const prompt = await logIn(browse(), round);
      if (outcome.told === 'confirmed') expect(prompt.url.pathname, `person ${round}`).toBe('/_2fa/challenge');
    }
    expect(new Set(told), 'kills came both before and after').toEqual(new Set(['confirmed', 'not-confirmed']));
    // All of them once more, after all the restarts, and the secret is the one that the person has.
    for (const [at, app] of confirmed) {
      const browser = browse();
      const prompt = await logIn(browser, at);
      expect(prompt.url.pathname, `person ${at}`).toBe('/_2fa/challenge');
      const inside = await browser.submit(prompt, { code: await app.code() });
      expect(inside.url.pathname, `person ${at}`).toBe('/admin');
    }
    const spare = await logIn(browse(), ROUNDS);
    expect(spare.url.pathname, 'somebody who never enrolled').toBe('/admin');
  });
});
