/** Using a key: every line of WebAuthn 7.2 that a relying party must check, each by an answer that breaks that line alone. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Asked } from '../../../src/factors/factor.ts';
import { createPasskey, type PasskeyOptions } from '../../../src/factors/passkey/passkey.ts';
import type { Enrolment, Identity } from '../../../src/gate/types.ts';
import { type Answer, type Lies, SoftKey } from '../../fakes/authenticator.ts';
import { askedAbout } from '../asked.ts';

const ORIGIN = 'https://lucy.test';
const mac = (label: string, text: string) => Buffer.from(`${text}-${label}`.padEnd(32).slice(0, 32));
const site = { service: 'Lucy', publicUrl: new URL(ORIGIN) };
const factorWith = (options: PasskeyOptions = {}) => createPasskey(options, { randomBytes, mac, site });
const factor = factorWith();

async function question(asked: Asked) {
  const opened = await factor.open?.(asked);
  if (opened?.ok !== true) throw new Error('nothing was opened');
  return opened;
}

/** A key that is enrolled. */
async function enrolled(id: string, prepare: (key: SoftKey) => void = () => undefined, identity = 'anna@example.com') {
  const key = new SoftKey(ORIGIN);
  prepare(key);
  const draft: Enrolment = { id, factor: 'passkey', data: {}, createdAt: 0 };
  const asked = askedAbout(draft, { purpose: 'enrol', person: { identity: identity as Identity } });
  const { state, shown } = await question(asked);
  const made = await factor.verify({ ...asked, state }, key.create(shown));
  if (!made.ok) throw new Error(made.reason);
  return { key, enrolment: { ...draft, data: made.data ?? null } };
}

async function use(lies: Lies, options: PasskeyOptions = {}, prepare?: (key: SoftKey) => void) {
  const { key, enrolment } = await enrolled('e1', prepare);
  const asked = askedAbout(enrolment);
  const { state, shown } = await question(asked);
  return factorWith(options).verify({ ...asked, state }, key.get(shown, lies));
}

const REFUSED = { ok: false, reason: 'wrong' };

