/** Codes by text through an SMS gateway over the wire, under the contract of every factor, and what only they can meet. */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Failure } from '../../src/demo/stand-in-server.ts';
import { type StandInSms, startStandInSms } from '../../src/demo/stand-in-sms.ts';
import type { Factor } from '../../src/factors/factor.ts';
import { createSms } from '../../src/factors/sms/sms.ts';
import { silentLog } from '../../src/log.ts';
import type { LiveSession } from '../../src/session/live.ts';
import { ALICE, BOB, CeremonyWorld } from './ceremony-world.ts';
import { factorContract } from './factor-contract.ts';

let gateway: StandInSms;
let factor: Factor | undefined;
const codes = new Map<LiveSession, string>();

beforeEach(async () => {
  gateway = await startStandInSms({ token: 'token' });
});
afterEach(async () => {
  await factor?.close?.();
  await gateway.close();
  codes.clear();
});

async function enrol(world: CeremonyWorld, identity: typeof ALICE): Promise<string> {
  if (!world.extra.some(({ id }) => id === 'sms')) {
    factor = createSms(
      {
        url: `${gateway.url}/messages`,
        method: 'POST',
        headers: { authorization: 'Bearer {token}' },
        body: { json: { to: '{to}', text: '{text}' } },
        secrets: { token: 'token' },
        success: { json: { '/status': 'queued' } },
        numberRefused: { json: { '/status': 'rejected' } },
        provider: 'Example SMS',
        digits: 6,
        lifeMs: 300_000,
        timeoutMs: 2000,
      },
      {
        clock: world.clock,
        log: silentLog,
        randomBytes,
        mac: (label, text) => world.store.mac(label, text),
        site: { service: 'Lucy', publicUrl: new URL('https://lucy.test') },
      },
    );
    world.extra.push(factor);
  }
  const e164 = identity === BOB ? '+41791234568' : '+41791234567';
  const id = `sms-${identity}`;
  const data = { e164, country: 'CH', phoneEnding: e164.slice(-2) };
  await world.enrol(identity, { id, factor: 'sms', data, createdAt: world.clock.now() });
  return id;
}

const lastCode = (): string => /^\d+/.exec(gateway.texts.at(-1)?.body ?? '')?.[0] ?? '';

async function ask(world: CeremonyWorld, session: LiveSession, way: string): Promise<void> {
  const before = gateway.texts.length;
  const sent = await world.prover.send(session, way, 'sms', false);
  if (!sent.ok && sent.code !== 'locked') throw new Error(sent.code);
  // Several may be on their way at once; nobody asks for the right one then.
  if (gateway.texts.length === before + 1) codes.set(session, lastCode());
}

const right = (session: LiveSession): string => codes.get(session) ?? 'none';
const wrong = (): string => {
  const taken = new Set(codes.values());
  return ['000000', '111111', '222222', '333333'].find((code) => !taken.has(code)) ?? '444444';
};

factorContract('sms', () => ({
  id: 'sms',
  isBound: true,
  enrol,
  ask,
  right: (_world, session) => right(session),
  wrong,
}));

const refusals: readonly (readonly [string, Failure, string])[] = [
  ['500', { status: 500 }, 'provider-unavailable'],
  ['a page', { status: 200, body: '<html>queued</html>', contentType: 'text/html' }, 'provider-unavailable'],
  ['401', { status: 401 }, 'provider-misconfigured'],
  ['a cut answer', { status: 200, body: { status: 'queued' }, cut: true }, 'provider-unavailable'],
  ['a number at fault', { status: 200, body: { status: 'rejected' } }, 'number-unusable'],
];

it.each(refusals)(
  'while the gateway answers %s nobody gets in, nobody loses an attempt, and other ways are there (attack 50)',
  async (_name, failure, code) => {
    const world = await CeremonyWorld.start();
    const totp = await world.enrolTotp(ALICE);
    const way = await enrol(world, ALICE);
    const session = await world.login(ALICE);
    gateway.fail(failure);
    expect(await world.prover.send(session, way, 'sms', false)).toMatchObject({ ok: false, code });
    for (let i = 0; i < 6; i += 1) {
      expect(await world.prover.prove(session, way, wrong())).toMatchObject({ code: 'code-expired' });
    }
    expect(await world.guesses(ALICE)).toBe(0);
    const prompt = await world.prover.prompt(session);
    expect(prompt.ok && prompt.ways.map(({ factor: id }) => id)).toEqual(['totp', 'sms']);
    expect(await world.prover.prove(session, totp, world.totp())).toMatchObject({ ok: true });
    await world.close();
  },
);

it('a code lives as long as it was said to, and the newest is the one that counts', async () => {
  const world = await CeremonyWorld.start();
  const way = await enrol(world, ALICE);
  const session = await world.login(ALICE);
  await ask(world, session, way);
  const first = right(session);
  world.clock.advance(31_000);
  await ask(world, session, way);
  expect(await world.prover.prove(session, way, first)).toMatchObject({ code: 'code-superseded' });
  world.clock.advance(300_001);
  expect(await world.prover.prove(session, way, right(session))).toMatchObject({ code: 'code-expired' });
  expect(await world.guesses(ALICE)).toBe(0);
  await world.close();
});
