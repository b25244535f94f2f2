/** The tokens of a session, in its jar: found by ours alone, stored by hash, merged where two processes write. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { handleOf, newToken } from '../../src/session/bearers.ts';
import { Jar } from '../../src/session/jar.ts';

const NOW = 1_700_000_000_000;

function withToken(ours: string, token = 'theirs'): Jar {
  const jar = new Jar();
  jar.store('sid=1; Path=/', '/', NOW);
  jar.changeBearers({ keep: handleOf(ours), token });
  return jar;
}

describe('a token of ours', () => {
  it('is 256 random bits behind a word that says whose it is, and another one each time', () => {
    const made = Array.from({ length: 100 }, () => newToken(randomBytes));
    for (const ours of made) expect(ours).toMatch(/^lucy2fa_[A-Za-z0-9_-]{43}$/);
    expect(new Set(made).size).toBe(100);
  });

  it('leads to the application’s, is stored as a hash, and is no cookie', () => {
    const ours = newToken(randomBytes);
    const stored = withToken(ours).toJson();
    expect(JSON.stringify(stored)).not.toContain(ours);
    const jar = Jar.fromJson(stored);
    expect(jar.bearers.tokenFor(ours)).toBe('theirs');
    expect(jar.bearers.tokenFor(handleOf(ours))).toBeUndefined();
    expect(jar.bearers.tokenFor(newToken(randomBytes))).toBeUndefined();
    expect(jar.header('/', NOW)).toBe('sid=1');
    expect(jar.toJson()).toEqual(stored);
  });
});

describe('changes', () => {
  it('a new name ends the old one, and forgetting ends all', () => {
    const jar = withToken('a');
    jar.changeBearers({ rename: handleOf('a'), to: handleOf('b') });
    expect([jar.bearers.tokenFor('a'), jar.bearers.tokenFor('b')]).toEqual([undefined, 'theirs']);
    jar.changeBearers({ rename: handleOf('a'), to: handleOf('c') });
    expect(jar.bearers.tokenFor('c')).toBeUndefined();
    jar.changeBearers({ forget: 'all' });
    expect([jar.bearers.tokenFor('b'), jar.bearers.newest]).toEqual([undefined, undefined]);
  });

  it('of more than four the oldest goes', () => {
    const jar = withToken('0');
    for (const one of ['1', '2', '3', '4']) jar.changeBearers({ keep: handleOf(one), token: `t${one}` });
    expect(jar.bearers.tokenFor('0')).toBeUndefined();
    expect(jar.bearers.tokenFor('1')).toBe('t1');
    expect(jar.bearers.newest?.token).toBe('t4');
  });

  it('of two processes come together, and one that forgets forgets what it knew', () => {
    const stored = withToken('a').toJson();
    const [one, other] = [Jar.fromJson(stored), Jar.fromJson(stored)];
    one.changeBearers({ keep: handleOf('b'), token: 'tb' });
    other.changeBearers({ keep: handleOf('c'), token: 'tc' });
    const merged = Jar.merged(Jar.merged(stored, one.unsaved()), other.unsaved());
    const jar = Jar.fromJson(merged);
    expect(['a', 'b', 'c'].map((ours) => jar.bearers.tokenFor(ours))).toEqual(['theirs', 'tb', 'tc']);
    expect(one.follow(merged)).toBe(true);
    expect(one.bearers.tokenFor('c')).toBe('tc');
    expect(one.follow(merged)).toBe(false);
    one.changeBearers({ forget: 'all' });
    expect(Jar.fromJson(Jar.merged(merged, one.unsaved())).bearers.newest).toBeUndefined();
  });

  it('are to be saved, and a jar with nothing but a token is not empty', () => {
    const jar = new Jar();
    expect([jar.isEmpty, jar.isUnsaved]).toEqual([true, false]);
    jar.changeBearers({ keep: handleOf('a'), token: 't' });
    expect([jar.isEmpty, jar.isUnsaved]).toEqual([false, true]);
  });

  it('what is stored and no token is none', () => {
    const jar = Jar.fromJson([null, 1, 'x', {}, { bearer: 'h' }, { token: 't' }, { bearer: 1, token: 't' }]);
    expect(jar.isEmpty).toBe(true);
  });
});
