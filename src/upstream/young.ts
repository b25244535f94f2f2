/**
 * Bodies that people send come in buffers outside the heap, which the engine counts but does not see as a reason to look where it
 * would be cheap: it collects everything, again and again, to get rid of what died young. So it is told to look at the young only.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** After so many bytes, in all requests together. */
const EVERY_BYTES = 8_388_608;

let passed = 0;
let collect: ((options: { readonly type: 'minor' }) => unknown) | undefined;

/** Of a body that is written on. */
export function countBody(bytes: number): void {
  passed += bytes;
  if (passed < EVERY_BYTES) return;
  passed = 0;
  collect ??= collector();
  collect({ type: 'minor' });
}

/** The engine's own, which only a context that is made after this flag was set has. Without it uploads cost more, and no more than that. */
function collector(): NonNullable<typeof collect> {
  setFlagsFromString('--expose-gc');
  const found: unknown = runInNewContext('globalThis.gc');
  return typeof found === 'function' ? (options) => Reflect.apply(found, undefined, [options]) : () => undefined;
}
