/** What is kept of earlier questions must never change an answer: it may depend on a path and a host only. */
import { expect, test } from 'vitest';
import { profileFrom } from '../../src/profiles/compile.ts';
import { remembered } from '../../src/profiles/remember.ts';
import { ask } from './ask.ts';

const login = { page: '/login', requests: [{ path: '/login', form: { user: 'u', password: 'p' } }] };

test('a question is asked once, and again when too many others came between', () => {
  const asked: string[] = [];
  const length = remembered((text) => {
    asked.push(text);
    return text.length;
  });
  expect([length('/a'), length('/a'), length('/bb')]).toEqual([2, 2, 3]);
  expect(asked).toEqual(['/a', '/bb']);
  for (let i = 0; i < 1000; i += 1) length(`/other/${i}`);
  length('/a');
  expect(asked.filter((text) => text === '/a')).toHaveLength(2);
});

test('what strangers may make long is not kept', () => {
  let asked = 0;
  const count = remembered(() => {
    asked += 1;
    return asked;
  });
  const long = `/${'x'.repeat(256)}`;
  expect([count(long), count(long)]).toEqual([1, 2]);
});

test('a rule for a network asks each client anew', () => {
  const profile = profileFrom({
    name: 'here',
    login,
    whoami: { path: '/me', json: '/name' },
    logout: [{ path: '/logout' }],
    cookies: { session: ['sid'] },
    routes: [{ class: 'service', prefix: '/api', from: ['10.0.0.0/8'] }],
  });
  const from = (client: string): string => ask(profile, 'GET /api/x', { client, host: 'lucy.test' }).class;
  expect(['10.1.2.3', '192.0.2.1', '10.1.2.3'].map(from)).toEqual(['service', 'protected', 'service']);
});

test('the same path is another question by another host, method, query, body or on a public host', () => {
  const profile = profileFrom({
    name: 'there',
    hosts: { public: ['fair.test'] },
    login,
    whoami: { path: '/me', json: '/name' },
    logout: [{ path: '/logout', method: 'GET' }],
    cookies: { session: ['sid'] },
    routes: [
      { class: 'public', path: '/news', hosts: ['a.test'] },
      { class: 'protected', path: '/page', when: { do: 'admin' } },
      { class: 'public', methods: ['GET'], path: '/page' },
    ],
  });
  const host = 'a.test';
  for (let round = 0; round < 2; round += 1) {
    expect(ask(profile, 'GET /news', { host }).class).toBe('public');
    expect(ask(profile, 'GET /news', { host: 'b.test' }).class).toBe('protected');
    expect(ask(profile, 'GET /news').class).toBe('protected'); // a rule with hosts opens nothing without one
    expect(ask(profile, 'GET /page', { host }).class).toBe('public');
    expect(ask(profile, 'GET /page?do=admin', { host }).class).toBe('protected');
    expect(ask(profile, 'POST /page', { host }).class).toBe('protected');
    expect(ask(profile, 'HEAD /page', { host }).class).toBe('public');
    expect(ask(profile, 'POST /login', { host: 'fair.test', onPublicHost: true, body: 'u=a&p=b' }).class).toBe(
      'protected',
    );
    expect(ask(profile, 'GET /x', { host: 'fair.test', onPublicHost: true }).class).toBe('public');
    expect(ask(profile, 'GET /x', { host: 'fair.test' }).class).toBe('protected');
    expect(ask(profile, 'GET /logout', { host }).isLogout).toBe(true);
    expect(ask(profile, 'POST /logout', { host, body: '' }).isLogout).toBe(false);
    expect(ask(profile, 'POST /login', { host, body: 'u=a&p=b' }).login?.user).toBe('a');
    expect(ask(profile, 'GET /login', { host }).login).toBeUndefined();
  }
});
