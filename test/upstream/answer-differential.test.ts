/** Our reader of answers against Node's own client: the same bytes, cut anywhere, are the same answer, or none for both. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anAnswer, validAnswer } from './answers.ts';
import { hasSurplus, readByNode, readByUs } from './readers.ts';

/** What Node takes and we refuse, on purpose: how it is known, and the smallest answer that shows it. */
const STRICTER: readonly (readonly [what: string, shows: RegExp, example: string])[] = [
  [
    'a coding besides chunks',
    /^transfer-encoding:[ \t]*(?!chunked[ \t]*\r$)/im,
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok',
  ],
  [
    'chunks said twice',
    /^transfer-encoding:[\s\S]*^transfer-encoding:/im,
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  [
    'chunks in HTTP/1.0',
    /^HTTP\/1\.0 [\s\S]*^transfer-encoding:/im,
    'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['a line before the answer', /(?:^|\r\n\r\n)[\r\n]+HTTP/, '\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  [
    'a control character in the reason',
    /^HTTP\/1\.[01] [0-9]{3}[^\r\n]*(?:[^\P{Cc}\t\r\n]|\r[^\n])/mu,
    'HTTP/1.1 200 O\x0bK\r\nContent-Length: 2\r\n\r\nok',
  ],
  [
    'a chunk extension without a name or a value',
    /^[0-9a-f]+(?:;|;[^\r\n]*[;=])(?:[;=]|\r$)/im,
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=\r\nok\r\n0\r\n\r\n',
  ],
  ['a status below 100', /^HTTP\/1\.[01] 0/m, 'HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok'],
  ['a switch that nobody asked for', /^HTTP\/1\.[01] 101/m, 'HTTP/1.1 101 S\r\n\r\n'],
];

/** The same answers in every run: what is new here is looked for with other seeds, and gets a line above or a repair. */
const FIXED = { seed: 20_261_124, numRuns: 2_500 };

describe('the same bytes are the same answer to Node’s client and to us', () => {
  test('or both find an error, or it is known why we find one', async () => {
    await fc.assert(
      fc.asyncProperty(anAnswer, async ({ method, bytes, sizes }) => {
        const ours = await readByUs(method, bytes, sizes);
        // Bytes behind an answer: it counts for us and ends the connection; to Node they may be an error of the next one.
        if (ours !== 'error' && hasSurplus(method, bytes)) return;
        const theirs = await readByNode(method, bytes, sizes);
        if (ours === 'error' && theirs !== 'error') {
          const text = bytes.toString('latin1');
          expect(
            STRICTER.filter(([, shows]) => shows.test(text)).map(([what]) => what),
            JSON.stringify(text),
          ).not.toEqual([]);
        } else {
          expect(ours).toEqual(theirs);
        }
      }),
      FIXED,
    );
  });

  test('a valid answer is never an error', async () => {
    await fc.assert(
      fc.asyncProperty(validAnswer, async ({ method, text }) => {
        expect(await readByUs(method, Buffer.from(text, 'latin1'), [7])).not.toBe('error');
      }),
      { numRuns: 300 },
    );
  });

  test.each(STRICTER)('%s is an error to us and none to Node', async (_what, shows, example) => {
    expect(example).toMatch(shows);
    const bytes = Buffer.from(example, 'latin1');
    for (const sizes of [[1], [bytes.length]]) {
      expect(await readByUs('GET', bytes, sizes)).toBe('error');
      expect(await readByNode('GET', bytes, sizes)).not.toBe('error');
    }
  });

  test.each([
    ['lines that end in LF', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok'],
    ['a folded line', 'HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 2\r\n\r\nok'],
    ['a length beside chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['the same length twice', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok'],
    ['a length behind chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 2\r\n\r\n'],
    [
      'a blank behind the size of a chunk',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2 \r\nok\r\n0\r\n\r\n',
    ],
  ])('%s is an error to both', async (_what, example) => {
    const bytes = Buffer.from(example, 'latin1');
    expect(await readByUs('GET', bytes, [1])).toBe('error');
    expect(await readByNode('GET', bytes, [1])).toBe('error');
  });
});
