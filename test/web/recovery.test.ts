/** Recovery codes on the pages: shown once, in one answer, and nowhere else; used at the prompt; counted on the account page. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { refusal } from '../../src/ceremonies/outcomes.ts';
import { CODES, RIGHT_CODE } from './ceremonies-double.ts';
import { World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await new World().start();
});
afterEach(() => world.stop());

const FIRST = CODES[0] ?? '';

describe('codes that were made', () => {
  it('come with the first factor, in the page that says it is on', async () => {
    world.ceremonies.recovery = { left: CODES.length };
    const alice = await world.person('pass');
    await alice.post('/enrol/totp', {});
    const page = await alice.post('/enrol/totp/confirm', { code: RIGHT_CODE });
    expect([page.status, page.headers['cache-control']]).toEqual([200, 'no-store']);
    for (const code of CODES) expect(page.text).toContain(`<li><code>${code}</code></li>`);
    expect(page.text).toMatch(/<form class="main" method="get" action="\/admin\/login" data-unsaved>/);
    expect(page.text).toMatch(/<input type="checkbox" required>/);
    expect(page.text).not.toContain('Sign in again');
    expect(JSON.stringify(world.logged)).not.toContain(FIRST);
  });

  it('are asked for with a form, and shown in its answer alone: not after a reload, not on the account page', async () => {
    world.addFactor('totp');
    world.ceremonies.recovery = { left: 1 };
    const alice = await world.person('proved');
    expect((await alice.get('/recovery')).text).toContain('You have 1 left.');
    const made = await alice.post('/recovery', {});
    expect([made.status, made.headers['cache-control']]).toEqual([200, 'no-store']);
    expect(made.text).toContain(FIRST);
    expect(made.text).toMatch(/<form class="main" method="get" action="\/_2fa\/account" data-unsaved>/);
    for (const path of ['/recovery', '/account', '/challenge']) {
      expect((await alice.get(path)).text).not.toContain(FIRST);
    }
    expect(JSON.stringify(alice.session?.record.page ?? null)).not.toContain(FIRST);
    expect(JSON.stringify(world.logged)).not.toContain(FIRST);
    expect(world.ceremonies.codesMade).toBe(1);
  });

  it('can be kept as a file, whose text says whose they are, which they are and when they were made', async () => {
    world.addFactor('totp');
    const alice = await world.person('proved');
    const page = await alice.post('/recovery', {});
    const href =
      /href="(data:text\/plain;charset=utf-8,[^"]+)" download="recovery-codes.txt"/.exec(page.text)?.[1] ?? '';
    const text = decodeURIComponent(href.slice(href.indexOf(',') + 1).replaceAll('&#39;', "'"));
    expect(text.split('\r\n')).toEqual([
      'Recovery codes for Lucy',
      'Account: alice@example.com',
      expect.stringMatching(/^Made: \d{1,2} \w+ \d{4}$/),
      '',
      ` 1. ${CODES[0]}`,
      ` 2. ${CODES[1]}`,
      '',
      'Each code works once. New codes replace these.',
      '',
    ]);
  });

  it('need a fresh proof, which leads back; are unknown where they are off; and are not made too often', async () => {
    world.addFactor('totp');
    const alice = await world.person('pass');
    expect((await alice.get('/recovery')).status).toBe(404);
    world.ceremonies.recovery = { left: 8 };
    expect((await alice.get('/recovery')).text).not.toContain('Make new codes');
    const asked = await alice.post('/recovery', {});
    expect([asked.status, asked.headers.location]).toEqual([303, '/_2fa/challenge']);
    const session = alice.session?.session;
    expect(session?.state === 'verified' && session.stepUp?.returnTo).toBe('/_2fa/recovery');
    world.ceremonies.refuseNext(refusal('send-paused', { until: world.clock.now() + 60_000 }));
    expect((await alice.post('/recovery', {})).status).toBe(429);
    world.ceremonies.refuseNext(refusal('factor-off'));
    expect((await alice.post('/recovery', {})).status).toBe(404);
    expect(world.ceremonies.codesMade).toBe(0);
  });

  it('without the form’s token nobody makes any', async () => {
    world.addFactor('totp');
    const alice = await world.person('proved');
    expect((await alice.post('/recovery', { csrf: 'x' })).status).toBe(403);
    expect(world.ceremonies.codesMade).toBe(0);
  });
});

describe('the account page', () => {
  it.each([
    [{ left: 0 }, 'You have no recovery codes.', 'Make recovery codes'],
    [{ left: 1, madeAt: 0 }, 'You have only 1 code left.', 'Make new recovery codes'],
    [{ left: 3, madeAt: 0 }, 'You have only 3 codes left.', 'Make new recovery codes'],
    [{ left: 4, madeAt: 0 }, 'You have 4 codes left, made', 'Make new recovery codes'],
  ])('says of %j: %s', async (recovery, sentence, button) => {
    world.addFactor('totp');
    world.ceremonies.recovery = recovery;
    const page = await (await world.person('proved')).get('/account');
    expect(page.text).toContain(sentence);
    expect(page.text).toContain(`href="/_2fa/recovery">${button}</a>`);
  });

  it('says nothing where they are off', async () => {
    world.addFactor('totp');
    expect((await (await world.person('proved')).get('/account')).text).not.toContain('ecovery');
  });
});

describe('the prompt', () => {
  it('asks for a code on paper in a field that no app fills in', async () => {
    world.addFactor('totp');
    world.addFactor('recovery');
    const alice = await world.person('challenge');
    const first = await alice.get('/challenge');
    expect(first.text).toContain('A recovery code');
    expect(first.text).toContain('Use a recovery code</a> that you saved');
    const page = await alice.get('/challenge?way=recovery-1');
    expect(page.text).toContain('<h1>Enter a recovery code</h1>');
    expect(page.text).toMatch(
      /<input class="mono" id="otp-code" name="code"[^>]* autocomplete="off" autocapitalize="characters"/,
    );
    expect(page.text).not.toContain('one-time-code');
    world.ceremonies.refuseNext(refusal('recovery-wrong', { left: 2 }));
    const wrong = await alice.post('/challenge', { way: 'recovery-1', code: FIRST });
    expect(wrong.status).toBe(422);
    expect(wrong.text).toContain('The recovery code is not correct.');
    expect(wrong.text).not.toContain(FIRST);
  });

  it('leads to the account first, which says how many are left; a step-up goes on to where it was asked', async () => {
    world.addFactor('totp');
    world.addFactor('recovery');
    const alice = await world.person('challenge');
    const proved = await alice.post('/challenge', { way: 'recovery-1', code: RIGHT_CODE });
    expect([proved.status, proved.headers.location]).toEqual([303, '/_2fa/account']);
    expect((await alice.get('/account')).text).toContain('You used a recovery code. You have 3 left.');
    world.clock.advance(10 * 60_000);
    await alice.post('/proof', { for: 'recovery' });
    const again = await alice.post('/challenge', { way: 'recovery-1', code: RIGHT_CODE });
    expect(again.headers.location).toBe('/_2fa/recovery');
  });
});
