/** The configuration as the rest of the gateway gets it: checked, complete, frozen, with secrets that do not print. */
import type { FactorsConfig } from './factors/factors.ts';
import type { ParsedConfig } from './schema.ts';
import type { Secret } from './secret.ts';
import type { StoreConfig } from './store.ts';

/** Without the profile's keys: those are in the compiled profile. */
export interface Upstream {
  readonly url: string;
  readonly profile: string;
  /** PEM text. */
  readonly ca?: string;
  readonly pin?: string;
  readonly servername?: string;
  /** Milliseconds. */
  readonly timeouts: { readonly connect: number; readonly headers: number; readonly queue: number };
  readonly connections: number;
  readonly queue: number;
}

/** Times are milliseconds, paths are absolute. A factor is on when it is there. */
export type Config = DeepReadonly<
  Omit<ParsedConfig, 'upstream' | 'factors' | 'store'> & {
    upstream: Upstream;
    store: StoreConfig;
    factors: FactorsConfig;
  }
>;

export type DeepReadonly<T> = T extends Secret
  ? T
  : T extends readonly (infer Item)[]
    ? readonly DeepReadonly<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
      : T;

export function deepFreeze<T>(value: T): DeepReadonly<T> {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value as DeepReadonly<T>;
}
