/**
 * What the block of one factor is to the rest of the configuration: its keys, its secrets, what can be wrong with it, and
 * the options that the factor is built with. Reads nothing.
 */
import type { z } from 'zod';
import type { Remark } from '../remark.ts';
import type { Secret, SecretRef } from '../secret.ts';

/** What a block may depend on beside its own keys. */
export interface Around {
  readonly publicUrl: string;
  readonly service: string;
  /** A secret of the block that was given and could be read. */
  readonly secret: (key: string) => Secret | undefined;
}

export interface FactorBlock<Schema extends z.ZodType, Options extends object> {
  readonly schema: Schema;
  /** Whether people can have this factor, as far as the file says. */
  isOn(parsed: z.output<Schema>): boolean;
  /** Secrets as the file gives them, by their key in the block; a dot leads to a key inside one. */
  secrets?(parsed: z.output<Schema>): Readonly<Record<string, SecretRef | undefined>>;
  /** What no single key can know. Paths begin in the block. */
  check?(parsed: z.output<Schema>, around: Around): readonly Remark[];
  /** What the factor is built with; `undefined` when it is off. Called only when `check` found no error. */
  complete(parsed: z.output<Schema>, around: Around): Options | undefined;
}

/** Keeps what is given; says what it must be. */
export function block<Schema extends z.ZodType, Options extends object>(
  given: FactorBlock<Schema, Options>,
): FactorBlock<Schema, Options> {
  return given;
}
