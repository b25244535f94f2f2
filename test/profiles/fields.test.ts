import { execFileSync, spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type FormRead, formFields, type ParsedFields, queryFields } from '../../src/profiles/fields.ts';

const FORM = 'application/x-www-form-urlencoded';

function parsed(read: FormRead): ParsedFields {
  if (read.read !== 'fields') throw new Error(`not read: ${JSON.stringify(read)}`);
  return read.fields;
}

const form = (body: string): ParsedFields => parsed(formFields(Buffer.from(body, 'latin1'), FORM));
const json = (body: string): FormRead => formFields(Buffer.from(body), 'application/json');

describe('a field that PHP would read under another spelling is ambiguous (attacks 19, 20, 28, 29)', () => {
  // Each of these sets $_POST['username'] in PHP 8.2, or could in an older or another parser.
  test.each([
    'username=A&username=V',
    'username=A&+username=V',
    'username=A&%20username=V',
    'username=A&user%6eame=V',
    'username=A&username%00x=V',
    '+username=V',
    'username%00=V',
    'username[]=V',
    'username=A&username[x]=V',
    'username=A;username=V',
    'x=1;username=V',
    'username=V;x=1',
  ])('%s', (body) => {
    expect(form(body).lookup('username')).toEqual({ found: 'ambiguous' });
  });

  test.each([
    'user_name=A&user.name=V',
    'user_name=A&user+name=V',
    'user_name=A&user[name=V',
    'user.name=V',
    'user[name=V',
  ])('%s', (body) => {
    expect(form(body).lookup('user_name')).toEqual({ found: 'ambiguous' });
  });

  test.each([
    'LoginForm[email]=A&LoginForm[email]=V',
    'LoginForm[email]=A&LoginForm[email]x=V',
    'LoginForm[email]=A&LoginForm[email][x=V',
    'LoginForm[email]=A&LoginForm[email][]=V',
    'LoginForm[email]=A&+LoginForm%5Bemail%5D=V',
    'LoginForm[email]=A&LoginForm[email%00x]=V&LoginForm=1',
    'LoginForm[email]=A&LoginForm=V',
    'LoginForm[email]y=V',
  ])('%s', (body) => {
    expect(form(body).lookup('LoginForm[email]')).toEqual({ found: 'ambiguous' });
  });

  test.each([
    ['username=A', 'username', 'A'],
    ['user%6eame=A', 'username', 'A'],
    ['LoginForm%5Bemail%5D=a%40b&LoginForm[rememberMe]=0&LoginForm[rememberMe]=1', 'LoginForm[email]', 'a@b'],
    ['user.name=A', 'user.name', 'A'],
    ['u=a+b%2Bc', 'u', 'a b+c'],
    ['u', 'u', ''],
    ['%09u=x&u=y', 'u', 'y'],
  ])('%s is read once', (body, name, value) => {
    expect(form(body).lookup(name)).toEqual({ found: 'once', value });
  });

  test('a name that is not there is never found', () => {
    expect(form('username=A&p=1').lookup('user')).toEqual({ found: 'never' });
    expect(form('').lookup('user')).toEqual({ found: 'never' });
  });
});

