/** Frames of a journal: any cut is torn, any change of what was confirmed is damage. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFrames, encodeFrame } from '../../src/store/frames.ts';

const payload = fc.stringMatching(/^[A-Za-z0-9._-]{0,80}$/);
const several = fc.array(payload, { minLength: 2, maxLength: 6 });
const encode = (payloads: readonly string[]) => Buffer.concat(payloads.map(encodeFrame));

describe('frames', () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(fc.array(payload), (payloads) => {
        const bytes = encode(payloads);
        expect(decodeFrames(bytes)).toEqual({ payloads, length: bytes.length, rest: 'nothing' });
      }),
    );
  });

  it('cut anywhere: the whole ones are there, the rest is torn', () => {
    fc.assert(
      fc.property(several, fc.nat(), (payloads, at) => {
        const bytes = encode(payloads);
        const cut = bytes.subarray(0, at % bytes.length);
        const found = decodeFrames(cut);
        expect(found.payloads).toEqual(payloads.slice(0, found.payloads.length));
        expect(found.length).toBe(encode(found.payloads).length);
        expect(found.rest).toBe(found.length === cut.length ? 'nothing' : 'torn');
      }),
    );
  });

  it('with any one byte changed: damage, never fewer records', () => {
    fc.assert(
      fc.property(several, fc.nat(), fc.integer({ min: 1, max: 255 }), (payloads, at, difference) => {
        const bytes = encode(payloads);
        const place = at % bytes.length;
        bytes[place] = (bytes[place] ?? 0) ^ difference;
        fc.pre(bytes[place] !== 0); // a zero in the last frame is what a power cut leaves
        expect(decodeFrames(bytes).rest).toBe('damaged');
      }),
      { numRuns: 500 },
    );
  });

  it('with zeros in any frame but the last: damage; in the last only: torn', () => {
    fc.assert(
      fc.property(several, fc.nat(), fc.integer({ min: 1, max: 40 }), (payloads, at, count) => {
        const bytes = encode(payloads);
        const last = bytes.length - encodeFrame(payloads.at(-1) ?? '').length;
        const from = at % bytes.length;
        const to = Math.min(from + count, from < last ? last : bytes.length);
        bytes.fill(0, from, to);
        expect(decodeFrames(bytes).rest).toBe(from < last ? 'damaged' : 'torn');
      }),
      { numRuns: 500 },
    );
  });

  it('never throw on anything', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const { length, rest } = decodeFrames(Buffer.from(bytes));
        return length <= bytes.length && (rest === 'nothing') === (length === bytes.length);
      }),
    );
  });
});
