/** Headers that every page of ours carries, whoever writes it: Koa, or a refusal on a bare response (ASVS 3.4, 14.3.2). */

const CSP =
  "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; " +
  "connect-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'";

const ALWAYS: Readonly<Record<string, string>> = {
  'Content-Security-Policy': CSP,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy':
    'publickey-credentials-get=(self), publickey-credentials-create=(self), otp-credentials=(self), clipboard-write=(self), ' +
    'camera=(), microphone=(), geolocation=(), payment=(), usb=()',
  'Cache-Control': 'no-store',
  'X-Robots-Tag': 'noindex',
};

/** One year, the least that ASVS 3.4.1 takes. Without `includeSubDomains`: test domains may share the parent. */
const HSTS = 'max-age=31536000';

export function pageHeaders(publicUrl: string): Readonly<Record<string, string>> {
  return publicUrl.startsWith('https:') ? { ...ALWAYS, 'Strict-Transport-Security': HSTS } : ALWAYS;
}
