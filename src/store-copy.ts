/** `lucy-2fa store copy`: opens the stores of two configurations, copies, and says in words what was done. */
import type { Clock } from './clock.ts';
import { type LoadedConfig, loadConfig } from './config/load.ts';
import { createLog } from './log.ts';
import { checkOwner } from './owner.ts';
import { formatProblems } from './profiles/problem.ts';
import { openConfigured, StartError } from './start.ts';
import { type Copied, copyStore, isComplete } from './store/copy.ts';
import { type MasterKeys, readKeyFile } from './store/key-file.ts';
import { type Store, StoreError } from './store/store.ts';

export interface StoreCopyOptions {
  /** Configuration files; of each only `store` and `secrets` matter. */
  readonly from: string;
  readonly to: string;
  readonly overwrite: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Results, a line each. */
  readonly print: (line: string) => void;
  /** How far it is, a line each. */
  readonly tell: (line: string) => void;
}

/**
 * @returns whether everything is in the other store now, read again and alike
 * @throws StartError with one sentence
 */
export async function copyConfigured(options: StoreCopyOptions): Promise<boolean> {
  const [source, target] = [await configOf(options.from, options.env), await configOf(options.to, options.env)];
  if (placeOf(source) === placeOf(target)) {
    throw new StartError('config', `${options.from} and ${options.to} name the same store; there is nothing to copy.`);
  }
  for (const { config } of [source, target]) await checkOwner(config.secrets.keyFile);
  await checkFirstKeys(source, target, options);
  const log = createLog('warn', { write: (line) => options.tell(line.trimEnd()) });
  const from = await openConfigured(source, options.clock, log);
  let to: Store | undefined;
  try {
    to = await openConfigured(target, options.clock, log);
    const copied = await copyStore({
      from,
      to,
      clock: options.clock,
      overwrite: options.overwrite,
      onProgress: ({ collection, step, done }) => options.tell(`${step} ${collection}: ${done}`),
    });
    for (const one of copied) for (const line of linesOf(one)) options.print(line);
    return copied.every(isComplete);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    const goOn = 'What was copied stays; the same command goes on from there.';
    throw new StartError('store', `${error.message} ${goOn}`, { cause: error });
  } finally {
    await to?.close();
    await from.close();
  }
}

/**
 * Recovery codes and tickets hang on the first key, so what is copied to another one is lost. Asked before a store is opened: that
 * would make a key file, and mark an empty server with it.
 */
async function checkFirstKeys(
  { config: source }: LoadedConfig,
  { config: target }: LoadedConfig,
  { from, to }: Pick<StoreCopyOptions, 'from' | 'to'>,
): Promise<void> {
  const path = target.secrets.keyFile;
  const [ours, theirs] = [await keysIn(source.secrets.keyFile), await keysIn(path)];
  if (ours === 'missing') return; // said when its store is opened
  const advice = `copy ${source.secrets.keyFile} there first`;
  if (theirs === 'missing') throw new StartError('store', `The key file of ${to}, ${path}, is not there; ${advice}.`);
  const [[one], [other]] = [[...ours.keys.values()], [...theirs.keys.values()]];
  if (one !== undefined && other?.equals(one) === true) return;
  const what = `The key files of ${from} and ${to} begin with different keys`;
  throw new StartError('store', `${what}, and no recovery code and no ticket would work any more; ${advice}.`);
}

async function keysIn(path: string): Promise<MasterKeys | 'missing'> {
  try {
    return await readKeyFile(path);
  } catch (error) {
    if (error instanceof StoreError) throw new StartError('store', error.message, { cause: error });
    throw error;
  }
}

async function configOf(path: string, env: StoreCopyOptions['env']): Promise<LoadedConfig> {
  const loaded = await loadConfig(path, env);
  if (!loaded.ok) throw new StartError('config', formatProblems(loaded.problems, path));
  return loaded;
}

function placeOf({ config }: LoadedConfig): string {
  const { store } = config;
  return store.kind === 'lowdb'
    ? store.path
    : JSON.stringify([store.server.addresses, store.server.database, store.prefix]);
}

function linesOf({ collection, found, written, alike, differing, missing, others }: Copied): string[] {
  const lines = [`${collection}: ${found} found, ${written} written, ${alike} read again and alike`];
  if (others > 0) lines.push(`  ${others} more in the other store, left alone`);
  if (differing.length > 0) lines.push(`  differ there, not replaced (--overwrite does): ${differing.join(', ')}`);
  if (missing.length > 0) lines.push(`  did not arrive: ${missing.join(', ')}`);
  return lines;
}
