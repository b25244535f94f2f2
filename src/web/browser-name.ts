/**
 * A browser as people know it, from its `User-Agent`: a hint for a person who looks over a list, and nothing that anything is
 * decided by. What is not known is not guessed at.
 */

/** In order: later ones call themselves by the names of earlier ones as well. */
const BROWSERS: readonly (readonly [sign: string, name: string])[] = [
  ['Edg/', 'Edge'],
  ['EdgA/', 'Edge'],
  ['OPR/', 'Opera'],
  ['SamsungBrowser/', 'Samsung Internet'],
  ['Firefox/', 'Firefox'],
  ['FxiOS/', 'Firefox'],
  ['CriOS/', 'Chrome'],
  ['Chrome/', 'Chrome'],
  ['Safari/', 'Safari'],
  ['curl/', 'curl'],
];

const SYSTEMS: readonly (readonly [sign: string, name: string])[] = [
  ['iPhone', 'iPhone'],
  ['iPad', 'iPad'],
  ['Android', 'Android'],
  ['CrOS', 'ChromeOS'],
  ['Windows', 'Windows'],
  ['Macintosh', 'Mac'],
  ['Linux', 'Linux'],
];

export function browserName(agent: string): string {
  const browser = BROWSERS.find(([sign]) => agent.includes(sign))?.[1] ?? 'Unknown browser';
  const system = SYSTEMS.find(([sign]) => agent.includes(sign))?.[1];
  return system === undefined ? browser : `${browser} on ${system}`;
}
