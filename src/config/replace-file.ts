/** Puts a new text in the place of a file, durably and with its rights kept; never over a change that it has not seen. */
import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

export type Replaced = 'replaced' | 'changed' | 'unwritable';

/** @param expected what must still stand in the file at the moment of the change */
export async function replaceFile(path: string, expected: string, text: string): Promise<Replaced> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const { mode, uid, gid } = await stat(path);
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(text, 'utf8');
      // Ours may be another account than the owner's: then the file gets our name, and the mode keeps who may read it.
      await handle.chown(uid, gid).catch(() => {});
      await handle.chmod(mode & 0o777);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // Nothing of this process runs between the comparison and the rename.
    if (readFileSync(path, 'utf8') !== expected) {
      await rm(temporary, { force: true });
      return 'changed';
    }
    renameSync(temporary, path);
    const folder = await open(dirname(path));
    await folder.sync().finally(() => folder.close());
    return 'replaced';
  } catch {
    await rm(temporary, { force: true }).catch(() => {});
    return 'unwritable';
  }
}
