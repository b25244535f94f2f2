/**
 * Signed calls of Authy, of every shape that was recorded. What has to be signed stands here as text, written by hand; nothing of
 * the code under test takes part in it.
 */
import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readCallback } from '../../../src/factors/authy/callback.ts';
import { bodyFields, isSigned, queryFields } from '../../../src/factors/authy/signature.ts';
import type { Callback } from '../../../src/factors/factor.ts';
import type { Json } from '../../../src/gate/types.ts';

const KEY = 'kEy-0123456789abcdefABCDEF';
const URL_ = 'https://lucy.test/_2fa/callbacks/authy';
const NONCE = '1513009800';
const UUID = '8d03ef10-bdbe-0134-2b1d-12afbfa1ad4d';

function signatureOver(text: string): string {
  return createHmac('sha256', KEY).update(text).digest('base64');
}

const SHAPES: [name: string, body: Json, signed: string][] = [
  [
    'plain fields, sorted by name',
    { uuid: UUID, authy_id: 688611, status: 'approved', callback_action: 'approval_request_status' },
    `authy_id=688611&callback_action=approval_request_status&status=approved&uuid=${UUID}`,
  ],
  ['fields inside fields, however deep', { b: { z: '1', a: { y: '2' } }, a: '3' }, 'a=3&b%5Ba%5D%5By%5D=2&b%5Bz%5D=1'],
  [
    'a list of words, in its own order',
    { device: { unlock: ['pin', 'face', 'eye'], id: 7 } },
    'device%5Bid%5D=7&device%5Bunlock%5D%5B%5D=pin&device%5Bunlock%5D%5B%5D=face&device%5Bunlock%5D%5B%5D=eye',
  ],
  [
    'a list of objects, each with its parts together',
    {
      logos: [
        { url: 'https://a/1.png', res: 'default' },
        { url: 'https://a/2.png', res: 'low' },
      ],
    },
    'logos%5B%5D%5Bres%5D=default&logos%5B%5D%5Burl%5D=https%3A%2F%2Fa%2F1.png' +
      '&logos%5B%5D%5Bres%5D=low&logos%5B%5D%5Burl%5D=https%3A%2F%2Fa%2F2.png',
  ],
  ['nothing as an empty text', { ip: null, city: '' }, 'city=&ip='],
  ['yes and no as words', { registered: true, disabled: false }, 'disabled=false&registered=true'],
  ['empty objects and lists not at all', { a: {}, b: [], c: { d: {} }, e: 1 }, 'e=1'],
  [
    'anything that is not ASCII as UTF-8, in large letters',
    { city: 'Zürich', name: '日本 😀' },
    'city=Z%C3%BCrich&name=%E6%97%A5%E6%9C%AC+%F0%9F%98%80',
  ],
  [
    'blanks as plus, and signs in percent',
    { "a'b": "(x) & y=z+1! *~'", c: 'a.b-c_d/e?f' },
    'a%27b=%28x%29+%26+y%3Dz%2B1%21+%2A%7E%27&c=a.b-c_d%2Fe%3Ff',
  ],
  ['names with their brackets as they come', { a1: 1, 'a[': 2, a: { b: 3 }, aB: 4 }, 'a1=1&aB=4&a%5B=2&a%5Bb%5D=3'],
];

function post(json: Json, headers: Record<string, string[]>): Callback {
  return { method: 'POST', url: URL_, json, header: (name) => headers[name] ?? [] };
}
function get(query: string, headers: Record<string, string[]>): Callback {
  return { method: 'GET', url: URL_, query, header: (name) => headers[name] ?? [] };
}
const signedWith = (signature: string, nonce = NONCE) => ({
  'x-authy-signature': [signature],
  'x-authy-signature-nonce': [nonce],
});

