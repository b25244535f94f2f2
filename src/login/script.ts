/**
 * Adds our script to the login page of an application: one element in front of the page's first script, or at the end of its
 * head. Every other byte stays, and a page that does not allow it, or is none, stays as it is. It never sees a password.
 */
import { type DefaultTreeAdapterTypes, defaultTreeAdapter, parse } from 'parse5';
import type { FlatHeaders, Reply } from '../upstream/upstream.ts';
import { allowsOwnScript } from './script-policy.ts';

type Node = DefaultTreeAdapterTypes.Node;
type Element = DefaultTreeAdapterTypes.Element;

/** Why a page went out as it came. */
export type LeftOut = 'no-page' | 'encoding' | 'policy';

/** What described the page without the script: nobody may compare with it, nor keep the page of a script that changes. */
const STALE = new Set([
  'accept-ranges',
  'cache-control',
  'content-digest',
  'content-length',
  'content-md5',
  'digest',
  'etag',
  'expires',
  'last-modified',
  'repr-digest',
]);

/** @param src path of the script on our own origin. */
export function withLoginScript(reply: Reply, src: string, origin: string): Reply | LeftOut {
  const type = valuesOf(reply.headers, 'content-type');
  const [only] = type;
  if (reply.status !== 200 || type.length !== 1 || only === undefined || !/^\s*text\/html\s*(?:;|$)/i.test(only))
    return 'no-page';
  if (!isReadable(reply, only)) return 'encoding';
  // One character for each byte: offsets in the text are offsets in the body, whatever superset of ASCII it is.
  const page = parse(reply.body.toString('latin1'), { sourceCodeLocationInfo: true });
  const { place, policies } = lookOver(page);
  if (place === undefined) return 'no-page';
  if (!allowsOwnScript([...valuesOf(reply.headers, 'content-security-policy'), ...policies], origin)) return 'policy';
  const element = Buffer.from(`<script src="${src}"></script>`, 'latin1');
  const body = Buffer.concat([reply.body.subarray(0, place), element, reply.body.subarray(place)]);
  return withBody(reply, body);
}

/** The same answer with another body: what described the one before goes, and nobody keeps it. */
export function withBody(reply: Reply, body: Buffer): Reply {
  return { ...reply, headers: [...fresh(reply.headers), 'Cache-Control', 'no-store'], body };
}

function isReadable({ headers, body }: Reply, type: string): boolean {
  if (valuesOf(headers, 'content-encoding').length > 0) return false;
  if (/charset\s*=\s*["']?utf-?(?:16|32)/i.test(type)) return false;
  const mark = body.length < 2 ? 0 : body.readUInt16BE(0);
  return mark !== 0xfeff && mark !== 0xfffe && !body.subarray(0, 1024).includes(0);
}

/** Where the script goes, and the policies that the page has in itself. */
function lookOver(page: Node): { place: number | undefined; policies: string[] } {
  let script: number | undefined;
  let head: number | undefined;
  const policies: string[] = [];
  const visit = (node: Node): void => {
    if (defaultTreeAdapter.isElementNode(node)) {
      const { sourceCodeLocation: at } = node;
      if (node.tagName === 'script') script ??= at?.startOffset;
      if (node.tagName === 'head') head = at?.endTag?.startOffset ?? at?.startTag?.endOffset;
      if (node.tagName === 'meta' && isPolicy(node)) policies.push(attribute(node, 'content') ?? '');
    }
    if ('childNodes' in node) for (const child of node.childNodes) visit(child);
  };
  visit(page);
  return { place: script ?? head, policies };
}

function isPolicy(meta: Element): boolean {
  return attribute(meta, 'http-equiv')?.trim().toLowerCase() === 'content-security-policy';
}

function attribute(element: Element, name: string): string | undefined {
  return element.attrs.find((one) => one.name === name)?.value;
}

function fresh(headers: FlatHeaders): FlatHeaders {
  return headers.filter((_, i) => !STALE.has(headers[i - (i % 2)]?.toLowerCase() ?? ''));
}

function valuesOf(headers: FlatHeaders, name: string): string[] {
  return headers.filter((_, i) => i % 2 === 1 && headers[i - 1]?.toLowerCase() === name);
}
