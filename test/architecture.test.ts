/** Who may know whom, read from the import lines of every source file: the rules that keep the gate readable by itself. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SRC = fileURLToPath(new URL('../src/', import.meta.url));

interface Source {
  /** Path below src, for example `gate/session.ts`. */
  readonly file: string;
  /** The folder, or the file itself where it lies in src. */
  readonly part: string;
  readonly text: string;
  /** The text without comments and without what stands in quotes. */
  readonly code: string;
  /** Paths below src of our own files that it imports. */
  readonly own: readonly string[];
  /** Names of packages and of Node's modules. */
  readonly packages: readonly string[];
}

const sources: readonly Source[] = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => {
    const text = readFileSync(join(SRC, file), 'utf8');
    const names = [...text.matchAll(/^\s*(?:import|export)\b[^;'"]*?from\s*'([^']+)'|\bimport\s*\(?\s*'([^']+)'/gm)];
    const imported = names.map((match) => match[1] ?? match[2] ?? '');
    const isOwn = (name: string) => name.startsWith('.');
    return {
      file,
      part: partOf(file),
      text,
      code: withoutWords(text),
      own: imported.filter(isOwn).map((name) => relative(SRC, normalize(join(SRC, dirname(file), name)))),
      packages: imported.filter((name) => !isOwn(name)).map(packageOf),
    };
  });

function partOf(file: string): string {
  return file.split('/', 1)[0] ?? file;
}

function packageOf(name: string): string {
  return name.startsWith('@') ? name.split('/').slice(0, 2).join('/') : (name.split('/', 1)[0] ?? name);
}

function withoutWords(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|\s)\/\/.*$/gm, '$1')
    .replace(/'(?:[^'\\\n]|\\.)*'/g, "''");
}

/** The steps of a request, in gateway.ts and the files beside it: they see each other, and of everything else what is named. */
const REQUEST_PATH: readonly string[] = [
  'gateway.ts',
  'way.ts',
  'replies.ts',
  'logins.ts',
  'step-ups.ts',
  'upgrades.ts',
  'gate',
  'clock.ts',
  'log.ts',
  'login',
  'session',
  'request',
  'pass.ts',
  'ceremonies/counters.ts',
  'profiles/profile.ts',
  'profiles/fields.ts',
  'store/store.ts',
  'upstream/upstream.ts',
  'upstream/request-headers.ts',
  'web/web.ts',
];

/**
 * What each part may import of ours, itself apart: whole folders, or single files where only an interface is meant. A new
 * folder fails until it has a line here.
 */
const MAY: Readonly<Record<string, readonly string[]>> = {
  gate: [],
  'clock.ts': ['gate/types.ts'],
  'log.ts': ['gate/types.ts'],
  'watch.ts': ['clock.ts'],
  phone: ['gate'],
  factors: ['gate', 'clock.ts'],
  people: ['gate', 'phone', 'store/durable-file.ts', 'store/keys.ts', 'store/store.ts'],
  mail: ['gate', 'clock.ts', 'factors/factor.ts'],
  profiles: ['gate', 'clock.ts'],
  store: ['gate', 'clock.ts'],
  upstream: ['gate', 'clock.ts'],
  session: ['gate', 'clock.ts', 'store/store.ts', 'store/column.ts', 'store/pack.ts', 'store/packed-map.ts'],
  // The raw request: one spelling of the target, and the one way to close a bare socket.
  request: ['gate', 'clock.ts', 'profiles/path.ts', 'upstream/refusal.ts'],
  // The client's address is the only thing of a request that counts before there is one.
  listen: ['clock.ts', 'log.ts', 'watch.ts', 'request/client.ts'],
  ceremonies: [
    'gate',
    'clock.ts',
    'log.ts',
    'phone',
    'session',
    'factors/factor.ts',
    'factors/code.ts',
    'factors/recovery-code.ts',
    'factors/number.ts',
    'factors/voucher.ts',
    'people/email.ts',
    'people/people.ts',
    // What a budget per client counts.
    'request/client.ts',
    'store/store.ts',
  ],
  login: [
    'gate',
    'clock.ts',
    'log.ts',
    'session',
    'profiles/profile.ts',
    'store/store.ts',
    'upstream/upstream.ts',
    'upstream/location.ts',
    'upstream/request-headers.ts',
  ],
  web: [
    'gate',
    'clock.ts',
    'log.ts',
    'phone',
    'session',
    'ceremonies/ceremonies.ts',
    'ceremonies/outcomes.ts',
    'factors/factor.ts',
    'store/store.ts',
  ],
  'pass.ts': [
    'gate',
    'clock.ts',
    'log.ts',
    'login',
    'session',
    'way.ts',
    'upstream/upstream.ts',
    'upstream/request-headers.ts',
    'upstream/location.ts',
    'web/web.ts',
  ],
  'gateway.ts': [...REQUEST_PATH, 'called.ts', 'ceremonies/ceremonies.ts'],
  // Bodies of providers are read as strictly as logins are.
  'called.ts': [...REQUEST_PATH, 'ceremonies/ceremonies.ts', 'factors/factor.ts', 'profiles/json.ts'],
  'way.ts': REQUEST_PATH,
  'replies.ts': REQUEST_PATH,
  'logins.ts': REQUEST_PATH,
  'step-ups.ts': REQUEST_PATH,
  'upgrades.ts': REQUEST_PATH,
  // The places of a template, which an operator must spell right.
  // Which networks lie inside others.
  config: ['gate', 'profiles', 'factors/sms/template.ts', 'request/client.ts'],
  'workers.ts': ['clock.ts', 'log.ts'],
};

