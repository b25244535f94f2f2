/** A token of ours where two gateways share one store, whatever kind of store it is: good through both, and over through both. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FakeBrowser, Page } from '../fakes/browser.ts';
import { startTokenApp, TOKEN_PROFILE, type TokenApp } from '../fakes/token-app.ts';
import { BOBS_SECRET, cookieOf, raw } from './attack-steps.ts';
import { ALICE, BOB, Harness } from './harness.ts';
import { call, expectTokensApart, login, proveFactor, signInWithToken, tokenIn } from './token-steps.ts';
import type { SharedKind } from './two-gateways.ts';

export function tokensThroughTwoGateways(kind: string, open: () => SharedKind | Promise<SharedKind>): void {
  describe(`tokens through two gateways over ${kind}`, () => {
    let app: TokenApp;
    let h: Harness;
    let mine: FakeBrowser;

    beforeEach(async () => {
      const shared = await open();
      app = await startTokenApp({ [ALICE.email]: ALICE.password, [BOB.email]: BOB.password });
      h = await Harness.start({
        profile: TOKEN_PROFILE,
        upstreamUrl: app.url,
        stores: (clock) => shared.stores(clock),
      });
      await h.enrolTotp(ALICE.email);
      await h.enrolTotp(BOB.email, BOBS_SECRET);
      mine = h.browser();
    });
    afterEach(async () => {
      expectTokensApart(app, [mine]);
      await h.close();
      await app.close();
    });

    function through<T>(gateway: 0 | 1, doing: () => Promise<T>): Promise<T> {
      if (h.front !== undefined) h.front.turn = gateway;
      return doing();
    }
    const answerOf = (gateway: 0 | 1, ours: string, target?: string, method?: string): Promise<Page> =>
      through(gateway, () => call(mine, ours, target, method));
    const statusOf = async (gateway: 0 | 1, ours: string): Promise<number> => (await answerOf(gateway, ours)).status;

    it('what one hands over, the other knows at once, and a logout through one ends it through the other', async () => {
      const { ours } = await signInWithToken(h, mine);
      for (const gateway of [1, 0, 1, 0] as const) {
        expect((await answerOf(gateway, ours)).html).toContain(`secret-of-${ALICE.email}`);
      }
      const next = tokenIn(await answerOf(1, ours, '/api/refresh', 'POST'));
      for (const gateway of [0, 1, 0, 1] as const) {
        expect([await statusOf(gateway, next), await statusOf(gateway, ours)]).toEqual([200, 200]);
      }
      const cookie = cookieOf(mine);
      await answerOf(0, next, '/api/logout', 'POST');
      for (const gateway of [1, 0] as const) {
        for (const token of [next, ours]) {
          const headers = [['Cookie', cookie] as const, ['Authorization', `Bearer ${token}`] as const];
          expect((await through(gateway, () => raw(h, 'GET', '/api/things', headers))).status).toBe(401);
        }
      }
    });

    it('new ones that both ask for at the same time are all good, through both', async () => {
      const { ours } = await signInWithToken(h, mine);
      const answers = await Promise.all(
        ([0, 1, 0] as const).map((gateway) => answerOf(gateway, ours, '/api/refresh', 'POST')),
      );
      for (const token of [ours, ...answers.map(tokenIn)]) {
        for (const gateway of [0, 1] as const) expect(await statusOf(gateway, token)).toBe(200);
      }
    });

    it('a fresh proof through one moves them along, and another login through one takes them from both', async () => {
      const { ours } = await signInWithToken(h, mine);
      const old = cookieOf(mine);
      const page = await mine.get('/_2fa/step-up?to=%2F');
      h.clock.advance(30_000);
      await mine.submit(page, { code: h.totp() }, { followRedirects: false });
      expect(cookieOf(mine)).not.toBe(old);
      for (const gateway of [0, 1] as const) {
        expect(await statusOf(gateway, ours)).toBe(200);
        const headers = [['Cookie', old] as const, ['Authorization', `Bearer ${ours}`] as const];
        expect((await through(gateway, () => raw(h, 'GET', '/api/things', headers))).status).toBe(401);
      }
      expect((await through(1, () => login(mine, BOB))).status).toBe(401);
      for (const gateway of [0, 1] as const) expect(await statusOf(gateway, ours)).toBe(401);
    });

    it('of many logins that are sent again through both, one gets the answer', async () => {
      await proveFactor(h, mine);
      const answers = await Promise.all(Array.from({ length: 8 }, () => login(mine)));
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    });
  });
}
