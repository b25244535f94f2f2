/**
 * Values that the application hands out and recognises later: masked CSRF tokens, signed cookies, bearer tokens. Keys are
 * made at start and live as long as the process.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const TOKEN_BYTES = 20;

export class Tokens {
  readonly #key = randomBytes(32);
  readonly #issued = new Set<string>();

  /** A fresh CSRF secret, hex. */
  csrfSecret(): string {
    return randomBytes(TOKEN_BYTES).toString('hex');
  }

  /** Yii hides the token behind a new mask each time it is written (BREACH), so no two copies are equal. */
  mask(secret: string): string {
    const mask = randomBytes(TOKEN_BYTES);
    return Buffer.concat([mask, xor(mask, Buffer.from(secret, 'hex'))]).toString('base64url');
  }

  unmask(masked: string | undefined): string | undefined {
    const bytes = Buffer.from(masked ?? '', 'base64url');
    if (bytes.length !== 2 * TOKEN_BYTES) return undefined;
    return xor(bytes.subarray(0, TOKEN_BYTES), bytes.subarray(TOKEN_BYTES)).toString('hex');
  }

  /** A cookie value: HMAC in hex, then the content. */
  sign(content: string): string {
    return this.#mac('sha1', content).toString('hex') + content;
  }

  /** The content, or `undefined` when it was not signed here. */
  open(signed: string | undefined): string | undefined {
    const mac = Buffer.from((signed ?? '').slice(0, 40), 'hex');
    const content = (signed ?? '').slice(40);
    return mac.length === 20 && timingSafeEqual(mac, this.#mac('sha1', content)) ? content : undefined;
  }

  /** A JWT (HS512) for the REST interface, good for an hour. */
  issueBearer(email: string, now: number): string {
    const head = encode({ alg: 'HS512', typ: 'JWT' });
    const body = encode({ sub: email, exp: Math.floor(now / 1000) + 3600, jti: randomBytes(6).toString('hex') });
    const token = `${head}.${body}.${this.#mac('sha512', `${head}.${body}`).toString('base64url')}`;
    this.#issued.add(token);
    return token;
  }

  /** Whose token an Authorization header carries. */
  bearer(authorization: string | undefined, now: number): string | undefined {
    const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
    if (token === undefined || !this.#issued.has(token)) return undefined;
    const claims: { sub: string; exp: number } = JSON.parse(
      Buffer.from(token.split('.')[1] ?? '', 'base64url').toString(),
    );
    return claims.exp * 1000 > now ? claims.sub : undefined;
  }

  #mac(algorithm: 'sha1' | 'sha512', content: string): Buffer {
    return createHmac(algorithm, this.#key).update(content).digest();
  }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function xor(left: Buffer, right: Buffer): Buffer {
  return Buffer.from(left.map((byte, at) => byte ^ (right[at] ?? 0)));
}
