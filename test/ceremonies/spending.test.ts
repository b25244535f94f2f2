/** Budgets of messages over all people: what one stolen password, or many, can make an operator pay (attacks 52, 62). */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OutlayLimits } from '../../src/ceremonies/spending.ts';
import type { Identity } from '../../src/gate/types.ts';
import { SentCodes } from '../fakes/factors.ts';
import { ALICE, CeremonyWorld } from './ceremony-world.ts';

const HOUR = 3_600_000;
const many = { max: 1000, perMs: HOUR };
const FREE: OutlayLimits = { prefix: many, country: many, address: many, all: many, countries: [] };

describe('what all people together may spend', () => {
  let w: CeremonyWorld;
  let sms: SentCodes;
  beforeEach(async () => {
    w = await CeremonyWorld.start();
    sms = new SentCodes((label, text) => w.store.mac(label, text));
    w.extra.push(sms.factor);
  });
  afterEach(() => w.close());

  const limit = (outlay: Partial<OutlayLimits>, sends = 1000): void => {
    w.limits = { ...w.limits, sends: [{ max: sends, perMs: HOUR }], outlay: { ...FREE, ...outlay } };
  };
  async function person(at: number, e164: string, country = 'CH'): Promise<() => Promise<string>> {
    const identity = `person${at}@example.com` as Identity;
    const id = `sms-${at}`;
    await w.enrol(identity, { id, factor: 'sms', data: { e164, country, phoneEnding: e164.slice(-2) }, createdAt: 0 });
    return async () => {
      const sent = await w.prover.send(await w.login(identity), id, 'sms', false);
      return sent.ok ? 'sent' : sent.code;
    };
  }

  it('numbers that begin alike share one', async () => {
    limit({ prefix: { max: 2, perMs: HOUR } });
    const people = await Promise.all([1, 2, 3].map((at) => person(at, `+4179123456${at}`)));
    const elsewhere = await person(4, '+41781234567');
    expect([await people[0]?.(), await people[1]?.(), await people[2]?.()]).toEqual(['sent', 'sent', 'send-paused']);
    expect(await elsewhere()).toBe('sent');
    w.clock.advance(HOUR);
    expect(await people[2]?.()).toBe('sent');
  });

  it('so do numbers of one country, and logins of one client', async () => {
    limit({ country: { max: 1, perMs: HOUR } });
    const swiss = await person(1, '+41791234567');
    const other = await person(2, '+41781234567');
    const german = await person(3, '+4915123456789', 'DE');
    expect([await swiss(), await other(), await german()]).toEqual(['sent', 'send-paused', 'sent']);
    limit({ address: { max: 1, perMs: HOUR } });
    w.clock.advance(HOUR);
    expect([await german(), await swiss()]).toEqual(['sent', 'send-paused']);
  });

  it('one person has one budget, whatever the number and the way', async () => {
    limit({}, 2);
    await person(1, '+41791234561');
    const identity = 'person1@example.com' as Identity;
    const data = { e164: '+41781234567', country: 'CH', phoneEnding: '67' };
    await w.enrol(identity, { id: 'second', factor: 'sms', data, createdAt: 0 });
    const user = await w.store.users.get(identity);
    expect(user?.enrolments).toHaveLength(2);
    const send = async (id: string): Promise<string> => {
      const sent = await w.prover.send(await w.login(identity), id, 'sms', true);
      return sent.ok ? 'sent' : sent.code;
    };
    const way = user?.enrolments[0]?.id ?? '';
    expect([await send(way), await send(way), await send(way)]).toEqual(['sent', 'sent', 'send-paused']);
    await w.store.users.update(identity, (current) => ({
      write: current === undefined ? null : { ...current, enrolments: current.enrolments.slice(1) },
      result: undefined,
    }));
    expect(await send('second')).toBe('send-paused');
  });

  it('one number has one budget, whoever it belongs to', async () => {
    limit({}, 1);
    const [one, two] = [await person(1, '+41791234567'), await person(2, '+41791234567')];
    expect([await one(), await two()]).toEqual(['sent', 'send-paused']);
  });

  it('stops for everybody at the limit of the day, however many ask at once', async () => {
    limit({ all: { max: 5, perMs: 24 * HOUR } });
    const people = await Promise.all(Array.from({ length: 20 }, (_, at) => person(at, `+417${at + 10}234567`)));
    const said = await Promise.all(people.map((ask) => ask()));
    expect(said.filter((one) => one === 'sent')).toHaveLength(5);
    expect(said.filter((one) => one === 'spending-stopped')).toHaveLength(15);
    expect(sms.sent).toHaveLength(5);
  });

  it('takes nothing of the others’ for what was refused', async () => {
    limit({ all: { max: 2, perMs: HOUR } }, 1);
    const [one, two] = [await person(1, '+41791234567'), await person(2, '+41781234567')];
    expect([await one(), await one(), await one(), await two()]).toEqual([
      'sent',
      'send-paused',
      'send-paused',
      'sent',
    ]);
  });

  it('takes nothing of a person for what the others’ budgets refused', async () => {
    limit({ all: { max: 1, perMs: 60_000 } }, 1);
    const [one, two] = [await person(1, '+41791234567'), await person(2, '+41781234567')];
    expect([await one(), await two()]).toEqual(['sent', 'spending-stopped']);
    w.clock.advance(60_000);
    expect(await two()).toBe('sent');
  });

  it('reaches no country that is not named: not to save, not to begin, not to send', async () => {
    limit({});
    const german = await person(1, '+4915123456789', 'DE');
    const session = await w.login(ALICE, 'enrol');
    const typed = { country: 'DE', number: '01512 3456789' };
    expect(await w.enroller.savePhone(session, typed)).toEqual({ ok: true });
    limit({ countries: ['CH', 'AT'] });
    expect(await german()).toBe('number-country');
    expect(await w.enroller.begin(session, 'authy')).toMatchObject({ code: 'number-country' });
    expect(await w.enroller.savePhone(session, typed)).toMatchObject({ code: 'number-country' });
    expect(await w.enroller.savePhone(session, { country: 'CH', number: '0791234567' })).toEqual({ ok: true });
    expect([sms.sent, w.authy.requests]).toEqual([[], []]);
  });
});
