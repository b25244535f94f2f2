/** The e-mail address that the whoami page has beside the name: one, or none. */
import { expect, it } from 'vitest';
import { profileFrom } from '../../src/profiles/compile.ts';
import { answer, html } from './ask.ts';

const whoami = (email: object | undefined) =>
  profileFrom({
    name: 'app',
    login: { page: '/login', requests: [{ path: '/l', form: { user: 'u', password: 'p' } }] },
    whoami: { path: '/me', css: '#name', ...(email === undefined ? {} : { email }) },
  }).whoami;

const page = (inner: string) => html(`<p id="name">alice</p>${inner}`);

it.each([
  [{ css: 'a.mail' }, '<a class="mail"> a@x.example </a>', 'a@x.example'],
  [
    { css: 'a.mail', attribute: 'href', pattern: '^mailto:(.+)$' },
    '<a class="mail" href="mailto:a@x.example">',
    'a@x.example',
  ],
  [{ css: 'a.mail' }, '<a class="mail">a@x.example</a><a class="mail">a@x.example</a>', 'a@x.example'],
  [{ css: 'a.mail' }, '<a class="mail">a@x.example</a><a class="mail">b@x.example</a>', null],
  [{ css: 'a.mail' }, '', null],
  [{ regex: 'mail=(\\S+)' }, 'mail=a@x.example .', 'a@x.example'],
])('%j in %s is %s', (email, inner, expected) => {
  expect(whoami(email)?.read(page(inner))).toEqual({ is: 'named', identity: 'alice', email: expected });
});

it('says nothing of it where the profile does not, and never of nobody', () => {
  expect(whoami(undefined)?.read(page('<a class="mail">a@x.example</a>'))).toEqual({ is: 'named', identity: 'alice' });
  expect(whoami({ css: 'a' })?.read(answer(500, {}, '<a>a@x.example</a>'))).not.toHaveProperty('email');
});

it.each([{}, { css: 'a', json: '/mail' }, { header: 'X-Mail', attribute: 'x' }])('%j is no place', (email) => {
  expect(() => whoami(email)).toThrow();
});
