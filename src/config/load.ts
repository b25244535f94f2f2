/**
 * From the file to a frozen configuration and a compiled profile, or to everything that is wrong with both, each with its
 * line. A secret is never part of a problem; nothing is used of a file that has an error (I6).
 */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { explain, type Found, problemAt, valueAt } from '../profiles/issues.ts';
import { keysAt } from '../profiles/json-schema.ts';
import { loadProfile } from '../profiles/load.ts';
import { inOrder, type Problem } from '../profiles/problem.ts';
import type { Profile } from '../profiles/profile.ts';
import type { ProfileData } from '../profiles/schema.ts';
import { Source } from '../profiles/source.ts';
import { aroundOf, complete, type Files } from './complete.ts';
import type { Config } from './config.ts';
import { checkAdministrators, checkAgainstProfile, crossCheck } from './cross-checks.ts';
import { checkFactors, type SecretAt, secretsOf } from './factors/factors.ts';
import { configJsonSchema, OVERRIDE_KEYS } from './json-schema.ts';
import { error, type Remark, warning } from './remark.ts';
import { configSchema, type ParsedConfig } from './schema.ts';
import { readSecret, type Secret } from './secret.ts';

export type Env = Readonly<Record<string, string | undefined>>;

export interface LoadedConfig {
  readonly ok: true;
  readonly config: Config;
  readonly profile: Profile;
  /** The profile as data, for those who show it. */
  readonly profileData: ProfileData;
  readonly warnings: readonly Problem[];
  /** Changes with every change of the file; see edit.ts. */
  readonly version: string;
}

export type ConfigLoad = LoadedConfig | { readonly ok: false; readonly problems: readonly Problem[] };

export async function loadConfig(path: string, env: Env): Promise<ConfigLoad> {
  try {
    return await checkConfig(await readFile(path, 'utf8'), path, env);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
    if (code === undefined) throw error;
    const rule =
      code === 'ENOENT' ? 'there is no such file; name another one with --config' : `the file cannot be read (${code})`;
    return { ok: false, problems: [{ file: path, path: '', line: 1, column: 1, rule, severity: 'error' }] };
  }
}

/** Names the content of a file. */
export function versionOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

/** The same for a text that is not in its file yet. @param path where it stands, or will */
export async function checkConfig(text: string, path: string, env: Env): Promise<ConfigLoad> {
  const source = new Source(path, text);
  if (source.problems.length > 0) return { ok: false, problems: source.problems };
  const folder = dirname(resolve(path));
  const data = source.value ?? {};
  const problems: Problem[] = [];
  const add = (remarks: readonly Remark[]): void => {
    problems.push(
      ...remarks.map((remark) => ({
        ...report(source, data, { ...remark, showValue: false }),
        severity: remark.severity,
      })),
    );
  };

  const parsed = configSchema.safeParse(data);
  if (!parsed.success) {
    const schema = configJsonSchema();
    const found = explain(parsed.error.issues, (at) => keysAt(schema, at));
    problems.push(...found.map((one) => report(source, data, one)));
  }
  const profile = await profileOf(source, data, folder);
  if (profile !== undefined) problems.push(...(profile.ok ? profile.warnings : profile.problems));
  if (!parsed.success) return { ok: false, problems: inOrder(problems) };

  const config = parsed.data;
  add(crossCheck(config));
  if (profile?.ok === true) add(checkAgainstProfile(config, profile.data));
  const files = await readFiles(config, env, folder);
  add(files.remarks);
  add(checkFactors(config.factors, aroundOf(config, files)));
  add(await checkKeyFile(config, path));
  if (profile?.ok !== true || problems.some(({ severity }) => severity === 'error')) {
    return { ok: false, problems: inOrder(problems) };
  }
  add(checkNames(config, profile.profile));
  add(checkAdministrators(config, profile.profile));
  if (problems.some(({ severity }) => severity === 'error')) return { ok: false, problems: inOrder(problems) };
  return {
    ok: true,
    config: complete(config, files, folder),
    profile: profile.profile,
    profileData: profile.data,
    warnings: inOrder(problems),
    version: versionOf(text),
  };
}

function report(source: Source, data: unknown, found: Found): Problem {
  const value = valueAt(data, found.path);
  return problemAt(
    { file: source.file, path: found.path, ...source.locate(found.path) },
    found,
    value,
    mayShow(found.path, value),
  );
}

