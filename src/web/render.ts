/** Turns a template and its view into HTML. Escaping is on everywhere; the one `safe` is our own QR code. */
import { fileURLToPath } from 'node:url';
import nunjucks from 'nunjucks';
import type { Assets } from './assets.ts';
import { quickenStrings } from './quick-strings.ts';
import type { Views } from './views.ts';
import type { Site } from './web.ts';

const NAMES = [
  'challenge',
  'push',
  'message',
  'account',
  'known',
  'enrol',
  'enrol-confirm',
  'enrol-done',
  'entrance',
  'entrance-key',
  'entrance-ticket',
  'recovery',
  'recovery-codes',
  'news',
  'rename',
  'remove',
  'admin',
  'admin-report',
  'admin-confirm',
  'admin-key-remove',
  'logout',
] as const satisfies readonly (keyof Views)[];

/** What the layout needs, whatever the page. */
export interface Frame {
  readonly title: string;
  readonly site: Site;
  readonly requestId: string;
  /** Token for the forms of the page; empty when there is no session, and then there is no form. */
  readonly csrf: string;
  readonly isError: boolean;
}

export type Render = <Name extends keyof Views>(name: Name, view: Views[Name], frame: Frame) => string;

/** @throws when a template is missing or damaged: at the start, not at the first request. */
export function createRender(folder: URL, assets: Assets): Render {
  const environment = new nunjucks.Environment(new nunjucks.FileSystemLoader(fileURLToPath(folder)), {
    autoescape: true,
    throwOnUndefined: true,
    trimBlocks: true,
    lstripBlocks: true,
  });
  for (const name of NAMES) environment.getTemplate(`${name}.njk`, true);
  quickenStrings();
  return (name, view, { site, ...frame }) => {
    const asset = (file: string): string => {
      const name = assets.names.get(file);
      if (name === undefined) throw new Error(`there is no asset ${file}`);
      return `${site.gatewayPath}/assets/${name}`;
    };
    return environment.render(`${name}.njk`, {
      ...frame,
      base: site.gatewayPath,
      site: { ...site, contact: site.contact ?? '' },
      asset,
      view,
    });
  };
}
