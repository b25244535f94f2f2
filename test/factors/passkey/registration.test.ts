/** Making a key: every line of WebAuthn 7.1 that a relying party must check, each by an answer that breaks that line alone. */
import { randomBytes, sign, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Asked } from '../../../src/factors/factor.ts';
import { createPasskey, type PasskeyOptions } from '../../../src/factors/passkey/passkey.ts';
import type { Enrolment, Json } from '../../../src/gate/types.ts';
import { type Cbor, type Lies, type Made, SoftKey } from '../../fakes/authenticator.ts';
import { cert, key as certKey } from '../../upstream/certificates.ts';
import { askedAbout } from '../asked.ts';

const ORIGIN = 'https://lucy.test';
const DRAFT: Enrolment = { id: 'draft-1', factor: 'passkey', data: {}, createdAt: 0 };

function factorAt(publicUrl: string, options: PasskeyOptions = {}) {
  const mac = (label: string, text: string) => Buffer.from(`${label}-${text}`.padEnd(32).slice(0, 32));
  return createPasskey(options, { randomBytes, mac, site: { service: 'Lucy', publicUrl: new URL(publicUrl) } });
}

async function open(factor: ReturnType<typeof factorAt>, others: readonly Enrolment[] = []) {
  const asked = askedAbout(DRAFT, { purpose: 'enrol', question: DRAFT.id, others });
  const opened = await factor.open?.(asked);
  if (opened?.ok !== true) throw new Error('nothing was opened');
  const { state, shown } = opened;
  return { shown, asked: { ...asked, state } satisfies Asked };
}

async function register(lies: Lies, options: PasskeyOptions = {}, key = new SoftKey(ORIGIN)) {
  const factor = factorAt(ORIGIN, options);
  const { shown, asked } = await open(factor);
  return factor.verify(asked, key.create(shown, lies));
}

