/**
 * An authenticator in software, with the browser around it: makes keys and signs with them (WebAuthn level 3, ES256), and
 * changes any part of what it says before it signs, as an attacker with a key of their own could. It never refuses by itself:
 * what is wrong must be found by who reads it.
 */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

export interface Flags {
  /** User present, user verified, backup eligible, backed up. */
  readonly up: boolean;
  readonly uv: boolean;
  readonly be: boolean;
  readonly bs: boolean;
}

/** What is said instead of the truth. */
export interface Lies {
  readonly type?: string;
  readonly challenge?: string;
  readonly origin?: string;
  /** Further members of the client data, for example `crossOrigin`. */
  readonly client?: Readonly<Record<string, unknown>>;
  readonly rpId?: string;
  readonly flags?: Partial<Flags>;
  readonly counter?: number;
  /** COSE algorithm of the new key. */
  readonly alg?: number;
  readonly credentialId?: Buffer;
  /** Format of the attestation, and its statement about what was made. */
  readonly attestation?: { readonly fmt: string; readonly statement: (made: Made) => Cbor };
  /** Who signs. */
  readonly key?: KeyObject;
  /** Bytes behind the authenticator data, within what is signed. */
  readonly tail?: Buffer;
  /** Base64url. */
  readonly userHandle?: string | null;
  /** The last word on what the browser sends. */
  readonly sent?: (answer: Answer) => unknown;
}

/** What an attestation can be about. */
export interface Made {
  readonly authData: Buffer;
  readonly clientDataHash: Buffer;
  readonly credentialId: Buffer;
  readonly keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
}

export interface Answer {
  readonly id: string;
  readonly rawId: string;
  readonly type: string;
  readonly clientExtensionResults: object;
  readonly response: Readonly<Record<string, unknown>>;
}

/** The members of the options that an authenticator reads; `creation` and `request` of the standard, as JSON. */
interface Creation {
  readonly challenge: string;
  readonly rp: { readonly id: string };
  readonly user: { readonly id: string };
}
interface Request {
  readonly challenge: string;
  readonly rpId: string;
}

export class SoftKey {
  readonly credentialId = randomBytes(32);
  readonly keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  readonly origin: string;
  flags: Flags = { up: true, uv: true, be: true, bs: true };
  /** Zero, and staying so, is an authenticator that does not count. */
  counter = 0;
  counts = false;
  #user = '';

  constructor(origin: string) {
    this.origin = origin;
  }

  get id(): string {
    return this.credentialId.toString('base64url');
  }

  /** Makes the key. @param options what the page got; @returns the text of the form field. */
  create(options: unknown, lies: Lies = {}): string {
    const { challenge, rp, user } = options as Creation;
    this.#user = user.id;
    const credentialId = lies.credentialId ?? this.credentialId;
    const length = Buffer.alloc(2);
    length.writeUInt16BE(credentialId.length);
    const attested = Buffer.concat([Buffer.alloc(16), length, credentialId, this.#coseKey(lies.alg ?? -7)]);
    const authData = this.#authData(rp.id, lies, attested);
    const clientData = this.#clientData('webauthn.create', challenge, lies);
    const made = { authData, clientDataHash: sha256(clientData), credentialId, keys: this.keys };
    const { fmt, statement } = lies.attestation ?? { fmt: 'none', statement: () => new Map() };
    const object = cbor(
      new Map<Cbor, Cbor>([
        ['fmt', fmt],
        ['attStmt', statement(made)],
        ['authData', authData],
      ]),
    );
    return this.#send(lies, credentialId, {
      clientDataJSON: clientData.toString('base64url'),
      attestationObject: object.toString('base64url'),
      transports: ['internal', 'hybrid'],
    });
  }

  /** Answers a challenge with the key. */
  get(options: unknown, lies: Lies = {}): string {
    const { challenge, rpId } = options as Request;
    if (this.counts) this.counter += 1;
    const authData = this.#authData(rpId, lies);
    const clientData = this.#clientData('webauthn.get', challenge, lies);
    const signed = Buffer.concat([authData, sha256(clientData)]);
    const userHandle = lies.userHandle === undefined ? this.#user : lies.userHandle;
    return this.#send(lies, lies.credentialId ?? this.credentialId, {
      clientDataJSON: clientData.toString('base64url'),
      authenticatorData: authData.toString('base64url'),
      signature: sign('sha256', signed, lies.key ?? this.keys.privateKey).toString('base64url'),
      ...(userHandle === null ? {} : { userHandle }),
    });
  }

  #send(lies: Lies, credentialId: Buffer, response: Answer['response']): string {
    const id = credentialId.toString('base64url');
    const answer: Answer = { id, rawId: id, type: 'public-key', clientExtensionResults: {}, response };
    return JSON.stringify(lies.sent === undefined ? answer : lies.sent(answer));
  }

  #clientData(type: string, challenge: string, lies: Lies): Buffer {
    return Buffer.from(
      JSON.stringify({
        type: lies.type ?? type,
        challenge: lies.challenge ?? challenge,
        origin: lies.origin ?? this.origin,
        crossOrigin: false,
        ...lies.client,
      }),
    );
  }

  #authData(rpId: string, lies: Lies, attested?: Buffer): Buffer {
    const { up, uv, be, bs } = { ...this.flags, ...lies.flags };
    const bits = [up, false, uv, be, bs, false, attested !== undefined, false];
    const flags = bits.reduce((sum, bit, place) => sum + (bit ? 1 << place : 0), 0);
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(lies.counter ?? this.counter);
    const rpIdHash = sha256(lies.rpId ?? rpId);
    return Buffer.concat([
      rpIdHash,
      Buffer.from([flags]),
      counter,
      attested ?? Buffer.alloc(0),
      lies.tail ?? Buffer.alloc(0),
    ]);
  }

  /** RFC 9053 7.1.1: an elliptic curve key with two coordinates. */
  #coseKey(alg: number): Buffer {
    const { x = '', y = '' } = this.keys.publicKey.export({ format: 'jwk' });
    return cbor(
      new Map<Cbor, Cbor>([
        [1, 2],
        [3, alg],
        [-1, 1],
        [-2, Buffer.from(x, 'base64url')],
        [-3, Buffer.from(y, 'base64url')],
      ]),
    );
  }
}

function sha256(data: Buffer | string): Buffer {
  return createHash('sha256').update(data).digest();
}

export type Cbor = number | string | Buffer | readonly Cbor[] | ReadonlyMap<Cbor, Cbor>;

/** As much of RFC 8949 as an authenticator says. */
export function cbor(value: Cbor): Buffer {
  if (typeof value === 'number') return value >= 0 ? head(0, value) : head(1, -1 - value);
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value]);
  if (value instanceof Map) {
    const pairs = [...value].flatMap(([key, one]) => [cbor(key), cbor(one)]);
    return Buffer.concat([head(5, value.size), ...pairs]);
  }
  const list = value as readonly Cbor[];
  return Buffer.concat([head(4, list.length), ...list.map(cbor)]);
}

function head(major: number, count: number): Buffer {
  const kind = major << 5;
  if (count < 24) return Buffer.from([kind | count]);
  if (count < 0x100) return Buffer.from([kind | 24, count]);
  return Buffer.from([kind | 25, count >> 8, count & 0xff]);
}
