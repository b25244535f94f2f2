/**
 * Whom we take for the application when it is reached over TLS (ASVS 12.3.2): a chain to a CA and the right name, or a key
 * that was pinned, or both. There is no third way: nothing is ever accepted silently.
 */
import { createHash, timingSafeEqual, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import type { Clock } from '../clock.ts';

export interface TlsRules {
  /** PEM; replaces the CAs of the machine. */
  readonly ca?: string;
  /** `sha256/<base64>` of the public key (SPKI), or the hex SHA-256 fingerprint of the certificate, colons allowed. */
  readonly pin?: string;
  /** Name in the certificate and in SNI, when it is not the one in the URL. */
  readonly servername?: string;
}

export type Pin = { readonly of: 'key' | 'certificate'; readonly sha256: Buffer };

/** @throws TypeError when the text is no pin: a typing error must not turn the check off. */
export function parsePin(text: string): Pin {
  const key = /^sha256\/{1,2}([A-Za-z0-9+/]{43}=)$/.exec(text);
  if (key?.[1] !== undefined) return { of: 'key', sha256: Buffer.from(key[1], 'base64') };
  const hex = text.replaceAll(':', '');
  if (/^[0-9a-fA-F]{64}$/.test(hex)) return { of: 'certificate', sha256: Buffer.from(hex, 'hex') };
  throw new TypeError('a pin is sha256/<base64> of a public key or the hex SHA-256 fingerprint of a certificate');
}

/** @param certificate DER of the certificate that the other side showed. */
export function matchesPin(certificate: Buffer, pin: Pin): boolean {
  const bytes =
    pin.of === 'certificate'
      ? certificate
      : new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' });
  return timingSafeEqual(createHash('sha256').update(bytes).digest(), pin.sha256);
}

export interface Trust {
  readonly options: ConnectionOptions;
  /** The TLS session of an earlier connection that was trusted, for a short handshake; `undefined` for a full one. */
  session(): Buffer | undefined;
  /** Only for what a connection brings after it was trusted: a session proves the key of that connection, so a pin holds on. */
  remember(session: Buffer): void;
  /** After a connection failed or was not trusted: the next one makes a full handshake. */
  forget(): void;
  /** The pin, asked once after the handshake (which checks the chain) and before a byte is sent. */
  trusts(socket: TLSSocket): boolean;
}

/** How long a session may be used again, in ms: name and chain are looked at in full handshakes only. */
const SESSION_MS = 600_000;

/** @throws TypeError for a bad pin. */
export function trustOf(host: string, rules: TlsRules, clock: Clock): Trust {
  const pin = rules.pin === undefined ? undefined : parsePin(rules.pin);
  const name = rules.servername ?? host;
  // A pin without a CA is for self-signed certificates: the chain proves nothing there, the pin is the whole check.
  const byChain = pin === undefined || rules.ca !== undefined;
  const options: ConnectionOptions = {
    ALPNProtocols: ['http/1.1'],
    minVersion: 'TLSv1.2',
    rejectUnauthorized: byChain,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    ...(rules.ca === undefined ? {} : { ca: rules.ca }),
  };
  let kept: { readonly session: Buffer; readonly at: number } | undefined;
  return {
    options,
    session() {
      if (kept !== undefined && clock.now() - kept.at > SESSION_MS) kept = undefined;
      return kept?.session;
    },
    remember(session) {
      kept = { session, at: clock.now() };
    },
    forget() {
      kept = undefined;
    },
    trusts(socket) {
      // A session is offered only if its first connection was trusted, and only the holder of that key can take it up; Node
      // has no certificate to show then.
      if (pin === undefined || socket.isSessionReused()) return true;
      const certificate: Buffer | undefined = socket.getPeerCertificate().raw;
      return certificate !== undefined && matchesPin(certificate, pin);
    },
  };
}
