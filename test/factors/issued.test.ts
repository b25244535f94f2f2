/** Codes that the gateway makes: good for one question of one enrolment and one purpose, and kept as a keyed hash only. */
import { createHmac } from 'node:crypto';
import { expect, it } from 'vitest';
import { issue, judge } from '../../src/factors/issued.ts';
import type { Enrolment } from '../../src/gate/types.ts';
import { askedAbout } from './asked.ts';

const needs = { mac: (label: string, text: string) => createHmac('sha256', `key ${label}`).update(text).digest() };
const enrolment: Enrolment = { id: 'e1', factor: 'email', data: 'anna@example.com', createdAt: 0 };
const asked = askedAbout(enrolment);
const fixed = (code: number) => ({ ...needs, random: () => code });

it('the newest code is right, an older one is told apart, any other is wrong', () => {
  const first = issue(fixed(123), asked, 6);
  const second = issue(fixed(456_789), { ...asked, state: first.state }, 6);
  const later = { ...asked, state: second.state };
  expect([first.code, second.code]).toEqual(['000123', '456789']);
  expect(['000123', '456789', '123', '456788'].map((code) => judge(needs, later, code))).toEqual([
    'superseded',
    'right',
    'wrong',
    'wrong',
  ]);
});

it('it is good for nothing else: another login, another enrolment, the enrolment instead of the login', () => {
  const { code, state } = issue(needs, asked, 6);
  expect(judge(needs, { ...asked, state }, code)).toBe('right');
  for (const other of [
    { question: 'login-2' },
    { enrolment: { ...enrolment, id: 'e2' } },
    { purpose: 'enrol' } as const,
  ]) {
    expect(judge(needs, { ...asked, ...other, state }, code)).toBe('wrong');
  }
});

it('without a state, or with one that is not ours, nothing is open', () => {
  const { code } = issue(needs, asked, 6);
  expect(judge(needs, asked, code)).toBe('expired');
  for (const state of [null, 'x', 5, {}, [], [5]]) expect(judge(needs, { ...asked, state }, code)).toBe('expired');
});

it('the state holds no code, and does not grow', () => {
  let state = issue(fixed(111_111), asked, 6).state;
  for (let i = 0; i < 20; i += 1) state = issue(fixed(222_220 + i), { ...asked, state }, 6).state;
  expect(JSON.stringify(state)).not.toMatch(/111111|2222\d\d/);
  expect(state).toHaveLength(5);
});

it('codes come from the whole range, from a source that nobody can guess', () => {
  const codes = new Set(Array.from({ length: 200 }, () => issue(needs, asked, 8).code));
  expect(codes.size).toBeGreaterThan(195);
  for (const code of codes) expect(code).toMatch(/^\d{8}$/);
});
