/** Did a page of our own origin send this? The browser's word in two headers; no word at all counts as no (ASVS 3.5.1). Pure. */

/**
 * `Origin: null` is a foreign word too: sandboxed frames send it.
 * @param origin the `Origin` header; @param site `Sec-Fetch-Site`; @param own our public origin, from the configuration
 */
export function isFromOwnPage(origin: string | undefined, site: string | undefined, own: string): boolean {
  if (origin === undefined && site === undefined) return false;
  if (origin !== undefined && origin !== own) return false;
  return site === undefined || site === 'same-origin';
}