describe('an answer of a key', () => {
  it('is taken when every line holds', async () => {
    expect(await use({})).toEqual({ ok: true, step: 0, enrolment: 'e1' });
    expect(await use({ userHandle: null })).toMatchObject({ ok: true });
    expect(await use({ flags: { uv: false, bs: false } })).toMatchObject({ ok: true });
    expect(await use({ counter: 9 })).toMatchObject({ step: 9 });
  });

  const sent = (change: (answer: Answer) => object): Lies => ({ sent: (answer) => ({ ...answer, ...change(answer) }) });
  const responded = (change: object): Lies => sent(({ response }) => ({ response: { ...response, ...change } }));
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const flipped = (text: unknown) => {
    const bytes = Buffer.from(String(text), 'base64url');
    bytes[36] = (bytes[36] ?? 0) ^ 1;
    return bytes.toString('base64url');
  };

  it.each<[string, Lies]>([
    ['the id is unknown', { credentialId: randomBytes(32) }],
    ['the id is empty', sent(() => ({ id: '', rawId: '' }))],
    ['the two ids differ', sent(() => ({ rawId: 'AAAA' }))],
    [
      'the user handle is another person’s',
      { userHandle: mac('passkey-user', 'bob@example.com').toString('base64url') },
    ],
    ['the user handle is empty', { userHandle: '' }],
    ['the type is that of making a key', { type: 'webauthn.create' }],
    ['the challenge is another one', { challenge: randomBytes(32).toString('base64url') }],
    ['the challenge is empty', { challenge: '' }],
    ['the origin is foreign', { origin: 'https://evil.test' }],
    ['the origin is below ours', { origin: 'https://www.lucy.test' }],
    ['the origin has another port', { origin: 'https://lucy.test:8443' }],
    ['the origin is not https', { origin: 'http://lucy.test' }],
    ['it was asked in a frame of another origin', { client: { crossOrigin: true } }],
    ['another page is on top', { client: { topOrigin: 'https://evil.test' } }],
    ['another page is on top of a frame', { client: { crossOrigin: true, topOrigin: ORIGIN } }],
    ['the hash is of another RP ID', { rpId: 'evil.test' }],
    ['the hash is of a parent of the RP ID', { rpId: 'test' }],
    ['nobody was there', { flags: { up: false } }],
    ['it may not be synced any more', { flags: { be: false, bs: false } }],
    ['it is backed up without being allowed to', { flags: { be: false, bs: true } }],
    ['another key signed', { key: other }],
    ['the signature is empty', responded({ signature: '' })],
    [
      'the authenticator data were changed',
      sent(({ response }) => ({
        response: { ...response, authenticatorData: flipped(response['authenticatorData']) },
      })),
    ],
    [
      'the client data were changed',
      sent(({ response }) => ({
        response: { ...response, clientDataJSON: flipped(response['clientDataJSON']) },
      })),
    ],
    ['bytes follow the authenticator data', { tail: Buffer.from('more') }],
    ['the kind of credential is another', sent(() => ({ type: 'password' }))],
    ['the signature is missing', responded({ signature: undefined })],
    ['the authenticator data are no text', responded({ authenticatorData: [1] })],
    ['the response is a list', sent(() => ({ response: [] }))],
  ])('is refused when %s', async (_what, lies) => {
    expect(await use(lies)).toEqual(REFUSED);
  });

  it('is refused when a key that stayed on its device says that it is synced now', async () => {
    const bound = (key: SoftKey) => {
      key.flags = { ...key.flags, be: false, bs: false };
    };
    expect(await use({}, {}, bound)).toMatchObject({ ok: true });
    expect(await use({ flags: { be: true, bs: true } }, {}, bound)).toEqual(REFUSED);
  });

  it('is refused when it does not know its owner and the configuration wants that', async () => {
    expect(await use({ flags: { uv: false } }, { userVerification: 'required' })).toEqual(REFUSED);
    expect(await use({}, { userVerification: 'required' })).toMatchObject({ ok: true });
  });

  it('says which of several keys it was, and takes nobody else’s', async () => {
    const [one, two] = [await enrolled('e1'), await enrolled('e2')];
    const bob = await enrolled('e3', undefined, 'bob@example.com');
    const asked = askedAbout(one.enrolment, { others: [two.enrolment] });
    const { state, shown } = await question(asked);
    expect(await factor.verify({ ...asked, state }, two.key.get(shown))).toMatchObject({ ok: true, enrolment: 'e2' });
    expect(await factor.verify({ ...asked, state }, bob.key.get(shown))).toEqual(REFUSED);
    expect(
      await factor.verify({ ...asked, state }, bob.key.get(shown, { credentialId: one.key.credentialId })),
    ).toEqual(REFUSED);
  });

  it('is refused when it was made for another question, and when none is open', async () => {
    const { key, enrolment } = await enrolled('e1');
    const asked = askedAbout(enrolment);
    const [first, second] = [await question(asked), await question(asked)];
    expect(await factor.verify({ ...asked, state: second.state }, key.get(first.shown))).toEqual(REFUSED);
    expect(await factor.verify(asked, key.get(first.shown))).toEqual({ ok: false, reason: 'expired' });
  });

  it('proves nothing when what is kept of the key is damaged (I6)', async () => {
    const { key, enrolment } = await enrolled('e1');
    const { publicKey: _gone, ...rest } = enrolment.data as { publicKey: string };
    const asked = askedAbout({ ...enrolment, data: rest });
    const { state, shown } = await question(asked);
    expect(await factor.verify({ ...asked, state }, key.get(shown))).toEqual(REFUSED);
  });
});

describe('the question for a key', () => {
  it('names the RP ID of publicUrl and the person’s keys, and has a fresh challenge', async () => {
    const { key, enrolment } = await enrolled('e1');
    const [one, two] = [await question(askedAbout(enrolment)), await question(askedAbout(enrolment))];
    expect(one).toMatchObject({
      lifeMs: 300_000,
      shown: {
        rpId: 'lucy.test',
        userVerification: 'preferred',
        allowCredentials: [{ type: 'public-key', id: key.id, transports: ['internal', 'hybrid'] }],
      },
    });
    expect(one.state).not.toEqual(two.state);
  });
});
