/** From what the schema library says to sentences with a line. Says every problem, not the first one only. */
import type { z } from 'zod';
import { didYouMean, dotted, type Problem, show } from './problem.ts';

export interface Found {
  readonly path: readonly PropertyKey[];
  readonly rule: string;
  /** Whether the value may be shown beside the rule. */
  readonly showValue: boolean;
}

type Issue = z.core.$ZodIssue;

/** @param known keys that may stand at a path, for suggestions. */
export function explain(
  issues: readonly Issue[],
  known: (path: readonly PropertyKey[]) => readonly string[],
): readonly Found[] {
  return issues.flatMap((issue) => explainOne(issue, [], known));
}

function explainOne(
  issue: Issue,
  above: readonly PropertyKey[],
  known: (path: readonly PropertyKey[]) => readonly string[],
): readonly Found[] {
  const path = [...above, ...issue.path];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => {
        const meant = didYouMean(key, known(path));
        const rule = meant === undefined ? 'there is no such key' : `there is no such key; did you mean "${meant}"?`;
        // A value under a misspelt key may be a secret.
        return { path: [...path, key], rule, showValue: false };
      });
    case 'invalid_union': {
      const branch = bestBranch(issue.errors);
      if (branch !== undefined) return branch.flatMap((inner) => explainOne(inner, path, known));
      const choices = issue.errors.flatMap(([first]) => {
        if (first?.code === 'invalid_type') return [kindOf(first.expected)];
        return first?.code === 'invalid_value' ? first.values.map(String) : [];
      });
      return [{ path, rule: `must be ${[...new Set(choices)].join(' or ')}`, showValue: false }];
    }
    case 'invalid_key':
      return [{ path, rule: issue.issues[0]?.message ?? 'the key is not valid', showValue: true }];
    case 'invalid_type':
      return [{ path, rule: typeRule(issue), showValue: !CONTAINERS.has(issue.expected) }];
    case 'invalid_value':
      return [{ path, rule: valueRule(issue), showValue: true }];
    case 'too_small':
    case 'too_big':
      return [{ path, rule: sizeRule(issue), showValue: issue.origin !== 'string' || issue.code === 'too_big' }];
    default:
      return [{ path, rule: issue.message, showValue: true }];
  }
}

const CONTAINERS = new Set(['object', 'array', 'record', 'map']);

/** The alternative that was meant: one whose complaint is not that the whole value is of another type. */
function bestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const isOfAnotherType = (issue: Issue): boolean =>
    issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value');
  const fitting = branches.filter((branch) => !branch.some(isOfAnotherType));
  const unknownKeys = (branch: readonly Issue[]): number =>
    branch.reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length : 1), 0);
  return fitting.toSorted((a, b) => unknownKeys(a) - unknownKeys(b))[0];
}

function typeRule(issue: Extract<Issue, { code: 'invalid_type' }>): string {
  // Without `input` in the issue the message is the only place that tells a missing key from a wrong one.
  if (/undefined$/.test(issue.message)) return 'is missing';
  if (!issue.message.startsWith('Invalid ')) return issue.message;
  return `must be ${kindOf(issue.expected)}`;
}

function kindOf(expected: string): string {
  const names: Readonly<Record<string, string>> = {
    object: 'a block of keys',
    record: 'a block of keys',
    array: 'a list',
    string: 'a text',
    number: 'a number',
    int: 'a whole number',
    boolean: 'true or false',
  };
  return names[expected] ?? expected;
}

/** A message of our own says more than what the library can know. */
function valueRule(issue: Extract<Issue, { code: 'invalid_value' }>): string {
  if (!issue.message.startsWith('Invalid ')) return issue.message;
  return `must be one of ${issue.values.map(String).join(', ')}`;
}

function sizeRule(issue: Extract<Issue, { code: 'too_small' | 'too_big' }>): string {
  if (!issue.message.startsWith('Too ')) return issue.message;
  const limit = issue.code === 'too_small' ? issue.minimum : issue.maximum;
  if (issue.origin === 'array' || issue.origin === 'set') {
    return issue.code === 'too_small' ? `needs at least ${limit} entries` : `takes at most ${limit} entries`;
  }
  if (issue.origin === 'string')
    return issue.code === 'too_small' ? 'must not be empty' : `takes at most ${limit} characters`;
  return issue.code === 'too_small' ? `must be at least ${limit}` : `must be at most ${limit}`;
}

interface Spot {
  readonly file: string;
  readonly path: readonly PropertyKey[];
  readonly line: number;
  readonly column: number;
}

/** @param value what stands at the path; shown unless `found` or the caller says that it may not be. */
export function problemAt(spot: Spot, found: Found, value: unknown, mayShow: boolean): Problem {
  const shown = found.showValue && mayShow ? show(value) : undefined;
  const { file, line, column } = spot;
  const base = { file, path: dotted(spot.path), line, column, rule: found.rule, severity: 'error' as const };
  return shown === undefined ? base : { ...base, value: shown };
}

/** What stands at a path of plain data. */
export function valueAt(data: unknown, path: readonly PropertyKey[]): unknown {
  let here = data;
  for (const key of path) {
    if (here === null || typeof here !== 'object' || !Object.hasOwn(here, key)) return undefined;
    here = (here as Record<PropertyKey, unknown>)[key];
  }
  return here;
}
