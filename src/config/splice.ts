/**
 * Sets one scalar in a YAML text and leaves every other byte alone: comments, order, quotes and blanks are the operator's.
 * The parser says where things stand; nothing is printed anew by it. Returns no text when it is not sure of the result.
 */
import { isDeepStrictEqual } from 'node:util';
import { isAlias, isMap, isScalar, type Node, type Pair, parseDocument, Scalar, type YAMLMap } from 'yaml';

export type Spliced = { readonly text: string } | { readonly refused: 'not-a-scalar' | 'unsure' };

type Value = string | boolean | null;

/** @param path keys of blocks down to the scalar; blocks that are missing are made. */
export function setScalar(text: string, path: readonly string[], value: Value): Spliced {
  const document = parseDocument(text, { prettyErrors: false });
  if (document.errors.length > 0) return { refused: 'unsure' };
  const before: unknown = document.toJS();
  const changed = splice(text, document.contents, path, value);
  if (changed === undefined) return { refused: 'not-a-scalar' };

  // The proof of the edit: parsed again, the file says the same as before and the new value, and nothing else.
  const after = parseDocument(changed, { prettyErrors: false });
  if (after.errors.length > 0 || !isDeepStrictEqual(after.toJS(), withValue(before, path, value)))
    return { refused: 'unsure' };
  return { text: changed };
}

function splice(text: string, root: Node | null, path: readonly string[], value: Value): string | undefined {
  let node: unknown = root;
  for (const [depth, key] of path.entries()) {
    const rest = path.slice(depth + 1);
    if (!isMap(node)) return undefined;
    const pair = pairOf(node, key);
    if (pair === undefined) return insert(text, node, key, rest, value);
    if (isEmpty(pair.value)) return fillEmpty(text, pair, rest, value);
    if (rest.length === 0) return replace(text, pair.value, value);
    node = pair.value;
  }
  return undefined;
}

function pairOf(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find((item) => isScalar(item.key) && item.key.value === key);
}

/** `key:` with nothing behind it. */
function isEmpty(value: unknown): boolean {
  return value === null || (isScalar(value) && value.value === null && value.source === '');
}

function replace(text: string, node: unknown, value: Value): string | undefined {
  if (!isScalar(node) || isAlias(node) || node.anchor !== undefined) return undefined;
  if (node.type === Scalar.BLOCK_FOLDED || node.type === Scalar.BLOCK_LITERAL) return undefined;
  const [start, end] = node.range ?? [];
  if (start === undefined || end === undefined) return undefined;
  return text.slice(0, start) + literal(value) + text.slice(end);
}

function fillEmpty(text: string, pair: Pair, rest: readonly string[], value: Value): string | undefined {
  const end = isScalar(pair.key) ? pair.key.range?.[1] : undefined;
  if (end === undefined) return undefined;
  const colon = text.indexOf(':', end);
  return colon < 0 ? undefined : `${text.slice(0, colon + 1)} ${flow(rest, value)}${text.slice(colon + 1)}`;
}

/** A new key after the last one of the block, so that it does not come between a key and the comment above it. */
function insert(text: string, map: YAMLMap, key: string, rest: readonly string[], value: Value): string | undefined {
  const last = map.items.at(-1);
  if (map.flow === true) {
    const open = map.range?.[0];
    if (open === undefined || text[open] !== '{') return undefined;
    const comma = last === undefined ? ' ' : ',';
    return `${text.slice(0, open + 1)} ${key}: ${flow(rest, value)}${comma}${text.slice(open + 1)}`;
  }
  const first = map.items[0];
  const start = isScalar(first?.key) ? first.key.range?.[0] : undefined;
  const end = endOf(last);
  if (start === undefined || end === undefined) return undefined;
  const indent = text.slice(text.lastIndexOf('\n', start - 1) + 1, start);
  if (/[^ ]/.test(indent)) return undefined;
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const lines = block([key, ...rest], value, indent, newline);
  if (text[end - 1] === '\n') return `${text.slice(0, end)}${lines}${newline}${text.slice(end)}`;
  const lineEnd = text.indexOf('\n', end);
  if (lineEnd < 0) return `${text}${newline}${lines}${newline}`;
  return `${text.slice(0, lineEnd + 1)}${lines}${newline}${text.slice(lineEnd + 1)}`;
}

function endOf(pair: Pair | undefined): number | undefined {
  const value = pair?.value;
  const node = isEmpty(value) ? pair?.key : value;
  const range =
    node !== null && typeof node === 'object' && 'range' in node ? (node.range as Node['range']) : undefined;
  return range?.[1];
}

function block(path: readonly string[], value: Value, indent: string, newline: string): string {
  return path
    .map((key, depth) => {
      const end = depth === path.length - 1 ? ` ${literal(value)}` : '';
      return `${indent}${'  '.repeat(depth)}${key}:${end}`;
    })
    .join(newline);
}

function flow(path: readonly string[], value: Value): string {
  return path.reduceRight((inner, key) => `{ ${key}: ${inner} }`, literal(value));
}

/** JSON is YAML, and quotes keep a key of digits from becoming a number. */
function literal(value: Value): string {
  return JSON.stringify(value);
}

function withValue(data: unknown, path: readonly string[], value: Value): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  const here = typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : {};
  return { ...here, [key]: withValue(here[key], rest, value) };
}
