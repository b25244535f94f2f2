/** Every state × route × method × kind of request through the one function that decides, against the promise in words. */
import { describe, expect, it } from 'vitest';
import { type Asked, type Decision, decide, isSafe } from '../../src/gate/decide.ts';
import type { Session } from '../../src/gate/session.ts';
import type { RouteClass } from '../../src/gate/types.ts';
import { login, STATES } from './samples.ts';

const ROUTES: readonly RouteClass[] = ['login', 'static', 'public', 'protected', 'service'];
const METHODS = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND', 'get', ''];
const BOOLEANS = [false, true];

interface Case {
  readonly session: Session;
  readonly asked: Asked;
  readonly decision: Decision;
}

const cases: readonly Case[] = STATES.flatMap((session) =>
  ROUTES.flatMap((route) =>
    METHODS.flatMap((method) =>
      BOOLEANS.flatMap((isLogin) =>
        BOOLEANS.flatMap((isLogout) =>
          BOOLEANS.flatMap((isNavigation) =>
            BOOLEANS.map((isUpgrade) => {
              const kind = { route, method, isLogin, isLogout, isNavigation, isUpgrade };
              const asked: Asked = { ...kind, authorization: 'dropped' };
              return { session, asked, decision: decide(session, asked) };
            }),
          ),
        ),
      ),
    ),
  ),
);

/** The cases that the rule speaks of; a rule that speaks of none proves nothing. */
function where(fits: (one: Case) => boolean): readonly Case[] {
  const found = cases.filter(fits);
  expect(found.length).toBeGreaterThan(0);
  return found;
}

describe('what a session may reach', () => {
  it('nothing protected moves without a verified session, by whatever method (I1)', () => {
    for (const { decision } of where((c) => c.asked.route === 'protected' && c.session.state !== 'verified')) {
      expect(['show', 'refuse']).toContain(decision.do);
    }
  });

  it('the jar of a session travels only when it is verified, or anonymous on a safe request of a login page (I2)', () => {
    for (const c of where((c) => c.decision.do === 'forward' && c.decision.jar === 'own')) {
      const isLoginPage =
        c.session.state === 'anonymous' && c.asked.route === 'login' && isSafe(c.asked.method) && !c.asked.isLogin;
      expect(c.session.state === 'verified' || isLoginPage, JSON.stringify(c)).toBe(true);
    }
  });

  it('an answer of a verified jar is always guarded, and no other is', () => {
    for (const { session, decision } of where((c) => c.decision.do === 'forward')) {
      if (decision.do !== 'forward') continue;
      expect(decision.guarded).toBe(session.state === 'verified' && decision.jar === 'own');
    }
  });

  it('a pending or enrolling jar, which is logged in at the application, never travels at all', () => {
    for (const { decision } of where((c) => c.session.state === 'pending' || c.session.state === 'enrolling')) {
      if (decision.do === 'forward') expect(decision.jar).toBe('none');
      expect(decision.do).not.toBe('exchange');
    }
  });

  it('an upgrade is forwarded for verified sessions only, whatever the route, and never shown a page (T9)', () => {
    for (const { session, decision } of where((c) => c.asked.isUpgrade)) {
      expect(decision.do).toBe(session.state === 'verified' ? 'forward' : 'refuse');
    }
  });

  it('a password in a verified session drops it first, on every route (attack 12)', () => {
    const found = where((c) => c.session.state === 'verified' && c.asked.isLogin && !c.asked.isUpgrade);
    for (const { decision } of found) expect(decision).toEqual({ do: 'exchange', dropFirst: true });
  });

  it('a logout in a verified session ends it, unless a password came with it', () => {
    const isOut = (c: Case) => c.session.state === 'verified' && c.asked.isLogout && !c.asked.isUpgrade;
    for (const { decision } of where((c) => isOut(c) && !c.asked.isLogin)) expect(decision).toEqual({ do: 'logout' });
    for (const { session } of where((c) => c.decision.do === 'logout')) expect(session.state).toBe('verified');
  });

  it('Authorization travels only on a service route, and then without any jar (attack 5)', () => {
    for (const { asked, decision } of where((c) => c.decision.do === 'forward')) {
      if (decision.do !== 'forward' || !decision.credentials) continue;
      expect(asked.route).toBe('service');
      expect(decision).toMatchObject({ jar: 'none', guarded: false });
    }
  });

  it('static files are read, never written, without a verified session', () => {
    const open = where((c) => c.asked.route === 'static' && c.session.state !== 'verified' && !c.asked.isUpgrade);
    for (const { asked, decision } of open) {
      const isRead = asked.method === 'GET' || asked.method === 'HEAD';
      if (isRead) expect(decision).toEqual({ do: 'forward', jar: 'none', guarded: false, credentials: false });
      else expect(['show', 'refuse']).toContain(decision.do);
    }
  });

  it('every unsafe or password-bearing request of an anonymous session on a login route is judged', () => {
    const isLoginRoute = (c: Case) => c.session.state === 'anonymous' && c.asked.route === 'login';
    for (const { asked, decision } of where((c) => isLoginRoute(c) && !c.asked.isUpgrade)) {
      const isJudged = asked.isLogin || !isSafe(asked.method);
      expect(decision.do).toBe(isJudged ? 'exchange' : 'forward');
      if (decision.do === 'exchange') expect(decision.dropFirst).toBe(false);
    }
  });
});

