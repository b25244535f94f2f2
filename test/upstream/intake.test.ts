/** Bytes that are lent: whoever keeps them keeps what came, whatever is read afterwards and however slowly it is written. */
import { createHash } from 'node:crypto';
import { createServer, get, type ServerResponse } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { Intake } from '../../src/upstream/intake.ts';
import { closeBoth, Front } from './front.ts';
import { portOf } from './wire.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  await closeBoth();
});

/** A read of so many bytes of this value. @returns what was lent */
function read(intake: Intake, length: number, value: number): Buffer {
  let lent: Buffer = Buffer.alloc(0);
  intake.onBytes = (bytes) => {
    lent = bytes;
  };
  intake.onread.buffer().fill(value, 0, length);
  intake.onread.callback(length);
  return lent;
}

/** An answer whose writes end when the test says so. */
class Answer {
  readonly written: Buffer[] = [];
  readonly ends: ((error?: Error) => void)[] = [];
  readonly socket = { destroyed: false };
  destroyed = false;

  write(chunk: Buffer, callback?: (error?: Error) => void): boolean {
    this.written.push(chunk);
    if (callback !== undefined) this.ends.push(callback);
    return true;
  }

  get res(): ServerResponse {
    return this as unknown as ServerResponse;
  }
}

describe('what is owned', () => {
  test.each([10, 1_000, 32_767, 32_768, 65_536])('stays as it was: %i bytes', (length) => {
    const intake = new Intake();
    const kept = intake.own(read(intake, length, 1));
    read(intake, 65_536, 2);
    expect(kept.equals(Buffer.alloc(length, 1))).toBe(true);
  });

  test('is not taken away by another piece of the same read', () => {
    const intake = new Intake();
    const lent = read(intake, 65_536, 1);
    const kept = [
      intake.own(lent.subarray(0, 100)),
      intake.own(lent.subarray(100, 60_000)),
      intake.own(lent.subarray(60_000)),
    ];
    read(intake, 65_536, 2);
    expect(Buffer.concat(kept).equals(Buffer.alloc(65_536, 1))).toBe(true);
  });

  test('is nothing new when it is owned already', () => {
    const bytes = Buffer.alloc(10);
    expect(new Intake().own(bytes)).toBe(bytes);
  });
});

describe('a buffer that was passed on', () => {
  /** @returns whether the next connections get it to read into. */
  function isLentAgain(piece: Buffer): boolean {
    return Array.from({ length: 70 }, () => new Intake().onread.buffer().buffer).includes(piece.buffer as ArrayBuffer);
  }

  function passed(isOnePiece: boolean): Answer {
    const intake = new Intake();
    const answer = new Answer();
    const lent = read(intake, 65_536, 1);
    intake.isOnePiece = isOnePiece;
    intake.pass(isOnePiece ? lent : lent.subarray(0, 40_000), answer.res);
    return answer;
  }

  test('is lent again once it was written, and not before', () => {
    const { ends, written } = passed(true);
    expect(isLentAgain(written[0] as Buffer)).toBe(false);
    ends[0]?.();
    expect(isLentAgain(written[0] as Buffer)).toBe(true);
  });

  test('is not when something else of the same read may lie in it', () => {
    const { ends, written } = passed(false);
    for (const end of ends) end();
    expect(isLentAgain(written[0] as Buffer)).toBe(false);
  });

  test('is not when it could not be written', () => {
    const { ends, written } = passed(true);
    ends[0]?.(new Error('gone'));
    expect(isLentAgain(written[0] as Buffer)).toBe(false);
  });

  test.each(['answer', 'socket'])('is not when its %s was given up, though Node names no error then', (what) => {
    const answer = passed(true);
    if (what === 'answer') answer.destroyed = true;
    else answer.socket.destroyed = true;
    answer.ends[0]?.();
    expect(isLentAgain(answer.written[0] as Buffer)).toBe(false);
  });

  test('of a small piece is not given away at all', () => {
    const intake = new Intake();
    const answer = new Answer();
    const lent = read(intake, 1_000, 1);
    intake.isOnePiece = true;
    intake.pass(lent, answer.res);
    expect(answer.ends).toEqual([]);
    expect(intake.onread.buffer().buffer).toBe(lent.buffer);
    read(intake, 1_000, 2);
    expect(answer.written[0]?.equals(Buffer.alloc(1_000, 1))).toBe(true);
  });
});

test('large answers at once, framed in different ways, reach fast and slow clients as they are', async () => {
  const BYTES = 4_000_000;
  const body = (of: number): Buffer => {
    const words = new Uint32Array(BYTES / 4);
    for (let i = 0; i < words.length; i += 1) words[i] = of * 16_777_216 + i;
    return Buffer.from(words.buffer);
  };
  const app = createServer((req, res) => {
    const of = Number(req.url?.slice(1));
    const whole = body(of);
    if (of % 2 === 0) {
      res.writeHead(200, { 'Content-Length': BYTES });
      res.end(whole);
      return;
    }
    const piece = of % 4 === 1 ? 7_001 : 150_000; // many in one read, or one in many reads
    for (let at = 0; at < BYTES; at += piece) res.write(whole.subarray(at, at + piece));
    res.end();
  });
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  stops.push(() => new Promise((resolve) => app.close(() => resolve())));
  const front = await Front.start({ url: `http://127.0.0.1:${portOf(app)}` });
  stops.push(() => front.stop());

  const fetched = (of: number): Promise<string> =>
    new Promise((resolve, reject) => {
      get({ host: '127.0.0.1', port: front.port, path: `/${of}`, agent: false }, (answer) => {
        const sum = createHash('sha256');
        answer.on('data', (chunk: Buffer) => {
          sum.update(chunk);
          if (of < 4) return;
          answer.pause();
          setTimeout(() => answer.resume(), 1);
        });
        answer.on('end', () => resolve(sum.digest('hex')));
        answer.on('error', reject);
      }).on('error', reject);
    });
  const all = Array.from({ length: 8 }, (_, i) => i);
  const sums = await Promise.all(all.map(fetched));
  expect(sums).toEqual(all.map((of) => createHash('sha256').update(body(of)).digest('hex')));
});
