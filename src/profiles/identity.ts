/**
 * From a name as the application says it to the key under which factors are kept. Two names that the application takes
 * for one person must end as one (attack 32); a name that cannot be one is refused, never cut.
 */
import type { Identity } from '../gate/types.ts';
import type { ProfileData } from './schema.ts';

/** Characters, after normalising. Longer than any account name that was seen, short enough for every store. */
export const MAX_IDENTITY = 256;

/** Controls, invisible characters and broken Unicode; the two joiners are part of names in several scripts. */
const IMPOSSIBLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]|(?![\u200c\u200d])\p{Cf}/u;

export function compileIdentity(data: ProfileData['identity']): (name: string) => Identity | undefined {
  const steps = new Set(data.normalise);
  const once = (name: string): string => {
    let text = name;
    if (steps.has('nfkc')) text = text.normalize('NFKC');
    if (steps.has('ascii'))
      text = text
        .normalize('NFD')
        .replace(/\p{M}+/gu, '')
        .normalize('NFC');
    if (steps.has('lowercase')) text = text.toLowerCase();
    if (steps.has('trim')) text = text.trim();
    return text;
  };
  return (name) => {
    if (name.length > 4 * MAX_IDENTITY || IMPOSSIBLE.test(name)) return undefined;
    // One step can make work for another (a compatibility form of a blank): go on until nothing changes.
    let text = name;
    for (let round = 0; round < 4; round++) {
      const next = once(text);
      if (next === text) return isName(text) ? (text as Identity) : undefined;
      text = next;
    }
    return undefined;
  };
}

function isName(text: string): boolean {
  return text.trim() !== '' && text.length <= MAX_IDENTITY && !IMPOSSIBLE.test(text);
}
