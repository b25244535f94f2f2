/**
 * `lucy-2fa people import`: a list of e-mail addresses and numbers that the administrator vouches for. It needs the configuration
 * and the key file; a running gateway takes the new file into use by itself. Nothing is written before every line is right.
 */
import { readFile } from 'node:fs/promises';
import { type Env, loadConfig } from './config/load.ts';
import { checkOwner } from './owner.ts';
import { readKnown, writeKnown } from './people/file.ts';
import { type Merged, merge, readPeople } from './people/people.ts';
import { formatProblems } from './profiles/problem.ts';
import { StartError } from './start.ts';
import { openKeys } from './store/keys.ts';
import { StoreError } from './store/store.ts';

export interface ImportOptions {
  readonly file: string;
  readonly configPath: string;
  readonly env: Env;
  /** Otherwise only said what would be done. */
  readonly apply: boolean;
  /** Forgets who is not in the list, so that a damaged list, or one that is sealed with lost keys, does not matter. */
  readonly replace: boolean;
}

const LARGEST_BYTES = 32 * 1024 * 1024;
const MOST_PROBLEMS = 50;

/** @throws StartError with what is wrong, one problem a line */
export async function importPeople(options: ImportOptions): Promise<Omit<Merged, 'people'>> {
  const loaded = await loadConfig(options.configPath, options.env);
  if (!loaded.ok) throw new StartError('config', formatProblems(loaded.problems, options.configPath));
  const { config, profile } = loaded;
  const { countries } = config.limits.sends;
  const read = readPeople(await textOf(options.file), {
    identify: (name) => profile.identify(name),
    country: config.branding.country,
    mayReach: (country) => countries.length === 0 || countries.includes(country),
  });
  if (!read.ok) {
    const said = read.problems
      .slice(0, MOST_PROBLEMS)
      .map(({ line, problem }) => `${options.file}:${line}: ${problem}`);
    const more = read.problems.length - said.length;
    throw new StartError(
      'config',
      ['nothing was imported.', ...said, ...(more > 0 ? [`and ${more} more`] : [])].join('\n'),
    );
  }
  try {
    if (options.apply) await checkOwner(config.secrets.keyFile);
    const keys = await openKeys(config.secrets.keyFile, { create: false });
    const known = await readKnown(config.people.file, keys).catch((error: unknown) => {
      if (options.replace && error instanceof StoreError && error.code !== 'unreadable') return new Map();
      throw error;
    });
    const { people, ...counts } = merge(known, read.people, options.replace);
    if (options.apply) await writeKnown(config.people.file, keys, people);
    return counts;
  } catch (error) {
    if (error instanceof StoreError) throw new StartError('store', error.message, { cause: error });
    throw error;
  }
}

async function textOf(file: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new StartError('config', `The file "${file}" cannot be read (${why}).`, { cause: error });
  }
  if (bytes.length > LARGEST_BYTES) throw new StartError('config', `The file "${file}" is larger than 32 MB.`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new StartError('config', `The file "${file}" is not UTF-8; save it as "CSV UTF-8".`);
  }
}
