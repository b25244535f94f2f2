/** How to end the application's own session: as the profile says, or as its logout links would. Sends nothing itself. */
import { hasBody } from './conditions.ts';
import { attributeOf, inputsOf, Page, type PageElement } from './page.ts';
import { canonicalTarget, isRefused } from './path.ts';
import { resolve } from './patterns.ts';
import type { SignOut } from './profile.ts';
import type { ProfileData } from './schema.ts';

export function compileSignOut(data: ProfileData): readonly SignOut[] {
  if (data.signOut === undefined) return data.logout.flatMap(fromLogout);
  const page = data.whoami?.path ?? data.home;
  return data.signOut.map((rule) => {
    if ('path' in rule) return { method: rule.method, path: rule.path };
    return { method: rule.method, path: page, findOn: (answer) => findLink(new Page(answer), rule.link, page) };
  });
}

/** A logout that is one plain address can be called as it is; one with a wildcard needs a value that only a page has. */
function fromLogout(rule: ProfileData['logout'][number]): SignOut[] {
  const method = rule.method ?? 'GET';
  if (method !== 'GET' && method !== 'POST') return [];
  const fields = Object.entries(rule.when ?? {}).map(([name, value]) => [name, String(value)] as [string, string]);
  if (fields.some(([, value]) => value.endsWith('*'))) return [];
  const query = new URLSearchParams(fields).toString();
  const read = canonicalTarget(encodeURI(rule.path).replaceAll('#', '%23') + (query === '' ? '' : `?${query}`));
  return isRefused(read) ? [] : [{ method, path: read.target }];
}

function findLink(page: Page, selector: string, base: string): string | undefined {
  for (const element of page.select(selector) ?? []) {
    const address = attributeOf(element, 'href') ?? addressOfForm(element);
    const place = address === undefined ? undefined : resolve(address, base);
    if (place !== undefined) return place.target;
  }
  return undefined;
}

/** A form by GET puts its hidden fields into the query; for one by POST only the token in its address is known. */
function addressOfForm(form: PageElement): string | undefined {
  const action = attributeOf(form, 'action');
  if (action === undefined || hasBody((attributeOf(form, 'method') ?? 'GET').toUpperCase())) return action;
  const fields = inputsOf(form).flatMap((input): [string, string][] => {
    const name = attributeOf(input, 'name');
    return name === undefined || attributeOf(input, 'type') !== 'hidden'
      ? []
      : [[name, attributeOf(input, 'value') ?? '']];
  });
  const path = action.split(/[?#]/)[0] ?? ''; // as a browser: the form's fields replace the query of its address
  return fields.length === 0 ? action : `${path}?${new URLSearchParams(fields)}`;
}
