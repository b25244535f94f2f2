import { randomBytes } from 'node:crypto';
import { Secret, URI } from 'otpauth';
import QRCode from 'qrcode';
import { describe, expect, it } from 'vitest';
import type { Person } from '../../../src/factors/factor.ts';
import { codeAt, matchingStep, stepAt } from '../../../src/factors/totp/steps.ts';
import { createTotp, type TotpOptions } from '../../../src/factors/totp/totp.ts';
import type { Enrolment, Identity, Json } from '../../../src/gate/types.ts';
import { TestClock } from '../../fakes/clock.ts';
import { askedAbout } from '../asked.ts';

const clock = new TestClock();
const enrolled = (data: Json): Enrolment => ({ id: 'e1', factor: 'totp', data, createdAt: 0 });
const person = (identity: string): Person => ({ identity: identity as Identity });

async function begun(options: Partial<TotpOptions> = {}, source = randomBytes) {
  const totp = createTotp({ issuer: 'Lucy', ...options }, source);
  const begin = await totp.begin(person('anna@example.com'), clock.now());
  if (!begin.ok) throw new Error(begin.reason);
  return { totp, enrolment: enrolled(begin.data), data: begin.data };
}

function secretIn(data: Json): Secret {
  const text = data !== null && typeof data === 'object' && 'secret' in data ? data.secret : undefined;
  if (typeof text !== 'string') throw new Error('no secret');
  return Secret.fromBase32(text);
}

describe('RFC 6238 appendix B, SHA-1', () => {
  const secret = Secret.fromLatin1('12345678901234567890');
  it.each([
    [59, '94287082'],
    [1111111109, '07081804'],
    [1111111111, '14050471'],
    [1234567890, '89005924'],
    [2000000000, '69279037'],
    [20000000000, '65353130'],
  ])('at %d seconds', (seconds, code) => {
    const now = seconds * 1000;
    expect(codeAt(secret, stepAt(now), 8)).toBe(code);
    expect(matchingStep(secret, code, now, { digits: 8, skew: 0 })).toBe(Math.floor(seconds / 30));
    expect(codeAt(secret, stepAt(now), 6)).toBe(code.slice(-6));
  });
});

describe('the window', () => {
  const now = clock.now() + 12_345;
  it.each([
    [1, -2, false],
    [1, -1, true],
    [1, 0, true],
    [1, 1, true],
    [1, 2, false],
    [0, -1, false],
    [0, 0, true],
    [0, 1, false],
  ] as const)('skew %d: a code of step %d passes: %s', async (skew, offset, passes) => {
    const { totp, enrolment, data } = await begun({ skew });
    const step = stepAt(now) + offset;
    const verified = await totp.verify(askedAbout(enrolment, { now }), codeAt(secretIn(data), step, 6));
    expect(verified).toEqual(passes ? { ok: true, step } : { ok: false, reason: 'wrong' });
  });

  it('moves with the clock that is passed in, at the boundary of a step', async () => {
    const { totp, enrolment, data } = await begun({ skew: 0 });
    const start = 1_800_000_000_000;
    const code = codeAt(secretIn(data), stepAt(start), 6);
    expect(await totp.verify(askedAbout(enrolment, { now: start - 1 }), code)).toMatchObject({ ok: false });
    expect(await totp.verify(askedAbout(enrolment, { now: start }), code)).toMatchObject({ ok: true });
    expect(await totp.verify(askedAbout(enrolment, { now: start + 29_999 }), code)).toMatchObject({ ok: true });
    expect(await totp.verify(askedAbout(enrolment, { now: start + 30_000 }), code)).toMatchObject({ ok: false });
  });

  it('names the later of two steps with the same code, so that both are used up', () => {
    // Found by trying secrets until two codes two steps apart were the same.
    const secret = Secret.fromLatin1('collision 1618');
    expect([2694, 2695, 2696].map((step) => codeAt(secret, step, 6))).toEqual(['270129', '023211', '270129']);
    expect(matchingStep(secret, '270129', 2695 * 30_000, { digits: 6, skew: 1 })).toBe(2696);
  });

  it('does not look before the first step', () => {
    const secret = Secret.fromLatin1('12345678901234567890');
    expect(matchingStep(secret, codeAt(secret, 0, 6), 0, { digits: 6, skew: 1 })).toBe(0);
  });
});

describe('a code that is none', () => {
  it.each(['', '12345', '1234567', 'abcdef', '１２３４５６', '000000\n'])(
    '%j is wrong and throws nothing',
    async (code) => {
      const { totp, enrolment } = await begun({}, () => Buffer.alloc(20, 7));
      expect(await totp.verify(askedAbout(enrolment, { now: clock.now() }), code)).toEqual({
        ok: false,
        reason: 'wrong',
      });
    },
  );

  it.each([[null], ['x'], [{}], [{ secret: '' }], [{ secret: 'ABC' }], [{ secret: 5 }], [{ secret: 'a'.repeat(32) }]])(
    'an enrolment with the data %j proves nothing',
    async (data) => {
      const totp = createTotp({ issuer: 'Lucy' }, randomBytes);
      const code = codeAt(new Secret({ buffer: new ArrayBuffer(0) }), stepAt(clock.now()), 6);
      expect(await totp.verify(askedAbout(enrolled(data), { now: clock.now() }), code)).toEqual({
        ok: false,
        reason: 'gone',
      });
      expect(await totp.instructions(enrolled(data), person('anna'))).toEqual({});
    },
  );
});