describe('a new key', () => {
  it('is taken when every line holds, and what is kept of it is what later answers are judged by', async () => {
    const key = new SoftKey(ORIGIN);
    const answer = await register({}, {}, key);
    expect(answer).toEqual({
      ok: true,
      step: 0,
      data: {
        credentialId: key.id,
        publicKey: expect.stringMatching(/^[\w-]{100,}$/),
        transports: ['internal', 'hybrid'],
        user: expect.any(String),
        isSynced: true,
      },
    });
  });

  it('may be one that stays on its device, counts, and does not know who touches it', async () => {
    const key = new SoftKey(ORIGIN);
    key.counter = 7;
    const answer = await register({ flags: { uv: false, be: false, bs: false } }, {}, key);
    expect(answer).toMatchObject({ ok: true, step: 7, data: { isSynced: false } });
  });

  const changed = (change: (answer: { [name: string]: unknown }) => void): Lies => ({
    sent: (answer) => {
      const copy = structuredClone(answer) as unknown as { [name: string]: unknown };
      change(copy);
      return copy;
    },
  });
  /** FIDO U2F, right in every line: only that it is there at all is wrong. */
  const certified = ({ authData, clientDataHash, credentialId, keys }: Made): Cbor => {
    const { x = '', y = '' } = keys.publicKey.export({ format: 'jwk' });
    const point = Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
    const signed = Buffer.concat([Buffer.alloc(1), authData.subarray(0, 32), clientDataHash, credentialId, point]);
    return new Map<Cbor, Cbor>([
      ['sig', sign('sha256', signed, certKey)],
      ['x5c', [new X509Certificate(cert).raw]],
    ]);
  };
  const attested = (fmt: string, statement: (made: Made) => Cbor): Lies => ({ attestation: { fmt, statement } });

  it.each<[string, Lies]>([
    ['the type is that of a login', { type: 'webauthn.get' }],
    ['the type is unknown', { type: 'webauthn.create ' }],
    ['the challenge is another one', { challenge: randomBytes(32).toString('base64url') }],
    ['the challenge is empty', { challenge: '' }],
    ['the origin is foreign', { origin: 'https://evil.test' }],
    ['the origin is a longer name', { origin: 'https://lucy.test.evil.test' }],
    ['the origin is below ours', { origin: 'https://www.lucy.test' }],
    ['the origin has another port', { origin: 'https://lucy.test:8443' }],
    ['the origin is not https', { origin: 'http://lucy.test' }],
    ['it was made in a frame of another origin', { client: { crossOrigin: true } }],
    ['crossOrigin is no truth value', { client: { crossOrigin: 'false' } }],
    ['another page is on top', { client: { topOrigin: 'https://evil.test' } }],
    ['our own page is said to be on top', { client: { topOrigin: ORIGIN } }],
    ['the hash is of another RP ID', { rpId: 'evil.test' }],
    ['the hash is of a parent of the RP ID', { rpId: 'test' }],
    ['nobody was there', { flags: { up: false } }],
    ['it is backed up without being allowed to', { flags: { be: false, bs: true } }],
    ['the algorithm was not offered', { alg: -47 }],
    ['the credential id is too long', { credentialId: randomBytes(1024) }],
    ['a certificate attests it', attested('fido-u2f', certified)],
    ['a certificate attests it, under another name', attested('packed', certified)],
    ['none is attested, with a statement', attested('none', () => new Map([['sig', 'x']]))],
    [
      'somebody else attests it',
      attested(
        'packed',
        () =>
          new Map<Cbor, Cbor>([
            ['alg', -7],
            ['sig', Buffer.alloc(70)],
          ]),
      ),
    ],
    ['the attestation is unknown', attested('house', () => new Map())],
    ['bytes follow the authenticator data', { tail: Buffer.from('more') }],
    ['the id is not the one that was attested', changed((a) => Object.assign(a, { id: 'AAAA', rawId: 'AAAA' }))],
    ['the two ids differ', changed((a) => Object.assign(a, { rawId: 'AAAA' }))],
    ['the kind of credential is another', changed((a) => Object.assign(a, { type: 'password' }))],
    [
      'the client data are missing',
      changed((a) => delete (a['response'] as { clientDataJSON?: unknown }).clientDataJSON),
    ],
    ['the client data are no JSON', changed((a) => Object.assign(a['response'] as object, { clientDataJSON: 'e30x' }))],
    ['the client data are a list', changed((a) => Object.assign(a['response'] as object, { clientDataJSON: 'W10' }))],
    [
      'the attestation is no CBOR',
      changed((a) => Object.assign(a['response'] as object, { attestationObject: 'AAAA' })),
    ],
    ['there is no response', changed((a) => delete a['response'])],
    ['it is a list', { sent: () => [] }],
    ['it is nothing', { sent: () => null }],
  ])('is refused when %s', async (_what, lies) => {
    expect(await register(lies)).toEqual({ ok: false, reason: 'wrong' });
  });

  it('is refused when it does not know its owner and the configuration wants that', async () => {
    const strict = { userVerification: 'required' } as const;
    expect(await register({ flags: { uv: false } }, strict)).toEqual({ ok: false, reason: 'wrong' });
    expect(await register({}, strict)).toMatchObject({ ok: true });
  });

  it('is refused when no question is open, and when the answer is no JSON', async () => {
    const factor = factorAt(ORIGIN);
    const { shown, asked } = await open(factor);
    const right = new SoftKey(ORIGIN).create(shown);
    const { state: _state, ...unasked } = asked;
    expect(await factor.verify(unasked, right)).toEqual({ ok: false, reason: 'expired' });
    expect(await factor.verify({ ...asked, state: 'damaged' }, right)).toEqual({ ok: false, reason: 'expired' });
    expect(await factor.verify(asked, '{')).toEqual({ ok: false, reason: 'wrong' });
    expect(await factor.verify(asked, right)).toMatchObject({ ok: true });
  });

  it('may attest itself, as some do although nobody asked', async () => {
    const itself = ({ authData, clientDataHash, keys }: Made): Cbor =>
      new Map<Cbor, Cbor>([
        ['alg', -7],
        ['sig', sign('sha256', Buffer.concat([authData, clientDataHash]), keys.privateKey)],
      ]);
    expect(await register(attested('packed', itself))).toMatchObject({ ok: true });
  });
});

describe('the question for a new key', () => {
  it('names the service by publicUrl, has a fresh challenge, and nothing of a person in the handle', async () => {
    const factor = factorAt('https://lucy.test:8443');
    const [one, two] = [await open(factor), await open(factor)];
    expect(one.shown).toMatchObject({
      rp: { id: 'lucy.test', name: 'Lucy' },
      user: { name: 'anna@example.com' },
      attestation: 'none',
      timeout: 300_000,
      excludeCredentials: [],
      authenticatorSelection: { userVerification: 'preferred' },
    });
    const challenges = [one, two].map(({ shown }) => (shown as { challenge: string }).challenge);
    expect(new Set(challenges).size).toBe(2);
    expect(Buffer.from(challenges[0] ?? '', 'base64url')).toHaveLength(32);
    const { user } = one.shown as { user: { id: string } };
    expect(Buffer.from(user.id, 'base64url')).toHaveLength(32);
    expect((two.shown as { user: { id: string } }).user.id).toBe(user.id);
  });

  it('names the keys that the person has already, so that no device makes a second one', async () => {
    const factor = factorAt(ORIGIN);
    const registered = await register({});
    const data: Json = registered.ok ? (registered.data ?? null) : null;
    const { shown } = await open(factor, [{ ...DRAFT, id: 'e1', data }]);
    const { credentialId } = data as { credentialId: string };
    expect(shown).toMatchObject({ excludeCredentials: [{ id: credentialId, transports: ['internal', 'hybrid'] }] });
  });
});