describe('bodies that are not exactly what we rebuild (attack 30)', () => {
  test.each([
    'multipart/form-data; boundary=x',
    'application/x-www-form-urlencoded,foo',
    'application/x-www-form-urlencoded; charset=utf-16',
    'application/x-www-form-urlencoded; charset=iso-8859-1',
    'application/x-www-form-urlencoded; charset=utf-8; charset=utf-16',
    'application/x-www-form-urlencoded; foo=bar',
    'text/plain',
    'application/json; charset=utf-16',
    'application/vnd.api+json',
    '',
  ])('%s is unsupported', (type) => {
    expect(formFields(Buffer.from('u=1'), type)).toEqual({ read: 'unsupported' });
  });

  test.each([
    FORM,
    'Application/X-WWW-Form-URLEncoded; Charset="UTF-8"',
    'application/x-www-form-urlencoded ;charset=utf-8 ',
  ])('%s is read, and forwarded under one spelling', (type) => {
    expect(formFields(Buffer.from('u=%41'), type)).toMatchObject({ contentType: FORM, body: Buffer.from('u=A') });
  });

  test('no content type is only good for no body', () => {
    expect(formFields(Buffer.alloc(0), undefined).read).toBe('fields');
    expect(formFields(Buffer.from('u=1'), undefined).read).toBe('unsupported');
  });

  test.each(['u=%zz', 'u=%4', 'u=%ff', 'u=%c0%af', 'u=\xe9', '%ff=1', 'u=%ed%a0%80'])('%s is refused', (body) => {
    expect(formFields(Buffer.from(body, 'latin1'), FORM)).toEqual({ read: 'refused', why: 'malformed' });
  });

  test('more fields than a login needs are refused, because the application may stop counting elsewhere', () => {
    const many = (count: number): Buffer => Buffer.from(Array.from({ length: count }, (_, i) => `f${i}=`).join('&'));
    expect(formFields(many(400), FORM).read).toBe('fields');
    expect(formFields(many(401), FORM)).toEqual({ read: 'refused', why: 'too-many-fields' });
    expect(json(JSON.stringify(Array.from({ length: 401 }, () => 1)))).toEqual({
      read: 'refused',
      why: 'too-many-fields',
    });
  });

  test('a malformed query can still be asked, and says that it is', () => {
    const query = queryFields('a=%zz&do=login');
    expect(query.malformed).toBe(true);
    expect(query.lookup('do')).toEqual({ found: 'once', value: 'login' });
  });
});

describe('JSON bodies', () => {
  test('scalars are found by pointer', () => {
    const fields = parsed(json('{"user":{"name":"A","n":7,"ok":true,"x":null},"a/b~c":"s","list":["x"]}'));
    expect(fields.lookup('/user/name')).toEqual({ found: 'once', value: 'A' });
    expect(fields.lookup('/user/n')).toEqual({ found: 'once', value: '7' });
    expect(fields.lookup('/user/ok')).toEqual({ found: 'once', value: 'true' });
    expect(fields.lookup('/a~1b~0c')).toEqual({ found: 'once', value: 's' });
    expect(fields.lookup('/list/0')).toEqual({ found: 'once', value: 'x' });
    expect(fields.lookup('/nothing')).toEqual({ found: 'never' });
  });

  test.each([
    '{"user":"A","user":"V"}',
    '{"user":"A","us\\u0065r":"V"}',
    '{"a":{"b":[{"c":1,"c":2}]}}',
    '{"user":"\\ud800"}',
    '{"n":1e999}',
    '{"n":12345678901234567890}',
    '{"user":"A"',
    '\ufeff{"user":"A"}',
    '',
    `${'['.repeat(40)}1${']'.repeat(40)}`,
  ])('%s is refused', (body) => {
    expect(json(body)).toEqual({ read: 'refused', why: 'malformed' });
  });

  test.each(['{"user":"A","USER":"V"}', '{"User":"V"}', '{"user":["V"]}', '{"user":{"x":"V"}}', '"user"'])(
    '%s: parsers that ignore case, or that take lists, would read another user',
    (body) => {
      expect(parsed(json(body)).lookup('/user').found).toBe('ambiguous');
    },
  );

  test('the rebuilt body is the same document', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const read = json(JSON.stringify(value));
        if (read.read === 'fields') expect(JSON.parse(read.body.toString())).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

const rough = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '&',
        '=',
        '+',
        '%20',
        '%00',
        '[',
        ']',
        '.',
        '_',
        ';',
        '%5B',
        '%5D',
        'u',
        'p',
        'user',
        'name',
        '%75',
        ' ',
        '[]',
        'a[b]',
        'LoginForm[email]',
      ),
      fc.string({ maxLength: 3 }),
    ),
    { maxLength: 14 },
  )
  .map((pieces) => pieces.join(''));