describe('a password or token of the application', () => {
  it('that is the own of a verified person goes along with the jar, and changes nothing else', () => {
    for (const { session, asked, decision } of cases) {
      const own = decide(session, { ...asked, authorization: 'own' });
      const isOwn = session.state === 'verified' && decision.do === 'forward' && decision.guarded;
      expect(own).toEqual(isOwn ? { ...decision, credentials: true } : decision);
    }
  });

  it('that is exchanged goes along with the jar of a verified session, and nowhere else, as no credential of the request', () => {
    for (const { session, asked, decision } of cases) {
      const exchanged = decide(session, { ...asked, authorization: 'exchanged' });
      const hasJar = session.state === 'verified' && decision.do === 'forward' && decision.guarded;
      const behind = decision.do === 'forward' ? { ...decision, credentials: false } : decision;
      expect(exchanged).toEqual(hasJar ? { ...decision, bearer: true } : behind);
    }
  });

  it('of ours that is none of this session goes nowhere, also where programs come in', () => {
    for (const { session, asked, decision } of cases) {
      const behind = decision.do === 'forward' ? { ...decision, credentials: false } : decision;
      expect(decide(session, { ...asked, authorization: 'void' })).toEqual(behind);
    }
  });

  it('is handed out to verified sessions only, whatever opens the address', () => {
    for (const { session, asked, decision } of cases) {
      const given = decide(session, { ...asked, givesToken: 'refresh' });
      const mayBe = session.state === 'verified' || asked.route === 'service' || asked.isLogin;
      if (mayBe) expect(given).toEqual(decision);
      else expect(['show', 'refuse']).toContain(given.do);
    }
  });

  it('may be handed out where people log in: nothing there passes unread, by whatever method', () => {
    for (const { session, asked, decision } of cases) {
      const given = decide(session, { ...asked, givesToken: 'login' });
      const mayBe = session.state === 'verified' || asked.route === 'service' || asked.isLogin;
      const isRead = session.state === 'anonymous' && asked.route !== 'protected' && !asked.isUpgrade;
      if (mayBe) expect(given).toEqual(decision);
      else if (isRead) expect(given).toEqual({ do: 'exchange', dropFirst: false });
      else expect(['show', 'refuse']).toContain(given.do);
    }
  });

  it('of somebody else opens nothing in the session of this person, not even a socket', () => {
    for (const { session, asked, decision } of cases) {
      const foreign = decide(session, { ...asked, authorization: 'foreign' });
      const isRefused = session.state === 'verified' && (asked.isUpgrade || asked.route !== 'service');
      expect(foreign).toEqual(isRefused ? { do: 'refuse', status: 403, page: 'other-account' } : decision);
    }
  });
});

describe('the way on from a refusal', () => {
  it('people are shown the page that fits their state; programs and upgrades get 401 with its name', () => {
    const page = { anonymous: 'login', pending: 'challenge', enrolling: 'enrol', verified: 'login' };
    for (const { session, asked, decision } of where((c) => c.decision.do === 'show' || c.decision.do === 'refuse')) {
      if (decision.do !== 'show' && decision.do !== 'refuse') continue;
      expect(decision.page).toBe(page[session.state]);
      expect(decision.do).toBe(asked.isNavigation && !asked.isUpgrade ? 'show' : 'refuse');
      if (decision.do === 'refuse') expect(decision.status).toBe(401);
    }
  });
});

describe('safe methods', () => {
  it.each([
    ['GET', true],
    ['HEAD', true],
    ['OPTIONS', true],
    ['POST', false],
    ['TRACE', false],
    ['get', false],
    ['', false],
    ['__proto__', false],
  ])('%s: %s', (method, safe) => expect(isSafe(method)).toBe(safe));
});

it('a step-up that is open takes nothing away from a verified session', () => {
  const asked: Asked = {
    route: 'protected',
    method: 'GET',
    isLogin: false,
    isLogout: false,
    isNavigation: true,
    isUpgrade: false,
    authorization: 'dropped',
  };
  const session: Session = {
    state: 'verified',
    identity: login().identity,
    since: 0,
    grounds: { how: 'password' },
    stepUp: login(),
  };
  expect(decide(session, asked)).toEqual({ do: 'forward', jar: 'own', guarded: true, credentials: false });
});
