/** The figures of a run as Markdown tables, which are also what is printed. */
import { MB, type Measured, verdict } from './measured.ts';
import type { Figures } from './rounds.ts';
import type { Goal } from './scenarios.ts';
import type { StoreFigures } from './store.ts';

export function goalTable(goals: readonly Goal[]): string[] {
  const show = (goal: Goal, value: number): string =>
    goal.unit === 'MB' ? `${Math.round(value)} MB` : `${value.toFixed(2)}`;
  return table(
    ['what', 'measured', 'goal', 'stretch', ''],
    goals.map((goal) => [
      goal.what,
      goal.value === undefined ? '-' : show(goal, goal.value),
      `${goal.atLeast === true ? '≥' : '≤'} ${show(goal, goal.goal)}`,
      `${goal.atLeast === true ? '≥' : '≤'} ${show(goal, goal.stretch)}`,
      verdict(goal),
    ]),
  );
}

export function figureTable(figures: readonly Figures[]): string[] {
  const lowOf = (name: string) => figures.find(({ target }) => target.name === name)?.lowUs;
  const over = (us: number, name: string): string => {
    const base = lowOf(name);
    return base === undefined ? '-' : (us / base).toFixed(2);
  };
  return table(
    [
      'target',
      'CPU µs, low',
      'CPU µs, median',
      '÷ nginx',
      '÷ http-proxy',
      'requests/s',
      'p50 µs',
      'p99 µs',
      'RSS MB',
      'failed',
    ],
    [...figures]
      .sort((a, b) => a.lowUs - b.lowUs)
      .map((one) => [
        one.target.name,
        one.lowUs.toFixed(1),
        one.medianUs.toFixed(1),
        over(one.lowUs, 'nginx'),
        over(one.lowUs, 'http-proxy'),
        Math.round(one.perSecond).toString(),
        Math.round(one.p50Us).toString(),
        Math.round(one.p99Us).toString(),
        Math.round(one.residentBytes / MB).toString(),
        one.failed.toString(),
      ]),
  );
}

export function otherTables(measured: Measured): string[] {
  const { logins, coldStart, sessions, store, transfers, workers } = measured;
  const lines: string[] = [];
  if (logins !== undefined) {
    lines.push('', '### Login', '');
    lines.push(
      ...table(
        ['logins', 'median ms', 'slowest ms', 'CPU ms of the gateway', "median ms of the application's own login"],
        [[logins.count.toString(), ...[logins.medianMs, logins.slowestMs, logins.cpuMs, logins.directMs].map(one)]],
      ),
    );
  }
  if (coldStart !== undefined) {
    lines.push('', '### Cold start', '');
    lines.push(
      ...table(
        ['target', 'ms to the first answer'],
        coldStart.map((it) => [it.name, Math.round(it.medianMs).toString()]),
      ),
    );
  }
  if (sessions.length > 0) {
    lines.push('', '### Many sessions', '');
    lines.push(
      ...table(
        ['store', 'sessions', 'RSS MB, empty', 'RSS MB, started', 'RSS MB, all used once', 'start ms', 'failed'],
        sessions.map(({ store, figures: it }) => [
          store,
          it.count.toString(),
          ...[it.emptyBytes, it.startedBytes, it.usedBytes].map((bytes) => Math.round(bytes / MB).toString()),
          Math.round(it.startMs).toString(),
          it.failed.toString(),
        ]),
      ),
    );
  }
  if (transfers.length > 0) {
    lines.push('', '### 1 GB in one transfer', '');
    const grown = (bytes: number): string => Math.round(bytes / MB).toString();
    lines.push(
      ...table(
        ['target', 'RSS growth down, MB', 'RSS growth up, MB'],
        transfers.map((it) => [it.name, grown(it.downBytes), grown(it.upBytes)]),
      ),
    );
  }
  if (store !== undefined) lines.push(...storeTables(store));
  if (workers !== undefined) {
    lines.push('', '### Workers', '', ...figureTable([workers.one, workers.two]));
  }
  return lines;
}

function storeTables({ directory, journal }: StoreFigures): string[] {
  return [
    '',
    '### The embedded store',
    '',
    ...table(
      ['users', 'ms an update', 'event loop blocked, median ms', 'longest ms', 'updates/s, 50 at once'],
      directory.map((it) => [
        it.users.toString(),
        ...[it.updateMs, it.blockMs, it.longestBlockMs].map(one),
        Math.round(it.updatesPerSecond).toString(),
      ]),
    ),
    '',
    ...table(
      ['callers at once', 'session updates/s', 'ms an update'],
      journal.map((it) => [it.callers.toString(), Math.round(it.updatesPerSecond).toString(), it.updateMs.toFixed(2)]),
    ),
  ];
}

function one(value: number): string {
  return value.toFixed(1);
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}
