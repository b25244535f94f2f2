/**
 * Finds a profile, lays the operator's overrides over it, and checks the result as one. Says everything that is wrong,
 * with the file and line it came from; never runs with half a profile.
 */
import { readdir, readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileProfile } from './compile.ts';
import { explain, problemAt, valueAt } from './issues.ts';
import { keysAt, profileJsonSchema } from './json-schema.ts';
import { inOrder, type Problem } from './problem.ts';
import type { Profile } from './profile.ts';
import { type ProfileData, profileSchema } from './schema.ts';
import { Source } from './source.ts';
import { profileWarnings } from './warnings.ts';

export type ProfileLoad =
  | { readonly ok: true; readonly profile: Profile; readonly data: ProfileData; readonly warnings: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Where overrides come from, so that a problem can be shown where it was written. */
export interface Overrides {
  readonly values: Readonly<Record<string, unknown>>;
  readonly source: Source;
  /** Path of the block in that file. */
  readonly at: readonly PropertyKey[];
}

export interface ProfileRequest {
  /** Name of a shipped profile, or a path. */
  readonly ref: string;
  /** Folder that a relative path starts from. */
  readonly folder: string;
  readonly overrides?: Overrides;
}

/** Two folders up from here both in `src` and in `dist`. */
const SHIPPED = fileURLToPath(new URL('../../config/profiles/', import.meta.url));

export async function loadProfile({ ref, folder, overrides }: ProfileRequest): Promise<ProfileLoad> {
  const isName = /^[a-z0-9][a-z0-9-]*$/.test(ref);
  const file = isName ? join(SHIPPED, `${ref}.yaml`) : isAbsolute(ref) ? ref : join(folder, ref);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    const rule = isName
      ? `there is no shipped profile of this name, only ${(await shippedNames()).join(', ')}; the path of your own ends with .yaml`
      : `the file ${file} cannot be read (${why})`;
    return { ok: false, problems: [notFound(ref, file, rule, overrides)] };
  }
  const source = new Source(file, text);
  if (source.problems.length > 0) return { ok: false, problems: source.problems };

  const merged = merge(source.value, overrides?.values ?? {});
  const locate = locator(source, overrides);
  const parsed = profileSchema.safeParse(merged);
  if (!parsed.success) {
    const schema = profileJsonSchema();
    const found = explain(parsed.error.issues, (path) => keysAt(schema, path));
    const problems = found.map((one) => problemAt(locate(one.path), one, valueAt(merged, one.path), true));
    return { ok: false, problems: inOrder(problems) };
  }
  const warnings = profileWarnings(parsed.data).map(({ path, rule }): Problem => {
    return { ...problemAt(locate(path), { path, rule, showValue: false }, undefined, false), severity: 'warning' };
  });
  return { ok: true, profile: compileProfile(parsed.data), data: parsed.data, warnings };
}

/** Blocks merge, lists and values replace, null takes away. */
export function merge(base: unknown, over: unknown): unknown {
  if (!isBlock(base) || !isBlock(over)) return over;
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    if (value === null) delete merged[key];
    else merged[key] = Object.hasOwn(base, key) ? merge(base[key], value) : value;
  }
  return merged;
}

function isBlock(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function shippedNames(): Promise<readonly string[]> {
  const files = await readdir(SHIPPED);
  return files.flatMap((file) => (file.endsWith('.yaml') ? [file.slice(0, -'.yaml'.length)] : [])).toSorted();
}

function notFound(ref: string, file: string, rule: string, overrides: Overrides | undefined): Problem {
  const path = [...(overrides?.at ?? []), 'profile'];
  const spot = overrides?.source.locate(path) ?? { line: 1, column: 1 };
  const where = { file: overrides?.source.file ?? file, path, ...spot };
  return problemAt(where, { path, rule, showValue: true }, ref, true);
}

/** The file that says most of a path is where it went wrong; the operator's own comes first. */
function locator(source: Source, overrides: Overrides | undefined) {
  return (path: readonly PropertyKey[]) => {
    if (overrides !== undefined) {
      const there = [...overrides.at, ...path];
      const depth = overrides.source.depthOf(there) - overrides.at.length;
      if (depth > 0 && depth >= source.depthOf(path)) {
        return { file: overrides.source.file, path: there, ...overrides.source.locate(there) };
      }
    }
    return { file: source.file, path, ...source.locate(path) };
  };
}
