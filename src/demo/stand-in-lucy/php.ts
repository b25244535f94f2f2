/**
 * Query, form and cookie parsing as PHP does it, because the differences to other parsers decide who gets logged in: the
 * last field wins, the first cookie wins, and names are folded. It never refuses anything; neither does PHP.
 */

/** A scalar, or what `name[key]=` builds. */
export type PhpValue = string | PhpArray;
export type PhpArray = Map<string, PhpValue>;

/** PHP's `max_input_vars`: what comes later is ignored. */
const MAX_INPUT_VARS = 1000;

/** `$_GET` or `$_POST` of a urlencoded text. The text is bytes, one character each (latin1). */
export function parseUrlencoded(text: string): PhpArray {
  const vars: PhpArray = new Map();
  for (const pair of text.split('&').slice(0, MAX_INPUT_VARS)) {
    const cut = pair.indexOf('=');
    const name = cut < 0 ? pair : pair.slice(0, cut);
    const value = cut < 0 ? '' : pair.slice(cut + 1);
    register(vars, urldecode(name), toText(urldecode(value)), 'last');
  }
  return vars;
}

/** `$_COOKIE`: names are folded but not decoded, values are decoded, and the first of a name wins. */
export function parseCookies(header: string): PhpArray {
  const vars: PhpArray = new Map();
  for (const part of header.split(';').slice(0, MAX_INPUT_VARS)) {
    const pair = part.replace(/^[\s]+/, '');
    const cut = pair.indexOf('=');
    if (cut === 0 || pair === '') continue;
    const name = cut < 0 ? pair : pair.slice(0, cut);
    const value = cut < 0 ? '' : pair.slice(cut + 1);
    register(vars, name, toText(percentDecode(value)), 'first');
  }
  return vars;
}

/** Puts one variable where PHP puts it. The name is bytes, one character each. */
export function register(vars: PhpArray, rawName: string, value: string, wins: 'first' | 'last'): void {
  const name = untilNul(rawName.replace(/^ +/, ''));
  const bracket = name.indexOf('[');
  const base = (bracket < 0 ? name : name.slice(0, bracket)).replace(/[ .]/g, '_');
  if (base === '') return;
  // A folded name must not turn into a prefixed cookie (CVE-2022-31629).
  if (/^__(Host|Secure)-/.test(base) && !/^__(Host|Secure)-/.test(name)) return;

  const keys = bracket < 0 ? [] : bracketKeys(name.slice(bracket));
  if (keys === undefined) {
    put(vars, fold(name), value, wins); // `a[b=1` is the variable `a_b`
    return;
  }
  let level = vars;
  let key: string | undefined = toText(base);
  for (const next of keys) {
    const at: string = key ?? nextIndex(level);
    const found = level.get(at);
    const inner: PhpArray = found instanceof Map ? found : new Map();
    level.set(at, inner);
    level = inner;
    key = next;
  }
  put(level, key ?? nextIndex(level), value, level === vars ? wins : 'last');
}

/** The scalar at `name` or `name[key]`. */
export function scalar(vars: PhpArray, name: string, key?: string): string | undefined {
  const outer = vars.get(name);
  const value = key === undefined ? outer : outer instanceof Map ? outer.get(key) : undefined;
  return typeof value === 'string' ? value : undefined;
}

/** The part of a content type by which PHP chooses its parser: up to the first blank, comma or semicolon, any case. */
export function mediaType(contentType: string | undefined): string {
  return (contentType ?? '').split(/[;, ]/, 1)[0]?.toLowerCase() ?? '';
}

function put(level: PhpArray, key: string, value: string, wins: 'first' | 'last'): void {
  if (wins === 'first' && level.has(key)) return;
  level.set(key, value);
}

/** Keys of `[a][b]…`; an empty one is `undefined` (append). The whole is `undefined` when the first bracket never closes. */
function bracketKeys(text: string): (string | undefined)[] | undefined {
  const keys: (string | undefined)[] = [];
  let rest = text;
  while (rest.startsWith('[')) {
    const empty = /^\[\s?\]/.exec(rest);
    const end = empty === null ? rest.indexOf(']', 1) : empty[0].length - 1;
    if (end < 0) return keys.length === 0 ? undefined : keys;
    keys.push(empty === null ? toText(rest.slice(1, end)) : undefined);
    rest = rest.slice(end + 1);
  }
  return keys;
}

function fold(name: string): string {
  return toText(name.replace(/[ .[]/g, '_'));
}

function nextIndex(level: PhpArray): string {
  const numbers = [...level.keys()].filter((key) => /^(0|[1-9]\d*)$/.test(key)).map(Number);
  return String(numbers.length === 0 ? 0 : Math.max(...numbers) + 1);
}

function untilNul(text: string): string {
  const nul = text.indexOf('\0');
  return nul < 0 ? text : text.slice(0, nul);
}

function urldecode(text: string): string {
  return percentDecode(text.replaceAll('+', ' '));
}

function percentDecode(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function toText(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
