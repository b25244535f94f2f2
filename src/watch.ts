/** Tells when a file was changed, however an editor does that: the folder is watched, because most of them replace the file. */
import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Clock } from './clock.ts';

/** Editors write in several steps; a file that is half there would only make noise in the log. */
const SETTLE_MS = 300;

export function watchFile(path: string, clock: Clock, changed: () => void): { close(): void } {
  const name = basename(path);
  let cancel = (): void => {};
  let watcher: FSWatcher | undefined;
  try {
    watcher = watch(dirname(path), { persistent: false }, (_event, file) => {
      if (file !== name) return;
      cancel();
      cancel = clock.after(SETTLE_MS, changed);
    });
    watcher.on('error', () => watcher?.close());
  } catch {
    // No watching on this file system: SIGHUP does the same.
  }
  return {
    close() {
      cancel();
      watcher?.close();
    },
  };
}
