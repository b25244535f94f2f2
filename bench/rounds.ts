/**
 * Measures targets in turns. Contention only ever adds to a slice, so the low figure is the mean of the lowest fifth of the
 * slices; ratios are only formed within one scenario of one run.
 */
import { type Load, makeLoad, type Outcome } from './load.ts';
import { cpuOf, residentOf } from './machine.ts';
import type { Target } from './target.ts';

export interface Figures {
  readonly target: Target;
  /** CPU of the target's processes for each answer, in µs. */
  readonly lowUs: number;
  readonly medianUs: number;
  /** Medians over the slices. */
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  /** After the last slice. */
  readonly residentBytes: number;
  readonly failed: number;
}

export interface RoundsOptions {
  readonly rounds: number;
  readonly folder: string;
  readonly refused: boolean;
  /** Slices before the first that counts; default four. */
  readonly warm?: number;
  /** The load for one target. */
  readonly load: (target: Target) => Load;
}

/** Slices before the first that counts: V8 takes seconds to make its best code of a long way, and a gateway runs for weeks. */
const WARM = 4;

interface Slice extends Outcome {
  readonly cpuUs: number;
}

export async function inTurns(targets: readonly Target[], options: RoundsOptions): Promise<Figures[]> {
  const slices = new Map<Target, Slice[]>(targets.map((target) => [target, []]));
  for (const target of targets) {
    await check(target, options);
    for (let i = 0; i < (options.warm ?? WARM); i += 1) await slice(target, options);
  }
  for (let round = 0; round < options.rounds; round += 1) {
    // Who comes after whom changes, so that nobody always follows the target that leaves the machine warm, or busy.
    for (const target of round % 2 === 0 ? targets : targets.toReversed()) {
      slices.get(target)?.push(await slice(target, options));
    }
  }
  return [...slices].map(([target, of]) => figures(target, of));
}

/** A fast wrong answer must not win. @throws when a target does not do what it is measured at. */
async function check(target: Target, { load, refused }: RoundsOptions): Promise<void> {
  const { kind, port, path, method, headers, bodyBytes } = load(target);
  if (kind !== 'http') return;
  const body = bodyBytes === 0 ? {} : { body: 'b'.repeat(bodyBytes) };
  const { status } = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers, redirect: 'manual', ...body });
  const isRight = refused ? status === 303 || status === 401 : status === 200;
  if (!isRight) throw new Error(`${target.name} answered ${status} to ${method} ${path}`);
}

async function slice(target: Target, options: RoundsOptions): Promise<Slice> {
  const pids = target.pids();
  const before = cpuOf(pids);
  const outcome = await makeLoad(options.load(target), options.folder, options.refused);
  return { ...outcome, cpuUs: (cpuOf(pids) - before) / 1_000 / Math.max(1, outcome.answers) };
}

function figures(target: Target, slices: readonly Slice[]): Figures {
  const cpu = slices.map(({ cpuUs }) => cpuUs);
  return {
    target,
    lowUs: low(cpu),
    medianUs: median(cpu),
    perSecond: median(slices.map(({ answers, seconds }) => answers / seconds)),
    p50Us: median(slices.map(({ p50Us }) => p50Us)),
    p99Us: median(slices.map(({ p99Us }) => p99Us)),
    residentBytes: residentOf(target.pids()),
    failed: slices.reduce((sum, { failed }) => sum + failed, 0),
  };
}

/** Mean of the lowest fifth, at least of one. */
export function low(values: readonly number[]): number {
  const lowest = sorted(values).slice(0, Math.max(1, Math.round(values.length / 5)));
  return lowest.reduce((sum, value) => sum + value, 0) / lowest.length;
}

export function median(values: readonly number[]): number {
  const all = sorted(values);
  const middle = Math.floor(all.length / 2);
  const upper = all[middle] ?? Number.NaN;
  return all.length % 2 === 1 ? upper : (upper + (all[middle - 1] ?? upper)) / 2;
}

function sorted(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b);
}
