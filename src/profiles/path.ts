/**
 * The request target, decoded once. What is matched against rules and what is forwarded are two spellings of one path
 * (I7, attacks 64 to 68); a target that two servers could resolve differently is refused, never repaired.
 */

export interface CanonicalTarget {
  /** Decoded, for rules: begins with `/`, has no empty and no dot segments. */
  readonly path: string;
  /** Without `?`; empty when there is none. */
  readonly query: string;
  /** What to forward: the path encoded in one canonical way, and the query as it came. */
  readonly target: string;
}

export type TargetRefusal =
  | 'not-origin-form' // absolute-form, authority-form, `*`, or nothing
  | 'too-long'
  | 'control' // control characters, blanks, anything that may not stand in a target
  | 'fragment'
  | 'separator' // backslash, encoded slash or backslash, doubled slash
  | 'dot-segment'
  | 'parameter' // `;` in the path, which Java servers cut off before they resolve
  | 'encoding'; // malformed percent, invalid or overlong UTF-8

export interface RefusedTarget {
  readonly refused: TargetRefusal;
}

export const MAX_TARGET = 8192;

/** Letters, digits, `-_~!$&'()*+,=:@` and single dots inside names: nothing to decode, nothing to doubt. */
const PLAIN = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~!$&'()*+,=:@-]+)*\/?$/;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * @param rawTarget the target of the request line in origin-form; the caller has taken absolute-form apart.
 */
export function canonicalTarget(rawTarget: string): CanonicalTarget | RefusedTarget {
  if (!rawTarget.startsWith('/')) return { refused: 'not-origin-form' };
  if (rawTarget.length > MAX_TARGET) return { refused: 'too-long' };
  if (PLAIN.test(rawTarget)) return { path: rawTarget, query: '', target: rawTarget };
  if (rawTarget.includes('#')) return { refused: 'fragment' };
  if (hasControls(rawTarget)) return { refused: 'control' };
  const mark = rawTarget.indexOf('?');
  const rawPath = mark < 0 ? rawTarget : rawTarget.slice(0, mark);
  const query = mark < 0 ? '' : asciiOnly(rawTarget.slice(mark + 1));
  const isPlain = PLAIN.test(rawPath);
  const path = isPlain ? rawPath : decodePath(rawPath);
  if (typeof path !== 'string') return path;
  const encoded = isPlain ? path : encodePath(path);
  return { path, query, target: query === '' ? encoded : `${encoded}?${query}` };
}

export function isRefused(target: CanonicalTarget | RefusedTarget): target is RefusedTarget {
  return 'refused' in target;
}

/**
 * The path as the most obliging server would read it: decoded as often as it goes, without case, and without the blanks
 * and dots that Windows drops at the end of a name. Rules that close match this; rules that open never do.
 */
export function widest(path: string): string {
  if (path !== lastAsked) {
    lastWidest = widen(path);
    lastAsked = path;
  }
  return lastWidest;
}

/** Every rule of a profile asks for the same path, one after the other. */
let lastAsked = '/';
let lastWidest = '/';

function widen(path: string): string {
  let text = path;
  for (let round = 0; round < 4 && text.includes('%'); round++) text = decodeLeniently(text);
  return text.toLowerCase().split('/').map(withoutTail).join('/');
}

/** By hand: `/[. ]+$/` looks at a name of 8 000 dots and an `x` from each of its dots anew, and any stranger may send one. */
function withoutTail(segment: string): string {
  let end = segment.length;
  while (end > 0 && (segment[end - 1] === '.' || segment[end - 1] === ' ')) end -= 1;
  return segment.slice(0, end);
}

function decodePath(rawPath: string): string | RefusedTarget {
  if (rawPath.includes('\\')) return { refused: 'separator' };
  if (/%(?![0-9a-f]{2})/i.test(rawPath)) return { refused: 'encoding' };
  if (/%(?:2f|5c)/i.test(rawPath)) return { refused: 'separator' };
  let path: string;
  try {
    path = utf8.decode(Buffer.from(decodeLeniently(rawPath, 'bytes'), 'latin1'));
  } catch {
    return { refused: 'encoding' };
  }
  // Once for what we read, and again for servers that decode twice: each reading must be harmless.
  let reading = path;
  for (let round = 0; round < 4; round++) {
    const trouble = troubleIn(reading);
    if (trouble !== undefined) return { refused: trouble };
    const next = decodeLeniently(reading);
    if (next === reading) return path;
    if (next.split('/').length !== reading.split('/').length) return { refused: 'separator' };
    reading = next;
  }
  return { refused: 'encoding' };
}

function troubleIn(path: string): TargetRefusal | undefined {
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(path)) return 'control';
  if (path.includes('\\') || path.includes('//')) return 'separator';
  if (path.split('/').some((segment) => segment.includes('.') && withoutTail(segment) === '')) return 'dot-segment';
  return path.includes(';') ? 'parameter' : undefined;
}

function hasControls(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code <= 0x20 || code === 0x7f || code > 0xff) return true;
  }
  return false;
}

/** Bytes beyond ASCII in a query are put in percent: same bytes for the application, one spelling on the wire. */
function asciiOnly(query: string): string {
  return query.replace(/[^\x21-\x7e]/g, (found) => `%${found.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** `bytes`: each triplet becomes one code unit; `text`: runs of triplets become UTF-8 text where they stand. */
function decodeLeniently(text: string, as: 'bytes' | 'text' = 'text'): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (run) => {
    const bytes = Buffer.from(run.replaceAll('%', ''), 'hex');
    return bytes.toString(as === 'bytes' ? 'latin1' : 'utf8');
  });
}

function encodePath(path: string): string {
  return encodeURIComponent(path).replace(/%(?:2F|24|26|2B|2C|3D|3A|40)/g, decodeURIComponent);
}
