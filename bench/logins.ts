/** What a login costs: password, prompt, TOTP, page, one person after the other; beside it the application's own login. */
import { performance } from 'node:perf_hooks';
import { Secret, TOTP } from 'otpauth';
import { FakeBrowser } from '../test/fakes/browser.ts';
import { fillStore } from './fill.ts';
import { startGateway } from './gateways.ts';
import { cpuOf } from './machine.ts';
import { people, TOTP_SECRET } from './people.ts';
import { median } from './rounds.ts';
import type { Setting } from './setting.ts';

export interface LoginFigures {
  readonly count: number;
  readonly medianMs: number;
  readonly slowestMs: number;
  /** CPU of the gateway for each login. */
  readonly cpuMs: number;
  /** The same person at the application itself, without a second factor. */
  readonly directMs: number;
}

export async function measureLogins(setting: Setting, count: number): Promise<LoginFigures> {
  const options = { name: 'logins', store: { kind: 'lowdb' } } as const;
  await fillStore(setting, options, { users: people(setting.people).slice(1) });
  const gateway = await startGateway(setting, options);
  const who = people(count + 2).slice(1);
  const [first, ...others] = who;
  if (first === undefined) throw new Error('somebody must log in');
  await throughPrompt(gateway.origin, gateway.port, first); // warm
  const pids = gateway.pids();
  const times: number[] = [];
  const before = cpuOf(pids);
  for (const person of others) times.push(await throughPrompt(gateway.origin, gateway.port, person));
  const cpuMs = (cpuOf(pids) - before) / 1e6 / others.length;
  const direct: number[] = [];
  for (const person of others) direct.push((await withPassword(setting.upstream, setting.upstreamPort, person)).ms);
  await gateway.child.stop();
  return {
    count: others.length,
    medianMs: median(times),
    slowestMs: Math.max(...times),
    cpuMs,
    directMs: median(direct),
  };
}

interface Person {
  readonly email: string;
  readonly password: string;
}

async function throughPrompt(origin: string, port: number, who: Person): Promise<number> {
  const { browser, page, begin } = await withPassword(origin, port, who);
  if (!page.html.includes('one-time-code')) throw new Error(`no prompt at ${page.url.href}`);
  const totp = new TOTP({ secret: Secret.fromBase32(TOTP_SECRET), digits: 6, period: 30 });
  const inside = await browser.submit(page, { code: totp.generate() });
  if (inside.url.pathname !== '/admin' || inside.status !== 200) throw new Error(`the code led to ${inside.url.href}`);
  return performance.now() - begin;
}

async function withPassword(origin: string, port: number, { email, password }: Person) {
  const browser = new FakeBrowser({ origin, port });
  const begin = performance.now();
  const form = await browser.get('/admin');
  const page = await browser.submit(form, { 'LoginForm[email]': email, 'LoginForm[password]': password });
  return { browser, page, begin, ms: performance.now() - begin };
}
