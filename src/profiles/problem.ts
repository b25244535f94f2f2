/** One thing that is wrong with a file that an operator wrote, and how to say it. Never holds a secret. */

export interface Problem {
  /** Name of the file that it stands in, as it was given. */
  readonly file: string;
  /** Dotted path of the key: `upstream.login.requests[0].path`; empty for the file as a whole. */
  readonly path: string;
  /** 1-based; 1 when the whole file is meant. */
  readonly line: number;
  readonly column: number;
  /** What is expected, as one sentence without the value. */
  readonly rule: string;
  /** What stands there instead, when it may be shown. */
  readonly value?: string;
  readonly severity: 'error' | 'warning';
}

export function dotted(path: readonly PropertyKey[]): string {
  let text = '';
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`;
    else if (/^[A-Za-z_][\w-]*$/.test(String(key))) text += text === '' ? String(key) : `.${String(key)}`;
    else text += `[${JSON.stringify(String(key))}]`;
  }
  return text;
}

/** As a person reads the files: top to bottom. */
export function inOrder(problems: readonly Problem[]): readonly Problem[] {
  const files = [...new Set(problems.map((problem) => problem.file))];
  return problems.toSorted(
    (a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column,
  );
}

const MAX_SHOWN = 60;

/** A value as it may be shown: scalars, cut; of anything else only what kind it is. */
export function show(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a block';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`;
}

/** The known word that was probably meant. */
export function didYouMean(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** Levenshtein distance with neighbours swapped as one step. Words are keys: short. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      row.push(cost);
    }
    [before, last] = [last, row];
  }
  return last[b.length] ?? 0;
}

/**
 * All problems as a person reads them, one a line.
 * @param file name of the main file, which is printed before its lines as others are before theirs.
 */
export function formatProblems(problems: readonly Problem[], file: string): string {
  return inOrder(problems)
    .map((problem) => {
      const where = `${problem.file === '' ? file : problem.file}:${problem.line}:${problem.column}`;
      const what = problem.path === '' ? problem.rule : `${problem.path}: ${problem.rule}`;
      const given = problem.value === undefined ? '' : `; it is ${problem.value}`;
      return `${where} ${problem.severity === 'warning' ? 'warning: ' : ''}${what}${given}`;
    })
    .join('\n');
}
