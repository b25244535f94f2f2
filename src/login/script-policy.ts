/**
 * Whether a page's own policies (CSP Level 3) let it load a script file of its own origin. Asked, never changed: a policy that
 * says no is kept. In doubt the answer is no.
 */

/** Directives that speak about script files; the first of them that a policy has decides (CSP 6.8.3). */
const ABOUT_SCRIPT_FILES = ['script-src-elem', 'script-src', 'default-src'] as const;

/**
 * @param policies values of `Content-Security-Policy`, of the header and of `meta` elements; each may hold several.
 * @param origin public origin of the page.
 */
export function allowsOwnScript(policies: readonly string[], origin: string): boolean {
  return policies.flatMap((line) => line.split(',')).every((policy) => allows(policy, origin));
}

function allows(policy: string, origin: string): boolean {
  const directives = new Map<string, readonly string[]>();
  for (const text of policy.split(';')) {
    const [name, ...values] = text
      .toLowerCase()
      .split(/[\t\n\f\r ]+/)
      .filter((word) => word !== '');
    if (name !== undefined && !directives.has(name)) directives.set(name, values);
  }
  const sandbox = directives.get('sandbox');
  if (sandbox !== undefined && !sandbox.includes('allow-scripts')) return false;
  const name = ABOUT_SCRIPT_FILES.find((one) => directives.has(one));
  const sources = name === undefined ? undefined : directives.get(name);
  if (sources === undefined) return true;
  if (sources.includes("'strict-dynamic'")) return false; // hosts and 'self' say nothing beside it
  return sources.some((source) => source === "'self'" || source === '*' || source === origin);
}
