/**
 * What an operator says about Authy, and the checks without which the client must not be built. Never prints the key.
 */
import type { Channel } from '../factor.ts';

export interface AuthyOptions {
  /** Sent in a header to `baseUrl` and nowhere else. */
  readonly apiKey: string;
  /** `https://api.authy.com`; plain http only to this machine (a stand-in). */
  readonly baseUrl: string;
  /** For one whole call; default 5000. */
  readonly timeoutMs?: number;
  /** Ways in which a code may be sent on request; default both. Empty: only the app. */
  readonly channels?: readonly Channel[];
  /** Whether a request may be sent to the app, to approve or deny; default no. */
  readonly push?: boolean;
  /** Whether the service calls us when a request was answered; default no. */
  readonly pushCallback?: boolean;
  /** Completes account names that are no e-mail address, because Authy wants one: `<name>@<emailDomain>`. */
  readonly emailDomain: string;
  /** Language of texts and calls, a BCP 47 tag; default is the service's choice. */
  readonly locale?: string;
}

export const DEFAULT_TIMEOUT_MS = 5000;

export type AuthyOptionProblem = 'api-key' | 'base-url' | 'email-domain';

export class AuthyOptionError extends Error {
  readonly code: AuthyOptionProblem;
  constructor(code: AuthyOptionProblem, message: string) {
    super(message);
    this.name = 'AuthyOptionError';
    this.code = code;
  }
}

export interface AuthyBase {
  readonly origin: string;
  /** Without a slash at its end. */
  readonly path: string;
}

/** @throws AuthyOptionError; the message names the option and never its secret value. */
export function checkOptions(options: AuthyOptions): AuthyBase {
  if (!/^[\x21-\x7e]{1,200}$/.test(options.apiKey)) {
    throw new AuthyOptionError('api-key', 'the Authy API key is empty or has characters that no key has');
  }
  if (!/^[a-z0-9-]+(?:\.[a-z0-9-]+)*$/i.test(options.emailDomain)) {
    throw new AuthyOptionError('email-domain', `emailDomain must be a domain name, not "${options.emailDomain}"`);
  }
  const url = URL.canParse(options.baseUrl) ? new URL(options.baseUrl) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new AuthyOptionError('base-url', 'baseUrl must be an https address');
  }
  // The key and the codes would be readable on the way.
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    throw new AuthyOptionError('base-url', 'baseUrl must be https; plain http is for this machine only');
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new AuthyOptionError('base-url', 'baseUrl must have no user, query or fragment');
  }
  return { origin: url.origin, path: url.pathname.replace(/\/+$/, '') };
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}

/** The e-mail address that `begin` sends: the identity if it is one, else one made of it. Not a key of anything at Authy. */
export function emailFor(identity: string, emailDomain: string): string {
  if (/^[^\s@<>",;:\\()[\]]{1,64}@[a-z0-9-]+(?:\.[a-z0-9-]+)+$/i.test(identity) && identity.length <= 254)
    return identity;
  const local = identity
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^A-Za-z0-9_+-]+/g, '.')
    .replace(/^\.+|\.+$/g, '')
    .slice(0, 64)
    .replace(/\.$/, '');
  return `${local === '' ? 'user' : local}@${emailDomain}`;
}
