/** Our one style sheet and one script, under names that change with their content, so that they may be cached for good. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export interface Asset {
  /** File name in the URL: `page.0123456789abcdef.css`. */
  readonly name: string;
  readonly type: string;
  readonly body: Buffer;
}

export interface Assets {
  readonly css: Asset;
  readonly js: Asset;
  /** Exact names only: nothing of a request ever becomes a path in the file system. */
  find(name: string): Asset | undefined;
}

/** @throws when a file is missing: the installation is broken, and the start should say so. */
export function loadAssets(folder: URL): Assets {
  const css = load(folder, 'page', 'css', 'text/css; charset=utf-8');
  const js = load(folder, 'page', 'js', 'text/javascript; charset=utf-8');
  const byName = new Map([css, js].map((asset) => [asset.name, asset]));
  return { css, js, find: (name) => byName.get(name) };
}

function load(folder: URL, stem: string, extension: string, type: string): Asset {
  const body = readFileSync(new URL(`${stem}.${extension}`, folder));
  const hash = createHash('sha256').update(body).digest('hex').slice(0, 16);
  return { name: `${stem}.${hash}.${extension}`, type, body };
}
