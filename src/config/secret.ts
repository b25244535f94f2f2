/** A secret that cannot be printed by accident, and the three ways to give one. Reads files and the given environment only. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { inspect } from 'node:util';
import { z } from 'zod';

export class Secret {
  readonly #text: string;
  constructor(text: string) {
    this.#text = text;
  }
  /** The text itself. Every call is a place to look at in a review. */
  reveal(): string {
    return this.#text;
  }
  toString(): string {
    return '[secret]';
  }
  toJSON(): string {
    return '[secret]';
  }
  [inspect.custom](): string {
    return '[secret]';
  }
}

/** The same with its secrets as texts: for what is built with them, never for what is kept or shown. */
export type Revealed<T> = T extends Secret
  ? string
  : T extends readonly (infer Item)[]
    ? readonly Revealed<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]: Revealed<T[Key]> }
      : T;

export function revealed<T>(value: T): Revealed<T> {
  return revealedOf(value) as Revealed<T>;
}

function revealedOf(value: unknown): unknown {
  if (value instanceof Secret) return value.reveal();
  if (Array.isArray(value)) return value.map(revealedOf);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, revealedOf(inner)]));
}

export type SecretRef = string | { readonly env: string } | { readonly file: string };

export const secretRef = z.union([
  z.string().min(1),
  z.strictObject({ env: z.string().min(1).describe('Name of an environment variable.') }),
  z.strictObject({ file: z.string().min(1).describe('Path of a file, from the folder of this file.') }),
]);

export type SecretRead = { readonly secret: Secret } | { readonly trouble: string };

/** @param folder that a relative file starts from. The trouble never quotes what was read. */
export async function readSecret(
  ref: SecretRef,
  env: Readonly<Record<string, string | undefined>>,
  folder: string,
): Promise<SecretRead> {
  if (typeof ref === 'string') return { secret: new Secret(ref) };
  if ('env' in ref) {
    const text = env[ref.env];
    if (text === undefined || text.trim() === '') return { trouble: `the environment variable ${ref.env} is not set` };
    return { secret: new Secret(text.trim()) };
  }
  const path = resolve(folder, ref.file);
  try {
    const text = (await readFile(path, 'utf8')).trim();
    return text === '' ? { trouble: `the file ${path} is empty` } : { secret: new Secret(text) };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    return { trouble: `the file ${path} cannot be read (${code})` };
  }
}
