/**
 * The documents keep what they promise: links lead somewhere, snippets are valid, what they name exists. It checks facts that
 * a change of the code can break, never wording.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { checkConfig } from '../src/config/load.ts';
import { formatProblems } from '../src/profiles/problem.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const NOT_OURS = new Set(['.git', 'node_modules', 'dist', 'coverage', 'data']);
const FILES = filesBelow(ROOT);
const DOCUMENTS = FILES.filter((path) => path.endsWith('.md'));
const SOURCE = FILES.filter((path) => path.startsWith('src/') && path.endsWith('.ts'));

describe('links', () => {
  it.each(DOCUMENTS)('%s: every relative link leads to a file, and to a heading if it names one', (path) => {
    const broken = linksIn(read(path)).filter((link) => !leadsSomewhere(path, link));
    expect(broken).toEqual([]);
  });

  it.each(DOCUMENTS)('%s: every file of this project that it names exists', (path) => {
    const named = read(path).matchAll(/`((?:src|test|docs|config|docker|templates|bench|\.ci)\/[\w./-]*)`/g);
    const missing = [...named].map(([, name = '']) => name).filter((name) => !exists(name) && !isMadeByOperator(name));
    expect(missing).toEqual([]);
  });
});

describe('snippets', () => {
  const snippets = DOCUMENTS.flatMap((path) =>
    fencesIn(read(path), 'yaml').map(({ line, text }) => ({ path, line, text })),
  );

  it('there are some', () => {
    expect(snippets.length).toBeGreaterThan(5);
  });

  it.each(snippets)('$path line $line parses as YAML', ({ text }) => {
    const errors = parseAllDocuments(text).flatMap((document) => ('errors' in document ? document.errors : []));
    expect(errors).toEqual([]);
  });

  const configurations = snippets.filter(({ text }) => /^publicUrl:/m.test(text));
  it.each(configurations)('$path line $line is a configuration that the gateway takes', async ({ text }) => {
    const checked = await checkConfig(text, join(ROOT, 'gateway.yaml'), { NAME: 'key' });
    // Certificates and keys of the operator are not here; that they are missing is the only mistake allowed.
    const problems = checked.ok ? [] : checked.problems.filter(({ severity }) => severity === 'error');
    const mistakes = problems.filter(({ rule }) => !rule.includes('cannot be read'));
    expect(formatProblems(mistakes, 'gateway.yaml')).toBe('');
  });

  it('every npm script that a document names is in package.json', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = DOCUMENTS.flatMap((path) =>
      [...read(path).matchAll(/npm run ([\w:-]+)/g)].map(([, name = '']) => name),
    );
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });
});

describe('names that documents and code share', () => {
  const source = SOURCE.map(read).join('\n');

  it('SECURITY.md lists I1 to I9 and T1 to T10, and the code cites no other', () => {
    const security = read('SECURITY.md');
    const known = new Set([
      ...[...security.matchAll(/^- \*\*(I\d+),/gm)].map(([, id = '']) => id),
      ...[...security.matchAll(/^\| (T\d+) \|/gm)].map(([, id = '']) => id),
    ]);
    expect([...known].sort()).toEqual([...numbered('I', 9), ...numbered('T', 10)].sort());
    const cited = [...source.matchAll(/\(([^()\n]*)\)/g)].flatMap(
      ([, inside = '']) => inside.match(/\b[IT]\d+\b/g) ?? [],
    );
    expect(cited.length).toBeGreaterThan(20);
    expect(cited.filter((id) => !known.has(id))).toEqual([]);
  });

  it('every event in docs/deployment.md is one that the code logs', () => {
    const table = read('docs/deployment.md').match(/^\| `[a-z]+_[^|]*\|/gm) ?? [];
    const events = table.flatMap((row) => [...row.matchAll(/`([a-z_]+)`/g)].map(([, event = '']) => event));
    expect(events.length).toBeGreaterThan(15);
    // What a store notes is logged under its name with a prefix.
    const noted = (event: string) => event.startsWith('store_') && `'${event.slice(6).replaceAll('_', '-')}'`;
    const isLogged = (text: string | false) => text !== false && source.includes(text);
    expect(events.filter((event) => !isLogged(`'${event}'`) && !isLogged(noted(event)))).toEqual([]);
  });

  it('what the image copies is there, and is sent to the builder', () => {
    const copied = [...read('docker/Dockerfile').matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, from = '']) =>
      from.split(' '),
    );
    expect(copied.length).toBeGreaterThan(5);
    expect(copied.filter((path) => !exists(path))).toEqual([]);
    const sent = [...read('.dockerignore').matchAll(/^!(.+)$/gm)].map(([, path = '']) => path);
    expect(copied.filter((path) => !sent.includes(path))).toEqual([]);
    expect(
      parseAllDocuments(read('docker/compose.yaml')).flatMap((one) => ('errors' in one ? one.errors : [])),
    ).toEqual([]);
  });
});

describe('tests that documents name', () => {
  const named = ['docs/attacks.md', 'README.md'].flatMap((path) =>
    testsIn(read(path)).map((one) => ({ path, ...one })),
  );

  it('there are many', () => {
    expect(named.length).toBeGreaterThan(100);
  });

  it.each(named)('$path: $file has one with the words “$words”', ({ file, words }) => {
    const texts = [`test/${file}.test.ts`, `test/${file}.ts`].filter(exists).map(read);
    expect(texts, file).not.toEqual([]);
    expect(texts.some((text) => text.includes(words))).toBe(true);
  });

  it('every attack that the code cites is one of docs/attacks.md', () => {
    const listed = [...read('docs/attacks.md').matchAll(/^\| ([\d, ]+) \|/gm)].flatMap(([, numbers = '']) =>
      numbers.split(', '),
    );
    const cited = [...SOURCE, ...FILES.filter((path) => path.startsWith('test/') && path.endsWith('.ts'))].flatMap(
      (path) =>
        [...read(path).matchAll(/\battacks? (\d+(?:(?:, | and | to )\d+)*)/g)].flatMap(
          ([, numbers = '']) => numbers.match(/\d+/g) ?? [],
        ),
    );
    expect(cited.length).toBeGreaterThan(100);
    expect([...new Set(cited)].filter((number) => !listed.includes(number))).toEqual([]);
  });
});

describe('every text file', () => {
  it('speaks of this project alone: no folder of the machine it was written on', () => {
    const elsewhere = new RegExp(['(^|[^\\w.-])/wo', 'rk/|\\bsha', 'red/'].join(''), 'm');
    const found = FILES.filter((path) => path !== 'package-lock.json' && elsewhere.test(read(path)));
    expect(found).toEqual([]);
  });
});

/** In the cells of a table: `folder/file: *words of its name*, *of another*`; a file alone stands for all of its tests. */
function testsIn(text: string): { file: string; words: string }[] {
  const cells = text.split('\n').flatMap((line) => (line.startsWith('| ') ? line.split(' | ') : []));
  return cells.flatMap((cell) =>
    cell.split('; ').flatMap((part) => {
      const [, name = '', words = ''] = /^(contract|[\w-]+(?:\/[\w-]+)+)(?:: (\*.+\*))?(?: \|)?$/.exec(part) ?? [];
      const file = name === 'contract' ? 'ceremonies/factor-contract' : name;
      if (file === '') return [];
      return words === ''
        ? [{ file, words: '' }]
        : [...words.matchAll(/\*([^*]+?)…?\*/g)].map(([, one = '']) => ({ file, words: one }));
    }),
  );
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

function exists(path: string): boolean {
  return statSync(join(ROOT, path), { throwIfNoEntry: false }) !== undefined;
}

/** Made while following docs/deployment.md, or the default of the command line. */
function isMadeByOperator(path: string): boolean {
  return path.startsWith('docker/config/') || path === 'config/gateway.yaml';
}

function numbered(letter: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${letter}${i + 1}`);
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return NOT_OURS.has(entry.name) ? [] : filesBelow(path);
    return entry.isFile() ? [relative(ROOT, path)] : [];
  });
}

/** Targets of links, without those to other sites and without what stands in code. */
function linksIn(text: string): string[] {
  const prose = text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/i.test(target));
}

function leadsSomewhere(from: string, link: string): boolean {
  const [file = '', anchor] = link.split('#');
  const target = file === '' ? from : relative(ROOT, resolve(ROOT, dirname(from), file));
  if (!exists(target)) return false;
  return anchor === undefined || headingsOf(read(target)).includes(anchor);
}

/** Anchors as code hosts make them: lower case, blanks to hyphens, everything else but letters and digits dropped. */
function headingsOf(text: string): string[] {
  return [...text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function fencesIn(text: string, language: string): { line: number; text: string }[] {
  const fences = text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'));
  return [...fences].map((fence) => ({ line: text.slice(0, fence.index).split('\n').length, text: fence[1] ?? '' }));
}