/** Below a factor stand keys, and an address may have a password in it. */
function mayShow(path: readonly PropertyKey[], value: unknown): boolean {
  const key = String(path.at(-1));
  if (/key|secret|password|token|sid$/i.test(key) && key !== 'insecureSharedKey') return false;
  // What an operator wrote into a request may be a secret that should have been kept apart.
  if (path[0] === 'factors' && path[1] === 'sms') return false;
  if (path[0] === 'factors' && path.length <= 2) return false;
  return !(typeof value === 'string' && /\/\/[^/]*@/.test(value));
}

/** The profile is checked also when the rest has mistakes, so that one look shows everything. */
async function profileOf(source: Source, data: unknown, folder: string) {
  const upstream = valueAt(data, ['upstream']);
  if (typeof upstream !== 'object' || upstream === null || Array.isArray(upstream)) return undefined;
  const block = upstream as Record<string, unknown>;
  const ref = block['profile'] ?? 'lucy';
  if (typeof ref !== 'string' || ref === '') return undefined;
  const values = Object.fromEntries(Object.entries(block).filter(([key]) => OVERRIDE_KEYS.has(key)));
  return loadProfile({ ref, folder, overrides: { values, source, at: ['upstream'] } });
}

async function readFiles(config: ParsedConfig, env: Env, folder: string): Promise<Files & { remarks: Remark[] }> {
  const remarks: Remark[] = [];
  const text = async (path: readonly PropertyKey[], file: string | undefined): Promise<string | undefined> => {
    if (file === undefined) return undefined;
    try {
      return await readFile(resolve(folder, file), 'utf8');
    } catch (failure) {
      const code = failure instanceof Error && 'code' in failure ? String(failure.code) : 'unreadable';
      remarks.push(error(path, `the file ${resolve(folder, file)} cannot be read (${code})`));
      return undefined;
    }
  };
  const ca = await text(['upstream', 'ca'], config.upstream.ca);
  if (ca !== undefined && !ca.includes('-----BEGIN CERTIFICATE-----')) {
    remarks.push(error(['upstream', 'ca'], 'there is no certificate in PEM form in the file'));
  }
  await text(['listen', 'tls', 'cert'], config.listen.tls?.cert);
  await text(['listen', 'tls', 'key'], config.listen.tls?.key);
  const storeTls: { ca?: string; cert?: string; key?: string } = {};
  for (const name of ['ca', 'cert', 'key'] as const) {
    const pem = await text(['store', 'tls', name], config.store.tls?.[name]);
    if (pem !== undefined) storeTls[name] = pem;
  }
  const secrets = new Map<string, Secret>();
  for (const { path, ref } of secretsIn(config)) {
    const read = await readSecret(ref, env, folder);
    if ('trouble' in read) remarks.push(error(path, read.trouble));
    else secrets.set(path.join('.'), read.secret);
  }
  return {
    remarks,
    storeTls,
    secret: (path) => secrets.get(path.join('.')),
    ...(ca === undefined ? {} : { ca }),
  };
}

/** Every secret that the file gives, in whatever way. */
function secretsIn({ factors, store }: ParsedConfig): readonly SecretAt[] {
  const { password } = store;
  return [...secretsOf(factors), ...(password === undefined ? [] : [{ path: ['store', 'password'], ref: password }])];
}

async function checkKeyFile(config: ParsedConfig, path: string): Promise<readonly Remark[]> {
  const written = secretsIn(config).filter(({ ref }) => typeof ref === 'string');
  if (written.length === 0) return [];
  const mode = await stat(path).then(
    (found) => found.mode,
    () => 0,
  );
  if ((mode & 0o044) === 0) return [];
  const rule = 'the key stands in a file that other accounts of this machine can read; chmod 600, or use { file: … }';
  return written.map(({ path: at }) => warning(at, rule));
}

function checkNames(config: ParsedConfig, profile: Profile): readonly Remark[] {
  const rule = 'cannot be the name of an account';
  const admins = config.admins.flatMap((name, i): Remark[] =>
    profile.identify(name) === undefined ? [error(['admins', i], rule)] : [],
  );
  const users = (['users', 'factors'] as const).flatMap((key) =>
    Object.keys(config.policy[key]).flatMap((name): Remark[] =>
      profile.identify(name) === undefined ? [error(['policy', key, name], rule)] : [],
    ),
  );
  const untrusted = config.policy.trustedBrowser.except.flatMap((name, i): Remark[] =>
    profile.identify(name) === undefined ? [error(['policy', 'trustedBrowser', 'except', i], rule)] : [],
  );
  return [...admins, ...users, ...untrusted];
}
