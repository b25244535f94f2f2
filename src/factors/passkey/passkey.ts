/**
 * Passkeys and security keys (WebAuthn): the one factor that a false page cannot pass on, because the browser itself says
 * where it was asked. Checked here, without any outside service. The challenge lives with the caller, for one login and one
 * answer; that counters rise is the caller's to hold too, with the `step` of a verification.
 */
import type { Enrolment, Json } from '../../gate/types.ts';
import type { Asked, Begun, Factor, Instructions, Opened as Opening, Sending, Verification } from '../factor.ts';
import { ALGORITHMS, checkAssertion, checkRegistration, prepare, type RelyingParty } from './checks.ts';
import { type Credential, credentialOf, openedOf } from './data.ts';

export interface PasskeyOptions {
  /** Whether the key must know its owner (PIN, fingerprint), or may be a key that anybody can touch. Default `preferred`. */
  readonly userVerification?: 'preferred' | 'required';
}

export interface PasskeyNeeds {
  readonly randomBytes: (count: number) => Buffer;
  readonly mac: (label: string, text: string) => Buffer;
  /** RP ID and origin come from here alone. */
  readonly site: { readonly service: string; readonly publicUrl: URL };
}

/** At least 16 (WebAuthn 13.4.3). */
const CHALLENGE_BYTES = 32;
/** Lengths of the ids that most authenticators give, in bytes: for each of the keys that a person can have. */
const DECOY_BYTES = [16, 20, 32, 48, 64, 16, 20, 32, 48, 64];
/** How long a person may take, in ms; the challenge lives as long. */
const TIMEOUT_MS = 300_000;

export function createPasskey(options: PasskeyOptions, { randomBytes, mac, site }: PasskeyNeeds): Factor {
  const userVerification = options.userVerification ?? 'preferred';
  const party: RelyingParty = {
    id: site.publicUrl.hostname,
    origin: site.publicUrl.origin,
    requiresUserVerification: userVerification === 'required',
  };

  prepare().catch(() => undefined); // what is wrong with it shows at the first answer, as an outage

  /** How an authenticator tells people apart: the same for all keys of one person, and nothing that names them. */
  const handleOf = (identity: string): string => mac('passkey-user', identity).toString('base64url');

  return {
    id: 'passkey',
    answer: 'assertion',
    digits: { min: 0, max: 0 },
    channels: [],
    needs: 'nothing',
    several: true,
    singleUse: 'answer',

    discloses: () => [],

    async begin(): Promise<Begun> {
      return { ok: true, data: {} };
    },

    async instructions(): Promise<Instructions> {
      return {};
    },

    async open({ enrolment, others, person, purpose }: Asked): Promise<Opening> {
      const challenge = randomBytes(CHALLENGE_BYTES).toString('base64url');
      const user = handleOf(person.identity);
      const own = credentialsOf([enrolment, ...others]);
      const shown = purpose === 'enrol' ? creation(user, person.identity, own) : request(own);
      return { ok: true, state: { challenge, user }, shown: { ...shown, challenge }, lifeMs: TIMEOUT_MS };
    },

    async verify({ enrolment, others, purpose, state }: Asked, answer: string): Promise<Verification> {
      const opened = openedOf(state);
      if (opened === undefined) return { ok: false, reason: 'expired' };
      if (purpose === 'enrol') {
        const checked = await checkRegistration(party, opened, answer);
        if (checked === undefined) return { ok: false, reason: 'wrong' };
        return { ok: true, step: checked.counter, data: { ...checked.credential } };
      }
      const all = [enrolment, ...others];
      const checked = await checkAssertion(party, opened, answer, credentialsOf(all));
      if (checked === undefined) return { ok: false, reason: 'wrong' };
      const answered = all.find(({ data }) => credentialOf(data)?.credentialId === checked.credential.credentialId);
      return answered === undefined
        ? { ok: false, reason: 'wrong' }
        : { ok: true, step: checked.counter, enrolment: answered.id };
    },

    isSame(one: Json, other: Json): boolean {
      const id = credentialOf(one)?.credentialId;
      return id !== undefined && id === credentialOf(other)?.credentialId;
    },

    async send(): Promise<Sending> {
      return { sent: false, reason: 'channel-off' };
    },

    decoy: (identity) => ({ ...decoyOf(identity, 0) }),

    /** Without the ways to a key, which would tell a stick from a phone. */
    crowd(identity, own) {
      const real = own.flatMap((data) => credentialOf(data) ?? []);
      const spare = DECOY_BYTES.map((_length, at) => decoyOf(identity, at));
      for (const { credentialId } of real) {
        const alike = spare.findIndex((one) => one.credentialId.length === credentialId.length);
        spare.splice(alike < 0 ? spare.length - 1 : alike, 1);
      }
      const all = [...real, ...spare].map((one) => ({ ...one, transports: [] }));
      return all.toSorted((a, b) => (a.credentialId < b.credentialId ? -1 : 1));
    },

    async remove(): Promise<void> {},
  };

  /** A key that nobody has; the same each time. */
  function decoyOf(identity: string, at: number): Credential {
    const bytes = [0, 1].map((half) => mac('passkey-decoy', JSON.stringify([identity, at, half])));
    const credentialId = Buffer.concat(bytes).subarray(0, DECOY_BYTES[at]).toString('base64url');
    return { credentialId, publicKey: '', transports: [], user: handleOf(identity), isSynced: true };
  }

  /** PublicKeyCredentialCreationOptionsJSON (WebAuthn 5.1.8), without the challenge. */
  function creation(user: string, name: string, existing: readonly Credential[]) {
    return {
      rp: { id: party.id, name: site.service },
      user: { id: user, name, displayName: name },
      pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: 'public-key', alg })),
      excludeCredentials: existing.map(descriptor),
      authenticatorSelection: { residentKey: 'preferred', requireResidentKey: false, userVerification },
      attestation: 'none',
      timeout: TIMEOUT_MS,
    };
  }

  /** PublicKeyCredentialRequestOptionsJSON (WebAuthn 5.1.9), without the challenge. */
  function request(own: readonly Credential[]) {
    return { rpId: party.id, allowCredentials: own.map(descriptor), userVerification, timeout: TIMEOUT_MS };
  }
}

function credentialsOf(enrolments: readonly Enrolment[]): readonly Credential[] {
  return enrolments.flatMap(({ data }) => credentialOf(data) ?? []);
}

function descriptor({ credentialId, transports }: Credential) {
  return { type: 'public-key', id: credentialId, ...(transports.length === 0 ? {} : { transports }) };
}