test('a rebuilt form parses to the same fields, for us and for URLSearchParams', () => {
  fc.assert(
    fc.property(rough, (body) => {
      const fields = queryFields(Buffer.from(body).toString('latin1'));
      const again = queryFields(fields.rebuild());
      expect(again.rebuild()).toBe(fields.rebuild());
      expect(again.malformed).toBe(false);
      expect([...new URLSearchParams(fields.rebuild())]).toEqual([...new URLSearchParams(again.rebuild())]);
      for (const name of ['u', 'user', 'a[b]', 'LoginForm[email]']) {
        const [before, after] = [fields.lookup(name), again.lookup(name)];
        // Rebuilding quotes a bare semicolon, so a doubt may end there; it never arises.
        if (before.found !== 'ambiguous') expect(after).toEqual(before);
      }
    }),
    { numRuns: 2000 },
  );
});

const hasPhp = spawnSync('php', ['-v']).status === 0;

describe.skipIf(!hasPhp)('against the real parse_str', () => {
  // One process for all cases: reads lines of base64, answers with lines of JSON.
  const script = `
    while (($line = fgets(STDIN)) !== false) {
      $r = []; parse_str(base64_decode(trim($line)), $r);
      $pick = fn($v) => is_string($v) ? ['s' => base64_encode($v)] : ($v === null ? null : ['other' => 1]);
      echo json_encode([
        $pick($r['u'] ?? null), $pick($r['user_name'] ?? null),
        $pick(is_array($r['a'] ?? null) ? ($r['a']['b'] ?? null) : null),
      ]), "\\n";
    }`;
  const names = ['u', 'user_name', 'a[b]'] as const;
  type Seen = null | { s: string } | { other: 1 };

  const bodies = fc.sample(
    fc
      .array(
        fc.oneof(
          {
            weight: 6,
            arbitrary: fc.constantFrom(
              'u',
              'p',
              'user',
              '_',
              'name',
              'a',
              'b',
              '[',
              ']',
              '[b]',
              '[]',
              '.',
              '+',
              ' ',
              '=',
              '=',
              '&',
              '&',
              'x',
            ),
          },
          {
            weight: 3,
            arbitrary: fc.constantFrom(
              '%00',
              '%20',
              '%2E',
              '%5B',
              '%5D',
              '%75',
              '%5F',
              '%09',
              '%0A',
              ';',
              '%',
              '%zz',
              'u=1',
              'a[b]=2',
              'user_name=3',
            ),
          },
          { weight: 1, arbitrary: fc.string({ maxLength: 2 }) },
        ),
        { minLength: 1, maxLength: 16 },
      )
      .map((pieces) => pieces.join('')),
    12_000,
  );

  test('whatever PHP takes for the user is found with that value, or reported as ambiguous', () => {
    const input = bodies.map((body) => Buffer.from(body).toString('base64')).join('\n');
    const output = execFileSync('php', ['-d', 'display_errors=0', '-r', script], {
      input,
      maxBuffer: 1 << 26,
    }).toString();
    const lines = output.trim().split('\n');
    expect(lines.length).toBe(bodies.length);
    let found = 0;
    for (const [i, body] of bodies.entries()) {
      const seen = JSON.parse(lines[i] ?? '') as Seen[];
      const fields = queryFields(Buffer.from(body).toString('latin1'));
      for (const [n, name] of names.entries()) {
        const php = seen[n] ?? null;
        if (php === null) continue;
        found++;
        const ours = fields.lookup(name);
        if ('s' in php && ours.found === 'once') expect(ours.value, body).toBe(Buffer.from(php.s, 'base64').toString());
        else expect(ours.found, `${name} in ${body}`).toBe('ambiguous');
      }
    }
    expect(found).toBeGreaterThan(500);
  });

  test('what we forward instead of the body reads the same in PHP', () => {
    const clean = bodies.filter((body) => !queryFields(Buffer.from(body).toString('latin1')).malformed);
    const ask = (texts: readonly string[]): string =>
      execFileSync('php', ['-d', 'display_errors=0', '-r', script], {
        input: texts.map((text) => Buffer.from(text).toString('base64')).join('\n'),
        maxBuffer: 1 << 26,
      }).toString();
    expect(ask(clean.map((body) => queryFields(Buffer.from(body).toString('latin1')).rebuild()))).toBe(ask(clean));
  });
});
