/**
 * Several gateways on one machine, one per core: this process starts them, hands signals on, and starts anew what was killed.
 * It serves nothing itself, holds no secret, and does not go on without them.
 */
import cluster, { type Worker } from 'node:cluster';
import type { Clock } from './clock.ts';
import type { Log } from './log.ts';

export interface WorkersOptions {
  readonly count: number;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Workers {
  /** Resolves with the exit code of a worker that ended before it could serve, while no other does. */
  readonly failed: Promise<number>;
  reload(): void;
  /** Each worker lets its requests finish; see `stop` of a gateway. Resolves when none is left. */
  stop(): Promise<void>;
}

/** What the first process says to a worker. */
type Order = 'stop' | 'reload';

/** A worker that is killed again and again must not keep a core busy with starting it, in ms. */
const RESTART_MS = 1_000;

/** @param options.count at least 2 */
export function startWorkers({ count, clock, log }: WorkersOptions): Workers {
  let stopping = false;
  let fail: (code: number) => void = () => {};
  const failed = new Promise<number>((resolve) => {
    fail = resolve;
  });
  let allEnded: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    allEnded = resolve;
  });
  const serving = new Set<Worker>();

  const workers = (): readonly Worker[] => Object.values(cluster.workers ?? {}).filter((one) => one !== undefined);
  const tell = (order: Order): void => {
    for (const worker of workers()) if (worker.isConnected()) worker.send(order);
  };
  const stop = (): Promise<void> => {
    stopping = true;
    tell('stop');
    if (workers().length === 0) allEnded();
    return ended;
  };

  cluster.on('listening', (worker) => serving.add(worker));
  cluster.on('exit', (worker, code, signal) => {
    const couldServe = serving.delete(worker);
    if (workers().length === 0 && stopping) allEnded();
    if (stopping) return;
    // It said why, and the others would say the same; but while one serves, that one goes on.
    if (!couldServe && signal === null && serving.size === 0) return fail(code);
    log.error('worker_ended', { pid: worker.process.pid, exit: code, signal });
    clock.after(RESTART_MS, () => {
      if (!stopping) cluster.fork();
    });
  });
  for (let started = 0; started < count; started += 1) cluster.fork();
  log.info('workers_started', { count });
  return { failed, stop, reload: () => tell('reload') };
}