/** Parts that put others together. They may know anybody; nobody but another of them may know them. */
const COMPOSERS = new Set([
  'assemble.ts',
  'rules.ts',
  'key-settings.ts',
  'management.ts',
  'start.ts',
  'store-copy.ts',
  'ticket.ts',
  'people-import.ts',
  'owner.ts',
  'main.ts',
  'cli',
  'demo',
]);

function isAllowed(allowed: readonly string[], imported: string): boolean {
  return allowed.some((entry) => entry === imported || (!entry.endsWith('.ts') && partOf(imported) === entry));
}

function breaches(wrong: (source: Source) => readonly string[]): string[] {
  return sources.flatMap((source) => wrong(source).map((what) => `${source.file}: ${what}`));
}

describe('imports', () => {
  it('finds the files and their imports, so that a rule that finds nothing means something', () => {
    expect(sources.length).toBeGreaterThan(100);
    expect(sources.find(({ file }) => file === 'gateway.ts')?.own).toContain('gate/decide.ts');
    expect(sources.find(({ file }) => file === 'gateway.ts')?.packages).toContain('node:http');
  });

  it('name only files that exist, with their extension', () => {
    const known = new Set(sources.map(({ file }) => file));
    expect(breaches(({ own }) => own.filter((imported) => !known.has(imported)))).toEqual([]);
  });

  it('every part has a line in the table above', () => {
    expect(breaches(({ part }) => (part in MAY || COMPOSERS.has(part) ? [] : [part]))).toEqual([]);
  });

  it('stay within what each part may know', () => {
    const wrong = breaches(({ part, own }) => {
      const allowed = MAY[part];
      if (allowed === undefined) return [];
      return own.filter((imported) => partOf(imported) !== part && !isAllowed(allowed, imported));
    });
    expect(wrong).toEqual([]);
  });

  it('of the gate are none: pure decisions, readable by themselves', () => {
    expect(
      breaches(({ part, own, packages }) => (part === 'gate' ? [...packages, ...outside(own, 'gate')] : [])),
    ).toEqual([]);
  });

  it('make factors, profiles, store and upstream strangers to each other and to the pages', () => {
    const adapters = ['factors', 'profiles', 'store', 'upstream'];
    const wrong = breaches(({ part, own }) => {
      if (!adapters.includes(part)) return [];
      return outside(own, part).filter((imported) => partOf(imported) !== 'gate' && imported !== 'clock.ts');
    });
    expect(wrong).toEqual([]);
  });

  it('of one factor know nothing of another', () => {
    const wrong = breaches(({ file, own }) => {
      const [, folder, rest] = file.split('/');
      if (!file.startsWith('factors/') || rest === undefined) return [];
      return own.filter((imported) => imported.split('/').length > 2 && imported.split('/')[1] !== folder);
    });
    expect(wrong).toEqual([]);
  });

  it('leave the configuration to those who start things', () => {
    const wrong = breaches(({ part, own }) =>
      part === 'config' || COMPOSERS.has(part) ? [] : own.filter((imported) => partOf(imported) === 'config'),
    );
    expect(wrong).toEqual([]);
  });

  it('leave those who start things to themselves, and the stand-ins to the demo', () => {
    const wrong = breaches(({ part, own }) => {
      const composers = COMPOSERS.has(part) ? [] : own.filter((imported) => COMPOSERS.has(partOf(imported)));
      const demo = part === 'demo' || part === 'main.ts' || part === 'cli' ? [] : outside(own, part).filter(isDemo);
      return [...composers, ...demo];
    });
    expect(wrong).toEqual([]);
  });

  it('run in no circle between the parts', () => {
    const edges = new Map<string, Set<string>>();
    for (const { part, own } of sources) {
      const to = edges.get(part) ?? new Set();
      edges.set(part, to);
      for (const imported of own) if (partOf(imported) !== part) to.add(partOf(imported));
    }
    const circles: string[] = [];
    const walk = (part: string, way: readonly string[]): void => {
      if (way.includes(part)) circles.push([...way.slice(way.indexOf(part)), part].join(' -> '));
      else for (const next of edges.get(part) ?? []) walk(next, [...way, part]);
    };
    for (const part of edges.keys()) walk(part, []);
    expect([...new Set(circles)]).toEqual([]);
  });

  it('keep each package in its place', () => {
    const places: Readonly<Record<string, readonly string[]>> = {
      koa: ['web'],
      '@koa/router': ['web'],
      'koa-session': ['web'],
      nunjucks: ['web'],
      qrcode: ['factors'],
      otpauth: ['factors'],
      '@simplewebauthn/server': ['factors'],
      nodemailer: ['mail'],
      undici: ['factors'],
      lowdb: ['store'],
      'libphonenumber-js': ['phone'],
      pino: ['log.ts'],
      commander: ['main.ts', 'cli'],
      zod: ['profiles', 'config', 'web'],
      yaml: ['profiles', 'config', 'demo'],
      parse5: ['profiles', 'login'],
      'css-select': ['profiles'],
      'ipaddr.js': ['request', 'profiles', 'config'],
    };
    const wrong = breaches(({ part, packages }) =>
      packages.filter((name) => places[name] !== undefined && !places[name].includes(part)),
    );
    expect(wrong).toEqual([]);
  });
});

