/**
 * The one setting that the administration page writes: the Authy key. The file stays the operator's: every other byte is
 * kept, a file that changed meanwhile is not overwritten, and a result that would not start is not written (I9).
 */
import { readFile, realpath } from 'node:fs/promises';
import { valueAt } from '../profiles/issues.ts';
import type { Problem } from '../profiles/problem.ts';
import { Source } from '../profiles/source.ts';
import { checkConfig, type Env, versionOf } from './load.ts';
import { replaceFile } from './replace-file.ts';
import { isKnownSharedKey } from './shared-key.ts';
import { type Spliced, setScalar } from './splice.ts';

export type EditRefusal =
  | 'empty'
  | 'malformed'
  /** The published key, and nobody said that it may be used. */
  | 'shared-key-needs-switch'
  /** The key comes from the environment, another file or an anchor: it must be changed there. */
  | 'set-elsewhere'
  | 'file-changed'
  /** The file with the new key would not start; `problems` say why. */
  | 'file-invalid'
  | 'file-unwritable';

export type Edited =
  | { readonly ok: true; readonly changed: boolean }
  | { readonly ok: false; readonly reason: EditRefusal; readonly problems: readonly Problem[] };

export interface EditOptions {
  readonly env: Env;
  /** The `version` of the configuration that is running; the file must still be that one. */
  readonly version?: string;
  /** Writes `insecureSharedKey: true` beside the published key. */
  readonly allowSharedKey?: boolean;
}

const KEY = ['factors', 'authy', 'apiKey'] as const;
const SWITCH = ['factors', 'authy', 'insecureSharedKey'] as const;

/** @param key `null` removes it, which switches Authy off. */
export async function setAuthyKey(path: string, key: string | null, options: EditOptions): Promise<Edited> {
  const text = key?.trim() ?? null;
  if (text === '') return refused('empty');
  if (text !== null && !/^[\x21-\x7e]{8,200}$/.test(text)) return refused('malformed');
  const isShared = text !== null && isKnownSharedKey(text);
  if (isShared && options.allowSharedKey !== true) return refused('shared-key-needs-switch');

  let file: string;
  let before: string;
  try {
    file = await realpath(path); // a link stays a link; what it points at is replaced
    before = await readFile(file, 'utf8');
  } catch {
    return refused('file-unwritable');
  }
  if (options.version !== undefined && versionOf(before) !== options.version) return refused('file-changed');

  const source = new Source(path, before);
  if (source.problems.length > 0) return refused('file-invalid', source.problems);
  const current = valueAt(source.value, KEY);
  if (typeof current === 'object' && current !== null) return refused('set-elsewhere');
  if ((current ?? null) === text && !isShared) return { ok: true, changed: false };

  const after = edit(before, text, isShared);
  if ('refused' in after) return refused(after.refused === 'unsure' ? 'file-invalid' : 'set-elsewhere');
  const checked = await checkConfig(after.text, path, options.env);
  if (!checked.ok) return refused('file-invalid', checked.problems);
  switch (await replaceFile(file, before, after.text)) {
    case 'replaced':
      return { ok: true, changed: true };
    case 'changed':
      return refused('file-changed');
    case 'unwritable':
      return refused('file-unwritable');
  }
}

function edit(text: string, key: string | null, isShared: boolean): Spliced {
  const withKey = setScalar(text, KEY, key);
  return isShared && 'text' in withKey ? setScalar(withKey.text, SWITCH, true) : withKey;
}

function refused(reason: EditRefusal, problems: readonly Problem[] = []): Edited {
  return { ok: false, reason, problems };
}