describe('the secret', () => {
  it('is 160 bits of the source that was passed in, all of them and no others', async () => {
    const { data } = await begun({}, (count) => Buffer.from(Array.from({ length: count }, (_, at) => at + 1)));
    expect(secretIn(data).hex.toLowerCase()).toBe('0102030405060708090a0b0c0d0e0f1011121314');
  });

  it('differs each time', async () => {
    const all = await Promise.all(Array.from({ length: 50 }, () => begun()));
    expect(new Set(all.map(({ data }) => secretIn(data).hex)).size).toBe(50);
  });

  it('is not made from a source that runs dry', async () => {
    const short = Buffer.alloc(3);
    expect(() => createTotp({ issuer: 'Lucy' }, () => short)).toThrow(RangeError);
    let left = 1;
    const drying = createTotp({ issuer: 'Lucy' }, (size) => (left-- > 0 ? Buffer.alloc(size, 7) : short));
    await expect(drying.begin(person('a'), 0)).rejects.toThrow(RangeError);
  });
});

describe('instructions', () => {
  it('say the same in the address, the groups of four and the picture', async () => {
    const { totp, enrolment, data } = await begun();
    const { totp: shown } = await totp.instructions(enrolment, person('anna@example.com'));
    const base32 = secretIn(data).base32;
    expect(shown?.uri).toBe(
      `otpauth://totp/Lucy:anna%40example.com?issuer=Lucy&secret=${base32}&algorithm=SHA1&digits=6&period=30`,
    );
    expect(shown?.secret).toMatch(/^[A-Z2-7]{4}( [A-Z2-7]{4}){7}$/);
    expect(shown?.secret.replaceAll(' ', '')).toBe(base32);
    const { modules } = QRCode.create(shown?.uri ?? '', { errorCorrectionLevel: 'M' });
    expect(drawn(shown?.qrSvg ?? '')).toEqual(
      Array.from({ length: modules.size }, (_, row) =>
        Array.from({ length: modules.size }, (_, column) => Boolean(modules.get(row, column))),
      ),
    );
  });

  it('are the same again after a reload', async () => {
    const { totp, enrolment } = await begun();
    expect(await totp.instructions(enrolment, person('anna'))).toEqual(
      await totp.instructions(enrolment, person('anna')),
    );
  });

  it.each(['a:b/c?d=e&f#g', 'müller @ example', 'x'.repeat(5000), '\ud800broken', '日本'.repeat(80)])(
    'survive the account name %j',
    async (name) => {
      const issuer = 'L & Co / "ü"';
      const { totp, enrolment } = await begun({ issuer });
      const { totp: shown } = await totp.instructions(enrolment, person(name));
      expect(shown?.uri).toMatch(/^otpauth:\/\/totp\/[\x21-\x7e]+$/);
      const parsed = URI.parse(shown?.uri ?? '');
      expect(parsed.issuer).toBe(issuer);
      expect(parsed.label).toBe([...name.replace('\ud800', '').replaceAll(':', '-')].slice(0, 100).join(''));
    },
  );

  it('draw dark on white with a quiet zone of four modules, and nothing that a strict CSP refuses', async () => {
    const { totp, enrolment } = await begun();
    const svg = (await totp.instructions(enrolment, person('"><script>x</script>'))).totp?.qrSvg ?? '';
    expect(svg).toMatch(/^<svg /);
    expect(svg).not.toMatch(/style|script|href|on\w+=|<\?/i);
    expect(svg).toContain('fill="#ffffff"');
    expect(svg).toContain('stroke="#000000"');
    const side = Number(/viewBox="0 0 (\d+) \d+"/.exec(svg)?.[1]);
    expect(drawn(svg).length).toBe(side - 8);
  });
});

it('is local: tells nobody anything, sends nothing', async () => {
  const { totp, enrolment } = await begun();
  expect(totp.provider).toBeUndefined();
  expect(totp.discloses(person('anna'))).toEqual([]);
  expect(await totp.send(askedAbout(enrolment), 'sms', true)).toEqual({ sent: false, reason: 'channel-off' });
  await expect(totp.remove(enrolment)).resolves.toBeUndefined();
});

/** The modules inside the quiet zone, read back from the strokes of the path. */
function drawn(svg: string): boolean[][] {
  const side = Number(/viewBox="0 0 (\d+) \d+"/.exec(svg)?.[1]);
  const rows = Array.from({ length: side }, () => Array.from({ length: side }, () => false));
  let [x, y] = [0, 0];
  for (const [, verb, one, two] of (/stroke="#000000" d="([^"]+)"/.exec(svg)?.[1] ?? '').matchAll(
    /([Mmh])(-?[\d.]+)(?: (-?[\d.]+))?/g,
  )) {
    if (verb === 'M') [x, y] = [Number(one), Number(two)];
    if (verb === 'm') [x, y] = [x + Number(one), y + Number(two)];
    if (verb !== 'h') continue;
    for (let end = x + Number(one); x < end; x++) rows[Math.floor(y)]?.splice(x, 1, true);
  }
  const quiet = rows.flatMap((row, at) => (at < 4 || at >= side - 4 ? row : [...row.slice(0, 4), ...row.slice(-4)]));
  expect(quiet.some(Boolean)).toBe(false);
  return rows.slice(4, -4).map((row) => row.slice(4, -4));
}
