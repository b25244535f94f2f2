/** Enrolment tickets: whose they are, how long they are good, how they may be typed. What they open: flows/attacks-first. */
import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { makeTicket, readTicket } from '../../src/ceremonies/tickets.ts';
import { ALICE, BOB } from './ceremony-world.ts';

const NOW = Date.UTC(2026, 0, 1, 12, 0, 0, 700);
const HOUR_MS = 3_600_000;
const mac = (label: string, text: string): Buffer => createHmac('sha256', `key of ${label}`).update(text).digest();
const otherMac = (label: string, text: string): Buffer =>
  createHmac('sha256', `other of ${label}`).update(text).digest();
const read = (typed: string, now = NOW, identity = ALICE): number | undefined =>
  readTicket(mac, identity, typed, now, HOUR_MS);

const ticket = makeTicket(mac, ALICE, NOW);
const madeAt = Math.floor(NOW / 1000) * 1000;

it('is five groups of four letters that nobody mistakes for digits', () => {
  expect(ticket).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){4}$/);
  expect(read(ticket)).toBe(madeAt);
});

it.each([
  ['small letters', (text: string) => text.toLowerCase()],
  ['no dashes', (text: string) => text.replaceAll('-', '')],
  ['blanks', (text: string) => `  ${text.replaceAll('-', ' ')}\t`],
  ['letters for digits', (text: string) => text.replaceAll('0', 'O').replaceAll('1', 'l')],
])('may be typed with %s', (_, spell) => {
  for (let second = 0; second < 40; second += 1) {
    const one = makeTicket(mac, ALICE, NOW + second * 1000);
    expect(read(spell(one), NOW + second * 1000)).toBe(madeAt + second * 1000);
  }
});

it('is good for its time, and not a second longer', () => {
  expect(read(ticket, madeAt + HOUR_MS - 1)).toBe(madeAt);
  expect(read(ticket, madeAt + HOUR_MS)).toBeUndefined();
  expect(read(ticket, madeAt - 60_000)).toBe(madeAt);
  expect(read(ticket, madeAt - 60_001)).toBeUndefined();
});

describe('is nothing', () => {
  it('for another account, or under another key file', () => {
    expect(read(ticket, NOW, BOB)).toBeUndefined();
    expect(readTicket(otherMac, ALICE, ticket, NOW, HOUR_MS)).toBeUndefined();
  });

  it('with any single letter changed', () => {
    for (const at of [...ticket].flatMap((letter, index) => (letter === '-' ? [] : [index]))) {
      for (const letter of '0123456789ABCDEFGHJKMNPQRSTVWXYZ') {
        if (ticket[at] === letter) continue;
        expect(read(ticket.slice(0, at) + letter + ticket.slice(at + 1))).toBeUndefined();
      }
    }
  });

  it.each(['', '-', 'A', ticket.slice(0, -1), `${ticket}0`, '🎫'.repeat(20), 'U'.repeat(20), '٠'.repeat(20)])(
    '%j',
    (typed) => {
      expect(read(typed)).toBeUndefined();
    },
  );
});
