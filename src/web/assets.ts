/** Style sheets and scripts of the pages, under names that change with their content, so that they may be cached for good. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';

export interface Asset {
  /** File name in the URL: `page.0123456789abcdef.css`. */
  readonly name: string;
  readonly type: string;
  readonly body: Buffer;
}

export interface Assets {
  /** File name in the folder → name in the URL. */
  readonly names: ReadonlyMap<string, string>;
  /** Exact names only: nothing of a request ever becomes a path in the file system. */
  find(name: string): Asset | undefined;
}

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
};

/** @throws when the folder is missing: the installation is broken, and the start should say so. */
export function loadAssets(folder: URL): Assets {
  const names = new Map<string, string>();
  const byName = new Map<string, Asset>();
  for (const file of readdirSync(folder)) {
    const type = TYPES[extname(file)];
    if (type === undefined) continue;
    const asset = load(folder, file, type);
    names.set(file, asset.name);
    byName.set(asset.name, asset);
  }
  return { names, find: (name) => byName.get(name) };
}

function load(folder: URL, file: string, type: string): Asset {
  const extension = extname(file);
  const body = readFileSync(new URL(file, folder));
  const hash = createHash('sha256').update(body).digest('hex').slice(0, 16);
  return { name: `${file.slice(0, -extension.length)}.${hash}${extension}`, type, body };
}
