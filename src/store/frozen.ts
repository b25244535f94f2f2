/** Records as values: nobody who wrote or read one can change what the store holds. Nothing here knows what a record means. */

/**
 * The record as it will be read back after a restart, which neither the writer nor a reader can change afterwards.
 * @throws TypeError for what JSON cannot hold
 */
export function frozenCopy<T>(record: T): T {
  return deepFreeze(JSON.parse(JSON.stringify(record)));
}

/** Freezes a value that came from JSON. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}
