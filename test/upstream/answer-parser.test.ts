import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bodyReader } from '../../src/upstream/answer-body.ts';
import {
  HeadReader,
  headerValues,
  MOST_HEAD_BYTES,
  type ParsedHead,
  parseHead,
} from '../../src/upstream/answer-parser.ts';
import { UpstreamError } from '../../src/upstream/upstream.ts';

const token = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,20}$/);
/** Visible at both ends: spaces there are not part of the value. */
const value = fc.stringMatching(/^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]{0,20}[\x21-\x7e\x80-\xff])?)?$/);
const space = fc.constantFrom('', ' ', '\t', '  \t');
const header = fc.record({ name: token, value, before: space, after: space });
const head = fc.record({
  minor: fc.constantFrom(0, 1),
  status: fc.integer({ min: 100, max: 599 }),
  message: fc.stringMatching(/^[\t\x20-\x7e\x80-\xff]{0,20}$/),
  headers: fc.array(header, { maxLength: 12 }),
});

/** Feeds bytes in pieces of the given sizes, over and over. */
function feed(bytes: Buffer, sizes: readonly number[]) {
  const reader = new HeadReader();
  for (let at = 0, i = 0; at < bytes.length; i += 1) {
    const size = sizes[i % sizes.length] ?? 1;
    const found = reader.push(bytes.subarray(at, at + size));
    at += size;
    if (found !== undefined) return { head: found.head, rest: Buffer.concat([found.rest, bytes.subarray(at)]) };
  }
  return undefined;
}

function hasControls(text: string): boolean {
  return [...text].some((char) => char !== '\t' && (char < ' ' || char === '\x7f'));
}

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 });

test('what is written is what is read, however it is cut into pieces', () => {
  fc.assert(
    fc.property(head, fc.uint8Array({ maxLength: 40 }), sizes, (wanted, behind, pieces) => {
      const text = wanted.headers.map((h) => `${h.name}:${h.before}${h.value}${h.after}\r\n`).join('');
      const bytes = Buffer.concat([
        Buffer.from(`HTTP/1.${wanted.minor} ${wanted.status} ${wanted.message}\r\n${text}\r\n`, 'latin1'),
        behind,
      ]);
      const found = feed(bytes, pieces);
      expect(found?.head.minor).toBe(wanted.minor);
      expect(found?.head.status).toBe(wanted.status);
      expect(found?.head.message).toBe(wanted.message);
      expect(found?.head.headers).toEqual(wanted.headers.flatMap((h) => [h.name, h.value]));
      expect(found?.rest.equals(behind)).toBe(true);
    }),
  );
});

test('no bytes make it do anything but read a clean head, wait, or say malformed; pieces change nothing', () => {
  const nasty = fc.array(
    fc.oneof(
      fc.constantFrom(
        'HTTP/1.1 200 OK',
        'HTTP/1.1 101 S',
        '\r\n',
        '\r\n\r\n',
        '\n',
        '\r',
        ':',
        ' ',
        '\t',
        '\0',
        'X-A: b',
        'é',
        'HTTP/2 200',
      ),
      fc.string({ maxLength: 4 }),
    ),
    { maxLength: 14 },
  );
  const outcome = (bytes: Buffer, pieces: readonly number[]): string => {
    try {
      const found = feed(bytes, pieces);
      if (found === undefined) return 'waits';
      for (const part of found.head.headers) expect(hasControls(part)).toBe(false);
      expect(hasControls(found.head.message)).toBe(false);
      return JSON.stringify(found);
    } catch (error) {
      expect(error).toBeInstanceOf(UpstreamError);
      return 'malformed';
    }
  };
  fc.assert(
    fc.property(nasty, sizes, (parts, pieces) => {
      const bytes = Buffer.from(parts.join(''), 'latin1');
      if (bytes.length > 0) expect(outcome(bytes, pieces)).toBe(outcome(bytes, [bytes.length]));
    }),
    { numRuns: 500 },
  );
});

test('one changed byte in a name, a colon or a line end is never repaired', () => {
  const good = 'HTTP/1.1 200 OK\r\nX-A: b\r\nX-C: d';
  for (const bad of [
    'HTTP/1.1 200 OK\nX-A: b',
    `${good}\n`,
    `${good}\r`,
    good.replace('X-A', 'X A'),
    good.replace('X-A:', 'X-A'),
    good.replace('X-A:', 'X-A :'),
    good.replace('X-A', ''),
    good.replace('\r\nX-C', '\r\n X-C'),
    good.replace('200', '20'),
    good.replace('200', '099'),
    good.replace('HTTP/1.1', 'HTTP/1.2'),
    good.replace('HTTP', 'http'),
    ` ${good}`,
  ]) {
    expect(() => parseHead(bad), JSON.stringify(bad)).toThrow(UpstreamError);
  }
});

test('a head is bounded, whether it ends or not', () => {
  const pad = (n: number) => `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(n)}`;
  const fits = MOST_HEAD_BYTES - pad(0).length - 4;
  expect(feed(Buffer.from(`${pad(fits)}\r\n\r\n`), [1000])?.head.status).toBe(200);
  expect(() => feed(Buffer.from(`${pad(fits + 1)}\r\n\r\n`), [1000])).toThrow(UpstreamError);
  expect(() => feed(Buffer.from(pad(MOST_HEAD_BYTES)), [1000])).toThrow(UpstreamError);
  expect(() => feed(Buffer.from('SSH-2.0'), [7])).toThrow(UpstreamError);
});

test('header values come in order, whatever their case', () => {
  expect(headerValues(parseHead('HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\na: 3'), 'a')).toEqual(['1', '3']);
});

const chunkedHead: ParsedHead = parseHead('HTTP/1.1 403 No\r\nTransfer-Encoding: chunked');

function decode(bytes: Buffer, pieces: readonly number[]): { content: string; complete: boolean } {
  const reader = bodyReader(chunkedHead, 'GET');
  let content = '';
  for (let at = 0, i = 0; at < bytes.length; i += 1) {
    const size = pieces[i % pieces.length] ?? 1;
    for (const part of reader.push(bytes.subarray(at, at + size))) content += part.toString('latin1');
    at += size;
  }
  return { content, complete: reader.complete };
}

test('chunks give back their content and their end, however they are cut into pieces', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { maxLength: 6 }), sizes, (chunks, pieces) => {
      const body = chunks.map(
        (chunk) => `${chunk.length.toString(16)};x="y"\r\n${Buffer.from(chunk).toString('latin1')}\r\n`,
      );
      const bytes = Buffer.from(`${body.join('')}0\r\nX-T: 1\r\n\r\nbehind`, 'latin1');
      expect(decode(bytes, pieces)).toEqual({
        content: Buffer.concat(chunks).toString('latin1'),
        complete: true,
      });
      const cut = bytes.subarray(0, bytes.length - 'behind'.length - 1);
      expect(decode(cut, pieces).complete).toBe(false);
    }),
  );
});

test.each([
  'g\r\n',
  '-1\r\n',
  '0x1\r\n',
  ' 1\r\n',
  '\r\n',
  '1\n',
  '1\r\nab\r\n',
  '1\r\na\n',
  '0\r\nno colon\r\n\r\n',
  '1;\0\r\n',
  'fffffffffffff\r\n',
  'a'.repeat(5000),
])('a chunk that is odd (%j) is malformed', (bytes) => {
  expect(() => decode(Buffer.from(bytes, 'latin1'), [3])).toThrow(UpstreamError);
});
