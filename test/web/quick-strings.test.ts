/** That the library of the pages costs the requests nothing that never see a page. */
import { setFlagsFromString } from 'node:v8';
import { expect, it } from 'vitest';
import { loadAssets } from '../../src/web/assets.ts';
import { createRender } from '../../src/web/render.ts';

setFlagsFromString('--allow-natives-syntax');
const isQuick = new Function('return %HasFastProperties(String.prototype)');

it('strings are as quick as before the templates were loaded', () => {
  Object.create(String.prototype, {}); // what nunjucks does, if nothing else in this process has done it
  expect(isQuick()).toBe(false);
  createRender(
    new URL('../../templates/', import.meta.url),
    loadAssets(new URL('../../templates/assets/', import.meta.url)),
  );
  expect(isQuick()).toBe(true);
});
