/**
 * Two workers against one, on both cores. The load generator and Redis share these cores, and what they take of them for each
 * answer is lost to the second worker; so what is asked for is what costs a gateway much and everybody else little: a page of
 * its own, of somebody who is signed in.
 */
import { type Gateway, signIn, startGateway } from './gateways.ts';
import type { Load } from './load.ts';
import { type Figures, inTurns } from './rounds.ts';
import type { Setting } from './setting.ts';
import { BROWSER_HEADERS, type Target } from './target.ts';

/** Enough for each worker, however they are dealt out, so that none waits for Redis with nothing else to do. */
const CONNECTIONS = 64;
/** Slices before any that count: each of two workers gets half of the requests, and is warm when it had as many as one. */
const WARM = 12;
/** For each round: what others do to the machine hits both cores, and one figure of each would be luck. */
const SLICES = 5;

export interface WorkerFigures {
  readonly one: Figures;
  readonly two: Figures;
  /** Requests per second of two over those of one. */
  readonly gain: number;
}

export async function measureWorkers(setting: Setting, url: string, rounds: number): Promise<WorkerFigures> {
  const start = (workers: number): Promise<Gateway> =>
    startGateway(setting, { name: `workers-${workers}`, store: { kind: 'redis', url }, workers, core: 'all' });
  const gateways = [await start(1), await start(2)];
  const targets: Target[] = [];
  for (const { origin, pids, port } of gateways) {
    const name = targets.length === 0 ? '1 worker' : '2 workers';
    targets.push({ name, port, pids, cookie: await signIn(origin, port), checks: true, upgrades: true });
  }
  const load = ({ cookie, port }: Target): Load => ({
    path: '/_2fa/account',
    method: 'GET',
    headers: { ...BROWSER_HEADERS, Cookie: cookie },
    bodyBytes: 0,
    connections: CONNECTIONS,
    seconds: 1,
    kind: 'http',
    port,
    core: 'all',
  });
  const [one, two] = await inTurns(targets, {
    rounds: rounds * SLICES,
    folder: setting.folder,
    refused: false,
    warm: WARM,
    load,
  });
  for (const { child } of gateways) await child.stop();
  if (one === undefined || two === undefined) throw new Error('two gateways were to be measured');
  return { one, two, gain: two.perSecond / one.perSecond };
}
