/**
 * Could the query of a request log somebody in? Some applications take credentials from any address (DokuWiki's `u` and `p`),
 * magic links and single sign-on from an address of their own. Pure; a wrong yes costs one question to the application, a
 * wrong no an account switch that nobody notices where the session id stays (T3).
 */

/** Parts of names under which credentials travel in queries, and the short names that applications use for them. */
const TELLING =
  /pass|pwd|secret|token|ticket|auth|login|logon|user|account|sso|saml|oauth|code|key|hash|sign|otp|magic|invite|reset|switch|imperson/i;
const SHORT = /^(?:u|p|n|k|t|pw|un|sid)$/i;

/** @param names the names of the query, as the sloppiest application would read them. */
export function mayCarryCredentials(names: readonly string[]): boolean {
  return names.some((name) => TELLING.test(name) || SHORT.test(name));
}
