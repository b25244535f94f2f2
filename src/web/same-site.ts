/**
 * Who sent this form? A page of ours, in this session: the browser's word (`Origin`, `Sec-Fetch-Site`) and the token of
 * the session must both say so (ASVS 3.5.1, attacks "login CSRF", "logout CSRF").
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isFromOwnPage } from '../gate/own-page.ts';

/**
 * Our own forms never say `Origin: null`, because layout.njk asks for the referrer policy `same-origin`; under `no-referrer`
 * browsers would blank the `Origin` of every form (Fetch 3.2.5).
 */
export function comesFromOwnPage(headers: IncomingHttpHeaders, publicUrl: string): boolean {
  return isFromOwnPage(headers.origin, single(headers['sec-fetch-site']), new URL(publicUrl).origin);
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(',') : value;
}