describe('the signature of a call', () => {
  it.each(SHAPES)('takes %s', (_name, body, params) => {
    const signature = signatureOver(`${NONCE}|POST|${URL_}|${params}`);
    const called = readCallback(KEY, post(body, signedWith(signature)));
    expect(called).toMatchObject({ ok: true, signedAt: 1_513_009_800_000, signature });
  });

  it('takes a query, decoded and sorted, however it was encoded', () => {
    const signature = signatureOver(
      `${NONCE}|GET|${URL_}|authy_id=688611&city=Z%C3%BCrich+8&device%5Bip%5D=&uuid=${UUID}`,
    );
    for (const query of [
      `uuid=${UUID}&city=Z%C3%BCrich+8&authy_id=688611&device[ip]=`,
      `device%5bip%5d&authy_id=%3688611&uuid=${UUID}&city=Z%c3%bcrich%208`,
    ]) {
      expect(readCallback(KEY, get(query, signedWith(signature)))).toMatchObject({ ok: true, about: `${UUID}:688611` });
    }
  });

  it('sorts a long list as text, indexes and all', () => {
    const list = Array.from({ length: 12 }, (_, index) => `v${index}`);
    const order = [0, 10, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((index) => `a%5B%5D=v${index}`).join('&');
    expect(readCallback(KEY, post({ a: list }, signedWith(signatureOver(`${NONCE}|POST|${URL_}|${order}`)))).ok).toBe(
      true,
    );
  });

  const params = `authy_id=688611&status=denied&uuid=${UUID}`;
  const body = { authy_id: 688611, status: 'denied', uuid: UUID };
  const right = signatureOver(`${NONCE}|POST|${URL_}|${params}`);
  const other = (text: string) => signedWith(signatureOver(text));
  it.each<[string, Callback]>([
    ['no signature', post(body, { 'x-authy-signature-nonce': [NONCE] })],
    ['no nonce', post(body, { 'x-authy-signature': [right] })],
    ['two signatures', post(body, { ...signedWith(right), 'x-authy-signature': [right, right] })],
    ['two nonces', post(body, { ...signedWith(right), 'x-authy-signature-nonce': [NONCE, NONCE] })],
    ['another nonce', post(body, signedWith(right, '1513009801'))],
    ['a nonce that is no time', post(body, signedWith(signatureOver(`x1|POST|${URL_}|${params}`), 'x1'))],
    ['another body', post({ ...body, status: 'approved' }, signedWith(right))],
    ['a field more', post({ ...body, x: null }, signedWith(right))],
    ['an empty signature', post(body, signedWith(''))],
    ['a shorter signature', post(body, signedWith(right.slice(0, -1)))],
    ['a longer signature', post(body, signedWith(`${right}=`))],
    ['another spelling of it', post(body, signedWith(right.replace('=', '')))],
    ['another address', post(body, other(`${NONCE}|POST|https://evil.test/_2fa/callbacks/authy|${params}`))],
    ['http for https', post(body, other(`${NONCE}|POST|http://lucy.test/_2fa/callbacks/authy|${params}`))],
    ['another method', post(body, other(`${NONCE}|GET|${URL_}|${params}`))],
    ['fields out of order', post(body, other(`${NONCE}|POST|${URL_}|uuid=${UUID}&authy_id=688611&status=denied`))],
    ['a GET with the signature of a POST', get(params, signedWith(right))],
  ])('refuses %s', (_name, callback) => {
    expect(readCallback(KEY, callback)).toEqual({ ok: false, reason: 'signature' });
  });

  it('refuses another key', () => {
    expect(readCallback(KEY, post(body, signedWith(right)))).toMatchObject({ ok: true });
    expect(readCallback(`${KEY}x`, post(body, signedWith(right)))).toEqual({ ok: false, reason: 'signature' });
  });

  it('refuses parts of list elements that were sorted without their indexes', () => {
    const logos = [
      { res: 'a', url: '1' },
      { res: 'b', url: '2' },
    ];
    const mixed = ['res%5D=a', 'res%5D=b', 'url%5D=1', 'url%5D=2'].map((part) => `logos%5B%5D%5B${part}`).join('&');
    expect(
      isSigned(
        { nonce: NONCE, method: 'POST', url: URL_, fields: bodyFields({ logos }) ?? [] },
        signatureOver(`${NONCE}|POST|${URL_}|${mixed}`),
        KEY,
      ),
    ).toBe(false);
  });
});

describe('what can be read in two ways', () => {
  it.each<[string, Json]>([
    ['a list', [1]],
    ['a text', 'uuid'],
    ['nothing', null],
    ['one name by two ways', { a: { b: 1 }, 'a[b]': 2 }],
    ['an element and a name like one', { a: [1], 'a[0]': 2 }],
  ])('has no fields: %s', (_name, body) => {
    expect(bodyFields(body)).toBeUndefined();
  });

  it.each([
    'uuid=1&uuid=2',
    'uuid=1&%75uid=2',
    'a=%C3',
    'a=%zz',
    'a=%',
    'a=ü',
    'a=1&&b=2',
    '=1',
    'a=1&',
    Array.from({ length: 201 }, (_, index) => `a${index}=1`).join('&'),
  ])('has no fields: query %#', (query) => {
    expect(queryFields(query)).toBeUndefined();
  });

  it('is told apart from a signature that is wrong', () => {
    expect(readCallback(KEY, get('a=1&a=1', signedWith('x')))).toEqual({ ok: false, reason: 'malformed' });
  });
});

describe('what a call is about', () => {
  const about = (json: { readonly [key: string]: Json }, params: string) =>
    readCallback(KEY, post(json, signedWith(signatureOver(`${NONCE}|POST|${URL_}|${params}`))));

  it('is one request of one person, whatever type the id has', () => {
    const name = `${UUID}:688611`;
    expect(about({ uuid: UUID, authy_id: '688611' }, `authy_id=688611&uuid=${UUID}`)).toMatchObject({ about: name });
    expect(about({ uuid: UUID, authy_id: 688611 }, `authy_id=688611&uuid=${UUID}`)).toMatchObject({ about: name });
  });

  it.each<[string, { readonly [key: string]: Json }, string]>([
    ['without an id', { uuid: UUID }, `uuid=${UUID}`],
    ['with an id that is none', { authy_id: '1/2', uuid: UUID }, `authy_id=1%2F2&uuid=${UUID}`],
    ['with a request that is none', { authy_id: 1, uuid: '../x' }, 'authy_id=1&uuid=..%2Fx'],
    ['with a request inside something else', { authy_id: 1, a: { uuid: UUID } }, `a%5Buuid%5D=${UUID}&authy_id=1`],
  ])('is nothing %s', (_name, json, params) => {
    const called = about(json, params);
    expect(called.ok).toBe(true);
    expect(called).not.toHaveProperty('about');
  });
});
