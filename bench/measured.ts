/** Everything that one run found out, and whether it met the goals. Computes; prints nothing. */
import type { ColdStart } from './cold-start.ts';
import type { LoginFigures } from './logins.ts';
import type { Figures } from './rounds.ts';
import { GATEWAY, type Goal, RATIO_GOALS, type Scenario } from './scenarios.ts';
import type { SessionFigures } from './sessions.ts';
import type { StoreFigures } from './store.ts';
import type { TransferFigures } from './transfers.ts';
import type { WorkerFigures } from './workers.ts';

export interface Measured {
  readonly date: Date;
  readonly command: string;
  readonly machine: readonly string[];
  /** What this machine or this version does not have. */
  readonly missing: readonly string[];
  readonly scenarios: readonly {
    readonly scenario: Scenario;
    readonly rounds: number;
    readonly figures: readonly Figures[];
  }[];
  readonly logins?: LoginFigures;
  readonly coldStart?: readonly ColdStart[];
  readonly sessions: readonly { readonly store: string; readonly figures: SessionFigures }[];
  readonly store?: StoreFigures;
  readonly transfers: readonly TransferFigures[];
  readonly workers?: WorkerFigures;
}

export const MB = 1024 * 1024;

/** CPU of one target over that of another; `undefined` when either was not measured. */
export function ratio(measured: Measured, scenario: string, ours: string, against: string): number | undefined {
  const figures = measured.scenarios.find((one) => one.scenario.id === scenario)?.figures;
  const low = (name: string) => figures?.find(({ target }) => target.name === name)?.lowUs;
  const [above, below] = [low(ours), low(against)];
  return above === undefined || below === undefined ? undefined : above / below;
}

export function goalsOf(measured: Measured): Goal[] {
  const ratios = RATIO_GOALS.map(({ what, scenario, ours, against, goal, stretch }) => ({
    what,
    value: ratio(measured, scenario, ours, against),
    goal,
    stretch,
  }));
  const weights = measured.sessions.map(({ store, figures }) => ({
    what: `${figures.count.toLocaleString('en')} verified sessions with a 1 kB jar, ${store}`,
    value: figures.usedBytes / MB,
    unit: 'MB' as const,
    // The goal is for 100,000.
    goal: (250 * figures.count) / 100_000,
    stretch: (150 * figures.count) / 100_000,
  }));
  const workers = {
    what: 'two workers against one, requests per second',
    value: measured.workers?.gain,
    goal: 1.6,
    stretch: 1.8,
    atLeast: true,
  };
  const ours = measured.transfers.find(({ name }) => name === GATEWAY);
  const growths = [
    { what: '1 GB down, growth of resident memory', bytes: ours?.downBytes },
    { what: '1 GB up, growth of resident memory', bytes: ours?.upBytes },
  ].map(({ what, bytes }) => ({
    what,
    value: bytes === undefined ? undefined : bytes / MB,
    unit: 'MB' as const,
    goal: 32,
    stretch: 16,
  }));
  return [...ratios, workers, ...growths, ...weights];
}

export function verdict({ value, goal, stretch, atLeast }: Goal): string {
  if (value === undefined) return 'not measured';
  const holds = (bound: number): boolean => (atLeast === true ? value >= bound : value <= bound);
  if (holds(stretch)) return 'stretch met';
  return holds(goal) ? 'goal met' : 'not met';
}