function outside(own: readonly string[], part: string): string[] {
  return own.filter((imported) => partOf(imported) !== part);
}

function isDemo(imported: string): boolean {
  return partOf(imported) === 'demo';
}

describe('files', () => {
  it('open with what they are for', () => {
    const wrong = breaches(({ text }) => (/^(?:#!.*\n)?(?:\/\*\*|\/\/)/.test(text) ? [] : ['no comment at the top']));
    expect(wrong).toEqual([]);
  });

  it('have names that say something', () => {
    expect(breaches(({ file }) => (/(?:utils?|helpers?|common|misc|shared)\.ts$/.test(file) ? [file] : []))).toEqual(
      [],
    );
  });

  it('never write to the console, and silence no checker', () => {
    const wrong = breaches(({ text, code }) => [
      ...(code.match(/\bconsole\s*\./g) ?? []),
      ...(text.match(/@ts-ignore|@ts-expect-error|@ts-nocheck|biome-ignore|eslint-disable/g) ?? []),
      ...(code.match(/\bas any\b|:\s*any\b/g) ?? []),
    ]);
    expect(wrong).toEqual([]);
  });

  it('leave the process to main.ts; the store may name and look for processes', () => {
    const wrong = breaches(({ file, part, code }) => {
      if (file === 'main.ts' || file === 'workers.ts' || part === 'cli') return [];
      const fine = part === 'store' ? ['nextTick', 'pid', 'kill'] : ['nextTick'];
      return [...code.matchAll(/\bprocess\s*\.\s*(\w+)/g)]
        .map((match) => match[1] ?? '')
        .filter((name) => !fine.includes(name));
    });
    expect(wrong).toEqual([]);
  });

  it('take the time from the clock that is passed in, and no randomness that can be guessed', () => {
    const wrong = breaches(({ file, code }) => {
      const guessable = code.match(/\bMath\.random\b/g) ?? [];
      // The log's own time stamp and names of temporary files decide nothing; a lock file has the machine's time on it.
      if (['clock.ts', 'log.ts', 'store/durable-file.ts', 'store/lock.ts'].includes(file)) return guessable;
      return [...guessable, ...(code.match(/\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b/g) ?? [])];
    });
    expect(wrong).toEqual([]);
  });

  it('start no timer beside the clock', () => {
    const wrong = breaches(({ file, part, code }) =>
      // The demo's pages have script of their own, which runs in a browser.
      file === 'clock.ts' || file === 'main.ts' || part === 'demo'
        ? []
        : (code.match(/(?<![.\w])set(?:Timeout|Interval)\s*\(/g) ?? []),
    );
    expect(wrong).toEqual([]);
  });
});
