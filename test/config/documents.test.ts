/**
 * The example, the JSON Schema and the reference pages say what the code does. `npm run reference` writes the schema and the
 * tables of keys anew; what they say in words is left alone.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { configJsonSchema, OVERRIDE_KEYS } from '../../src/config/json-schema.ts';
import { checkConfig, loadConfig } from '../../src/config/load.ts';
import { type JsonSchema, profileJsonSchema } from '../../src/profiles/json-schema.ts';
import { keyRows, keyTable } from '../../src/profiles/reference.ts';
import { Source } from '../../src/profiles/source.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const text = (path: string): Promise<string> => readFile(root + path, 'utf8');

const isOverride = (path: string): boolean => OVERRIDE_KEYS.has(/^upstream\.(\w+)/.exec(path)?.[1] ?? '');
const configRows = keyRows(configJsonSchema()).filter(({ path }) => !isOverride(path));
const profileRows = keyRows(profileJsonSchema());

test('the JSON Schema for editors is the one of the code', async () => {
  const schema = `${JSON.stringify(configJsonSchema(), null, 2)}\n`;
  await expect(schema).toMatchFileSnapshot(`${root}config/gateway.schema.json`);
});

describe('the example', () => {
  test('starts as it stands, with nothing to warn about but what it says itself', async () => {
    const loaded = await loadConfig(`${root}config/gateway.yaml`, {});
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
    expect(loaded.warnings).toEqual([]);
  });

  test('shows the defaults', async () => {
    const example = await loadConfig(`${root}config/gateway.yaml`, {});
    const shortest = 'publicUrl: http://127.0.0.1:8080\nupstream: { url: http://127.0.0.1:8081 }\n';
    const standard = await checkConfig(shortest, `${root}config/gateway.yaml`, {});
    if (!example.ok || !standard.ok) throw new Error('not loaded');
    const { people, secrets, store } = example.config; // beside the folder of the example
    const where = { people, secrets, store };
    expect(example.config).toEqual({ ...standard.config, ...where });
  });

  test('has every key, set or commented out', async () => {
    const example = await text('config/gateway.yaml');
    const source = new Source('example', example);
    const missing = configRows
      .filter(({ description }) => !/^Not available|^Only (?:off|an empty)|^0 is off/.test(description))
      .map(({ path }) => path)
      .filter((path) => !source.has(path.split('.')))
      .filter((path) => !path.endsWith('.file')) // of a secret; said once, at the top
      .filter((path) => !new RegExp(`# +(?:\\w+: )?\\{? ?${path.split('.').at(-1)}:`).test(example));
    expect(missing).toEqual([]);
    expect(example).toContain('{ file: PATH }');
  });
});

describe('the reference pages', () => {
  const withTable = (page: string, table: string): string =>
    page.replace(/(?<=<!-- keys -->\n)[\s\S]*(?=\n<!-- \/keys -->)/, () => table);

  test('every key of the configuration is described as the code has it', async () => {
    const page = await text('docs/configuration.md');
    expect(page).toContain('<!-- keys -->\n');
    await expect(withTable(page, keyTable(configRows))).toMatchFileSnapshot(`${root}docs/configuration.md`);
  });

  test('every key of a profile is described as the code has it', async () => {
    const page = await text('docs/profiles.md');
    expect(page).toContain('<!-- keys -->\n');
    await expect(withTable(page, keyTable(profileRows))).toMatchFileSnapshot(`${root}docs/profiles.md`);
  });

  test('no key is without a description', () => {
    const silent = [...configRows, ...profileRows].filter(({ description }) => description === '');
    expect(silent.map(({ path }) => path)).toEqual([]);
  });

  test('the overrides on the profile page are a configuration that starts', async () => {
    const page = await text('docs/profiles.md');
    const block = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
    const loaded = await checkConfig(`publicUrl: https://a.example\n${block}`, `${root}config/x.yaml`, {});
    expect(loaded).toMatchObject({ ok: true, warnings: [] });
  });

  test('the smallest file on the configuration page starts', async () => {
    const block = /```yaml\n([\s\S]*?)```/.exec(await text('docs/configuration.md'))?.[1] ?? '';
    expect(await checkConfig(block, `${root}config/x.yaml`, {})).toMatchObject({ ok: true, warnings: [] });
  });
});

test('overrides for editors ask for nothing that the shipped profile has', () => {
  const upstream = configJsonSchema().properties?.['upstream'];
  expect(upstream?.required).toEqual(['url']);
  const login = upstream?.properties?.['login'] as JsonSchema;
  expect(login.anyOf?.map(({ type }) => type)).toEqual(['object', 'null']);
  expect(login.anyOf?.[0]?.required).toBeUndefined();
});
