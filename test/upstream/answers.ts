/** Answers of an application for tests: valid ones, cut into pieces anywhere, and with a few bytes changed. */
import fc from 'fast-check';

export interface Answer {
  readonly method: 'GET' | 'HEAD';
  readonly bytes: Buffer;
  /** Of its pieces, over and over. */
  readonly sizes: readonly number[];
}

const NAMES = ['X-A', 'x-a', 'Date', 'Set-Cookie', 'Server', 'X!#$%&', 'Keep-Alive', 'Trailer', 'Content-Type'];
const value = fc.oneof(
  fc.constantFrom('', 'b', 'a=b; Path=/', 'timeout=5', '"q, r"', '\xe9\xff', 'a\tb  c', 'x'.repeat(300)),
  fc.stringMatching(/^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]{0,8}[\x21-\x7e\x80-\xff])?)?$/),
);
const blank = fc.constantFrom(' ', '', '\t', '  ');
const field = fc
  .record({ name: fc.constantFrom(...NAMES), before: blank, value, after: fc.constantFrom('', '', ' ', ' \t') })
  .map(({ name, before, value, after }) => `${name}:${before}${value}${after}\r\n`);
const fields = fc.array(field, { maxLength: 4 }).map((lines) => lines.join(''));
const content = fc.oneof(
  fc.constantFrom('', 'ok', 'HTTP/1.1 200 OK\r\n\r\n', '0\r\n\r\n'),
  fc.string({ maxLength: 40 }),
);

const chunk = fc
  .record({
    data: fc.oneof(fc.constantFrom('ok', '\r\n', '0\r\n\r\n'), fc.string({ minLength: 1, maxLength: 30 })),
    zeros: fc.constantFrom('', '', '00'),
    extension: fc.constantFrom('', '', ';a', ';a=b', ';a="b c"'),
    upper: fc.boolean(),
  })
  .map(({ data, zeros, extension, upper }) => {
    const bytes = Buffer.from(data).toString('latin1');
    const size = bytes.length.toString(16);
    return `${zeros}${upper ? size.toUpperCase() : size}${extension}\r\n${bytes}\r\n`;
  });
const chunked = fc
  .record({ chunks: fc.array(chunk, { maxLength: 4 }), last: fc.constantFrom('0', '000', '0;a=b'), trailers: fields })
  .map(({ chunks, last, trailers }) => ({
    line: 'Transfer-Encoding: chunked\r\n',
    body: `${chunks.join('')}${last}\r\n${trailers}\r\n`,
  }));
const measured = content.map((text) => {
  const bytes = Buffer.from(text).toString('latin1');
  return { line: `Content-Length: ${bytes.length}\r\n`, body: bytes };
});
const untilClose = content.map((text) => ({ line: '', body: Buffer.from(text).toString('latin1') }));

const interim = fc
  .record({ status: fc.constantFrom('100 Continue', '102 Processing', '103 Early Hints', '199 '), lines: fields })
  .map(({ status, lines }) => `HTTP/1.1 ${status}\r\n${lines}\r\n`);

/** Whole, and followed by nothing. */
export const validAnswer = fc
  .record({
    method: fc.constantFrom('GET', 'GET', 'HEAD'),
    minor: fc.constantFrom(1, 1, 1, 0),
    status: fc.constantFrom(200, 200, 200, 204, 304, 404, 206, 500, 299, 999),
    reason: fc.constantFrom(' OK', ' ', '', ' Not  Quite', ' \xe9', ' a\tb'),
    interims: fc.oneof({ arbitrary: fc.constant<string[]>([]), weight: 3 }, fc.array(interim, { maxLength: 3 })),
    connection: fc.constantFrom(
      '',
      '',
      'Connection: close\r\n',
      'Connection: Keep-Alive\r\n',
      'connection: x, close\r\n',
    ),
    before: fields,
    after: fields,
    framing: fc.oneof(chunked, measured, untilClose),
  })
  .map(({ method, minor, status, reason, interims, connection, before, after, framing }) => {
    const bodiless = method === 'HEAD' || status === 204 || status === 304;
    const version = framing.line.startsWith('Transfer') ? 1 : minor;
    const head = `HTTP/1.${version} ${status}${reason}\r\n${before}${framing.line}${connection}${after}\r\n`;
    return { method, text: `${interims.join('')}${head}${bodiless ? '' : framing.body}` };
  });

const ODD = [
  '\r',
  '\n',
  '\r\n',
  '\r\n\r\n',
  '\n\n',
  ' ',
  '\t',
  ':',
  '\0',
  '\x7f',
  '\x80',
  ';',
  ',',
  '0',
  '1',
  'a',
  'G',
  '-',
  '+',
  '"',
  '=',
  '\x0b',
  'HTTP/1.1 200 OK\r\n',
  'HTTP/1.1 101 S\r\n',
  'Content-Length: 2\r\n',
  'Content-Length: 0\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: gzip\r\n',
  'Connection: upgrade\r\n',
  'Upgrade: x\r\n',
  '0\r\n\r\n',
  'X: y\r\n',
  'Content-Length',
  'Transfer-Encoding',
  'chunked',
  'identity',
];
const change = fc.record({
  at: fc.nat(1_000_000),
  /** Bytes that go. */
  less: fc.constantFrom(0, 0, 1, 1, 2, 17),
  more: fc.oneof(fc.constantFrom(...ODD, ''), fc.constant('')),
  /** At the beginning of a line, where most is decided. */
  atLine: fc.boolean(),
});

function changed(
  text: string,
  changes: readonly { at: number; less: number; more: string; atLine: boolean }[],
): string {
  let now = text;
  for (const { at, less, more, atLine } of changes) {
    const any = now.length === 0 ? 0 : at % now.length;
    const line = now.lastIndexOf('\r\n', any);
    const from = atLine ? (line < 0 ? 0 : line + 2) : any;
    now = now.slice(0, from) + more + now.slice(from + less);
  }
  return now;
}

const sizes = fc.oneof(
  fc.constant([1]),
  fc.constant([1_000_000]),
  fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 6 }),
);

export const anAnswer: fc.Arbitrary<Answer> = fc
  .record({
    valid: validAnswer,
    changes: fc.oneof(fc.constant([]), fc.array(change, { minLength: 1, maxLength: 3 })),
    sizes,
  })
  .map(({ valid, changes, sizes }) => ({
    method: valid.method === 'HEAD' ? 'HEAD' : 'GET',
    bytes: Buffer.from(changed(valid.text, changes), 'latin1'),
    sizes,
  }));
