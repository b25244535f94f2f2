/**
 * Finds the forms of a page as a person would fill them in. No script, no styles, no tolerance for broken markup.
 */
import type { Header } from './raw-http.ts';

/** Input fields of a page's forms, entities decoded; unchecked boxes and buttons without a name are left out. */
export function formsOf(html: string): { action: string; inputs: Header[] }[] {
  const forms: { action: string; inputs: Header[] }[] = [];
  for (const match of html.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/gi)) {
    const inputs: Header[] = [];
    for (const [tag] of (match[2] ?? '').matchAll(/<(?:input|button|select|textarea)\b[^>]*>/gi)) {
      const name = attribute(tag, 'name');
      const type = attribute(tag, 'type')?.toLowerCase();
      if (name === undefined || tag.toLowerCase().startsWith('<button')) continue;
      if ((type === 'checkbox' || type === 'radio') && !/\schecked\b/i.test(tag)) continue;
      inputs.push([name, attribute(tag, 'value') ?? '']);
    }
    forms.push({ action: attribute(match[1] ?? '', 'action') ?? '', inputs });
  }
  return forms;
}

export function attribute(tag: string, name: string): string | undefined {
  const match = new RegExp(`(?:^|\\s)${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s>]+))`, 'i').exec(tag);
  const value = match?.[1] ?? match?.[2] ?? match?.[3];
  return value === undefined ? undefined : unescapeHtml(value);
}

function unescapeHtml(text: string): string {
  const named: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
  return text.replace(/&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi, (whole, decimal, hex, name) => {
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
    return named[String(name)] ?? whole;
  });
}
