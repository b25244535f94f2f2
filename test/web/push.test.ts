/** A request in an app: the button that sends it, the page that waits, what its script is told, and what collects the answer. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { refusal } from '../../src/ceremonies/outcomes.ts';
import type { LoginId, ReturnPath } from '../../src/gate/types.ts';
import { type Person, World } from './world.ts';

const PAGE = '/challenge/push?way=authy-1';
const STATE = '/challenge/push/state?way=authy-1';
let world: World;
let alice: Person;
beforeEach(async () => {
  world = await new World().start();
  world.addFactor('authy');
  world.addFactor('totp');
  world.ceremonies.hasPush = true;
  alice = await world.person('challenge');
});
afterEach(() => world.stop());

describe('the button', () => {
  it('stands beside the code field where push is on, and sends by a form', async () => {
    const { text } = await alice.get('/challenge');
    expect(text).toContain('Send a request to my app');
    expect(text.match(/value="push"/g)).toHaveLength(1);
    expect(world.ceremonies.sent).toEqual([]);
    const sent = await alice.post('/challenge/send', { way: 'authy-1', channel: 'push' });
    expect([sent.status, sent.headers.location]).toEqual([303, '/_2fa/challenge/push?way=authy-1']);
    expect(world.ceremonies.sent).toEqual([{ what: 'prompt', channel: 'push', insist: false }]);
  });

  it('is not there for another way, nor where push is off', async () => {
    expect((await alice.get('/challenge?way=totp-1')).text).not.toContain('a request to my app');
    world.ceremonies.hasPush = false;
    expect((await alice.get('/challenge?way=authy-1')).text).not.toContain('a request to my app');
    const page = await alice.get(PAGE);
    expect([page.status, page.headers.location]).toEqual([303, '/_2fa/challenge']);
  });

  it('says until when there are only codes', async () => {
    world.ceremonies.refuseNext(refusal('push-off', { until: world.clock.now() + 3_600_000 }));
    const sent = await alice.post('/challenge/send', { way: 'authy-1', channel: 'push' });
    expect(sent.headers.location).toBe('/_2fa/challenge?way=authy-1');
    const { text } = await alice.get('/challenge?way=authy-1');
    expect(text).toContain('No more requests are sent to your app until');
    expect(text).toContain('Use a code, or another way to sign in.');
  });
});

describe('the page that waits', () => {
  it('shows the word, the account, the end, a code instead, and every other way', async () => {
    const { status, text } = await alice.get(PAGE);
    expect(status).toBe(200);
    for (const has of [
      'amber 42',
      'alice@example.com',
      'role="status"',
      'I have approved it',
      'Enter a code instead',
      'href="/_2fa/challenge?way=authy-1"',
      'A code from your authenticator app',
      'Cancel and go back to sign-in',
      '<noscript><meta http-equiv="refresh" content="5"></noscript>',
      'data-push-state="/_2fa/challenge/push/state?way=authy-1" data-push-seconds="120"',
    ]) {
      expect(text).toContain(has);
    }
  });

  it('says that a form waits for the answer', async () => {
    expect((await alice.get(PAGE)).text).not.toContain('What you sent is kept.');
    const person = await world.person('proved');
    const state = person.session?.session;
    if (person.session === undefined || state?.state !== 'verified') throw new Error('not signed in');
    const { identity } = state;
    const login = {
      id: 'step-up-1' as LoginId,
      identity,
      acceptedAt: world.clock.now(),
      returnTo: '/_2fa/resume' as ReturnPath,
    };
    const { session } = await world.sessions.transition(person.session, { type: 'step-up-asked', login });
    expect((await person.get(PAGE)).text).not.toContain('What you sent is kept.');
    await world.kept.keep(session.session, { target: '/users', body: Buffer.from('a=1') });
    expect((await person.get(PAGE)).text).toContain('What you sent is kept.');
  });

  it('stops to look once it was answered, and does not say how', async () => {
    world.ceremonies.isAnswered = true;
    const { text } = await alice.get(PAGE);
    expect(text).toContain('Your app has answered');
    expect(text).toContain('Continue');
    expect(text).not.toMatch(/http-equiv="refresh"|push\.[0-9a-f]+\.js|data-push-state/);
  });

  it.each(['push-expired', 'way-unknown'] as const)('leads back to the code field: %s', async (code) => {
    const prover = world.ceremonies.prover as { waiting: unknown };
    prover.waiting = async () => refusal(code);
    const page = await alice.get(PAGE);
    expect([page.status, page.headers.location]).toEqual([303, '/_2fa/challenge?way=authy-1']);
    expect((await alice.get('/challenge?way=authy-1')).text).toContain('There is a problem');
  });

  it('is nobody’s who is not asked', async () => {
    for (const [person, status] of [
      ['anonymous', 401],
      ['pass', 303],
      ['enrol', 303],
    ] as const) {
      expect((await (await world.person(person)).get(PAGE)).status).toBe(status);
    }
    expect((await world.send(`/_2fa${PAGE}`)).status).toBe(401);
  });
});

describe('what the script is told', () => {
  it('is whether there is something to collect, and no more', async () => {
    const waiting = await alice.get(STATE);
    expect([waiting.status, waiting.text]).toEqual([200, '{"wait":true}']);
    expect(waiting.headers).toMatchObject({ 'cache-control': 'no-store', 'content-type': /^application\/json/ });
    world.ceremonies.isAnswered = true;
    const answered = await alice.get(STATE);
    expect([answered.text, answered.cookies]).toEqual(['{"wait":false}', []]);
    expect(alice.session?.session.state).toBe('pending');
  });

  it('sends everybody else to the form', async () => {
    world.ceremonies.refuseNext(refusal('push-expired'));
    expect((await alice.get(STATE)).text).toBe('{"wait":false}');
    expect((await world.send(`/_2fa${STATE}`)).text).toBe('{"wait":false}');
  });
});

describe('collecting', () => {
  const collect = () => alice.post('/challenge/push', { way: 'authy-1' });

  it('waits on when nobody has answered', async () => {
    const { status, headers, cookies } = await collect();
    expect([status, headers.location, cookies]).toEqual([303, '/_2fa/challenge/push?way=authy-1', []]);
    expect((await alice.get(PAGE)).text).toContain('The request in your app was not answered yet.');
  });

  it('says what a denial means, and that the password may be known', async () => {
    world.ceremonies.refuseNext(refusal('push-denied'));
    const { status, text } = await collect();
    expect(status).toBe(403);
    expect(text).toContain('Signing in was stopped');
    expect(text).toContain('somebody knows your password: change it now');
  });

  it('offers another request or a code when the time is over', async () => {
    world.ceremonies.refuseNext(refusal('push-expired'));
    expect((await collect()).headers.location).toBe('/_2fa/challenge?way=authy-1');
    const { text } = await alice.get('/challenge?way=authy-1');
    expect(text).toContain('The request in your app was not answered in time.');
    expect(text).toContain('Send a request to my app');
  });

  it('takes no form without its token, from another page, or by GET', async () => {
    const forged = await alice.post('/challenge/push', { way: 'authy-1', csrf: 'x' });
    const foreign = await alice.post(
      '/challenge/push',
      { way: 'authy-1' },
      { headers: { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' } },
    );
    expect([forged.status, foreign.status]).toEqual([403, 403]);
    const state = await alice.post('/challenge/push/state');
    expect(state.status).toBe(405);
  });
});
