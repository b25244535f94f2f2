/** Nothing leaves for the application that two servers could read in two ways, whatever its writers were told. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Request, requestHead } from '../../src/upstream/request-head.ts';

const GOOD: Request = { method: 'GET', path: '/a?b=c', headers: ['Host', 'app.test', 'X-A', 'b'], body: null };

test('a head is its request line, Host, what becomes of the connection, and the rest in order', () => {
  expect(requestHead(GOOD, true)).toEqual({
    text: 'GET /a?b=c HTTP/1.1\r\nHost: app.test\r\nConnection: keep-alive\r\nX-A: b\r\n\r\n',
    length: 0,
  });
  expect(requestHead(GOOD, false).text).toContain('\r\nConnection: close\r\n');
});

test.each([
  ['POST', null, 'Content-Length: 0'],
  ['PROPFIND', null, 'Content-Length: 0'],
  ['POST', Buffer.from('abc'), 'Content-Length: 3'],
  ['GET', Buffer.from('abc'), 'Content-Length: 3'],
  ['GET', null, undefined],
  ['DELETE', null, undefined],
] as const)('%s with %j says its length where one is expected', (method, body, line) => {
  const { text } = requestHead({ ...GOOD, method, body }, true);
  expect(/Content-Length.*/.exec(text)?.[0]).toBe(line);
});

describe('a request that could be taken for two is refused', () => {
  const SPLITS = ['\r', '\n', '\r\nX-B: c', '\0', '\x7f', '\x01', '\u010a', '\u010d', '\u0120', '\u{1f4a9}'];
  const field = (name: string, value: string): Partial<Request> => ({ headers: [...GOOD.headers, name, value] });
  const body = Buffer.from('abc');
  test.each<[what: string, more: Partial<Request>]>([
    ...SPLITS.flatMap((split): [string, Partial<Request>][] => [
      [`${JSON.stringify(split)} in the method`, { method: `GE${split}T` }],
      [`${JSON.stringify(split)} in the path`, { path: `/a${split}b` }],
      [`${JSON.stringify(split)} at the end of the path`, { path: `/a${split}` }],
      [`${JSON.stringify(split)} in a name`, field(`X${split}C`, 'd')],
      [`${JSON.stringify(split)} in a value`, field('X-C', `d${split}e`)],
      [`${JSON.stringify(split)} at the end of a value`, field('X-C', `d${split}`)],
    ]),
    ['a blank in the path', { path: '/a b' }],
    ['a version in the path', { path: '/a HTTP/1.1' }],
    ['a path without a slash', { path: 'a' }],
    ['an empty path', { path: '' }],
    ['an absolute path', { path: 'http://evil.test/' }],
    ['an empty method', { method: '' }],
    ['a blank in the method', { method: 'GET /x' }],
    ['an empty name', field('', 'b')],
    ['a blank behind a name', field('X-C ', 'b')],
    ['a colon in a name', field('X:C', 'b')],
    ['a second length', { headers: ['Host', 'x', 'Content-Length', '3', 'content-length', '3'], body }],
    ['a length that is none', { headers: ['Host', 'x', 'Content-Length', '+3'], body }],
    ['a length in a list', { headers: ['Host', 'x', 'Content-Length', '3, 3'], body }],
    ['an empty length', { headers: ['Host', 'x', 'Content-Length', ''], body: null }],
    ['a length that is too short', { headers: ['Host', 'x', 'Content-Length', '2'], body }],
    ['a length that is too long', { headers: ['Host', 'x', 'Content-Length', '4'], body }],
    ['a length without a body', { headers: ['Host', 'x', 'Content-Length', '3'], body: null }],
    ['chunks', field('Transfer-Encoding', 'chunked')],
    ['chunks in other letters', { ...field('TRANSFER-encoding', 'x'), body }],
    ['a word of its own about the connection', field('connection', 'close')],
  ])('%s', (_what, more) => {
    expect(() => requestHead({ ...GOOD, ...more }, true)).toThrow(expect.objectContaining({ code: 'malformed' }));
  });
});

test('whatever is put into it, what comes out is one head, or nothing', () => {
  const odd = fc.oneof(
    fc.constantFrom('\r', '\n', '\r\n', ' ', '\t', ':', '\0', 'é', 'Ā', 'Ċ', 'a', '/', 'Host', 'Content-Length', '3'),
    fc.string({ maxLength: 3, unit: 'binary' }),
  );
  const text = fc.array(odd, { maxLength: 4 }).map((parts) => parts.join(''));
  const request = fc.record({
    method: fc.oneof(fc.constantFrom('GET', 'POST'), text),
    path: fc.oneof(
      fc.constant('/a'),
      text,
      text.map((tail) => `/${tail}`),
    ),
    fields: fc.array(fc.tuple(fc.oneof(fc.constantFrom('X-A', 'Content-Length'), text), text), { maxLength: 3 }),
    body: fc.option(fc.uint8Array({ minLength: 1, maxLength: 5 }).map((bytes) => Buffer.from(bytes))),
    keep: fc.boolean(),
  });
  fc.assert(
    fc.property(request, ({ method, path, fields, body, keep }) => {
      let head: ReturnType<typeof requestHead>;
      try {
        head = requestHead({ method, path, headers: ['Host', 'x', ...fields.flat()], body }, keep);
      } catch (error) {
        expect(error).toMatchObject({ code: 'malformed' });
        return;
      }
      expect(head.text).toBe(Buffer.from(head.text, 'latin1').toString('latin1')); // no byte is lost on the way
      const lines = head.text.split('\r\n');
      expect(lines.slice(-2)).toEqual(['', '']);
      expect(lines[0]).toBe(`${method} ${path} HTTP/1.1`);
      expect(lines[0]?.split(' ')).toHaveLength(3);
      const said = lines.slice(1, -2);
      for (const line of said) expect(line).toMatch(/^[^\s:]+: [^\r\n\0]*$/);
      const lengths = said.filter((line) => /^content-length:/i.test(line));
      expect(lengths.length).toBeLessThanOrEqual(1);
      if (body !== null || lengths.length > 0) expect(lengths[0]).toMatch(new RegExp(`: 0*${body?.length ?? 0}$`));
      expect(said.filter((line) => /^connection:/i.test(line))).toHaveLength(1);
      expect(said).toHaveLength(
        1 + fields.length + 1 + (fields.some(([n]) => /^content-length$/i.test(n)) ? 0 : lengths.length),
      );
    }),
    { numRuns: 1_000 },
  );
});
