/** The reader of OpenAPI documents refuses what the published interface of Twilio Verify does not have. */
import { expect, it } from 'vitest';
import { type Asked, checkerOf } from './openapi.ts';

const check = checkerOf('twilio-verify-v2.json');
const SERVICE = `VA${'b'.repeat(32)}`;
const headers = { authorization: 'Basic QTpi', 'content-type': 'application/x-www-form-urlencoded' };
const start: Asked = {
  method: 'POST',
  url: `/v2/Services/${SERVICE}/Verifications`,
  headers,
  body: 'To=%2B41791234567&Channel=sms',
};
const checks: Asked = { ...start, url: `/v2/Services/${SERVICE}/VerificationCheck` };
const sid = `VE${'c'.repeat(32)}`;

it.each<readonly [string, Asked]>([
  ['a start', start],
  ['a start with a language', { ...start, body: `${start.body}&Locale=de` }],
  ['a check', { ...checks, body: `VerificationSid=${sid}&Code=123456` }],
  ['a withdrawal', { ...start, url: `${start.url}/%2B41791234567`, body: 'Status=canceled' }],
])('takes %s', (_name, asked) => {
  expect(check(asked)).toBeUndefined();
});

it.each<readonly [string, Asked, RegExp]>([
  ['another method', { ...start, method: 'GET' }, /no such operation/],
  ['another path', { ...start, url: `${start.url}/a/b` }, /no such operation/],
  ['a query', { ...start, url: `${start.url}?To=1` }, /no query/],
  ['a service of another shape', { ...start, url: start.url.replace(SERVICE, 'VA1') }, /ServiceSid must not be "VA1"/],
  ['no credentials', { ...start, headers: { ...headers, authorization: 'Bearer a' } }, /basic authentication/],
  ['JSON', { ...start, headers: { ...headers, 'content-type': 'application/json' }, body: '{}' }, /content type/],
  ['no number', { ...start, body: 'Channel=sms' }, /To is missing/],
  ['names in small letters', { ...start, body: `${start.body}&to=1` }, /there is no field to/],
  ['a field twice', { ...start, body: `${start.body}&Channel=call` }, /Channel is there twice/],
  ['a field that is given up', { ...start, body: `${start.body}&CustomMessage=a` }, /CustomMessage must not be/],
  ['a verification of another shape', { ...checks, body: 'VerificationSid=VE1&Code=1' }, /VerificationSid must not/],
  ['a status that is none', { ...start, url: `${start.url}/${sid}`, body: 'Status=denied' }, /Status must not be/],
])('refuses %s', (_name, asked, problem) => {
  expect(check(asked)).toMatch(problem);
});
