/**
 * Two workers against one, on both cores. The load generator needs a part of a core as well, and takes it from either; what is
 * asked is what needs nobody behind the gateway: a refusal.
 */
import { type Gateway, startGateway } from './gateways.ts';
import type { Load } from './load.ts';
import { type Figures, inTurns } from './rounds.ts';
import { loadOf, SCENARIOS } from './scenarios.ts';
import type { Setting } from './setting.ts';
import { BROWSER_HEADERS, type Target } from './target.ts';

/** Enough for each worker, however the system deals them out. */
const CONNECTIONS = 128;

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
  const targets = gateways.map(
    ({ port, pids }, at): Target => ({
      name: at === 0 ? '1 worker' : '2 workers',
      port,
      pids,
      cookie: '',
      checks: true,
      upgrades: true,
    }),
  );
  const refused = SCENARIOS.find(({ id }) => id === 'refused');
  if (refused === undefined) throw new Error('there is no scenario of a refusal');
  const asking = loadOf(refused, { ...BROWSER_HEADERS, 'Sec-Fetch-Mode': 'cors' });
  const load = (target: Target): Load => ({ ...asking(target), connections: CONNECTIONS, core: 'all' });
  const [one, two] = await inTurns(targets, { rounds, folder: setting.folder, refused: true, load });
  for (const { child } of gateways) await child.stop();
  if (one === undefined || two === undefined) throw new Error('two gateways were to be measured');
  return { one, two, gain: two.perSecond / one.perSecond };
}
