/** What many verified sessions weigh: resident memory of a gateway after its start, and after each of them was used once. */
import { Pool } from 'undici';
import { FakeBrowser } from '../test/fakes/browser.ts';
import { fillStore } from './fill.ts';
import { type GatewayOptions, startGateway } from './gateways.ts';
import { residentOf } from './machine.ts';
import { people } from './people.ts';
import type { Setting } from './setting.ts';

export interface SessionFigures {
  readonly count: number;
  readonly emptyBytes: number;
  readonly startedBytes: number;
  readonly usedBytes: number;
  /** From the start of the process to its first answer. */
  readonly startMs: number;
  /** Answers that were not a page of the application. */
  readonly failed: number;
}

const JAR_BYTES = 1_024;
const CALLERS = 64;

export async function measureSessions(
  setting: Setting,
  store: GatewayOptions['store'],
  count: number,
): Promise<SessionFigures> {
  const name = `sessions-${store.kind}`;
  const empty = await startGateway(setting, { name: `${name}-empty`, store });
  const emptyBytes = residentOf(empty.pids());
  await empty.child.stop();

  const [who] = people(1);
  const ids = await fillStore(
    setting,
    { name, store },
    {
      sessions: {
        count,
        identity: who?.email ?? '',
        appSession: await appSession(setting),
        jarBytes: JAR_BYTES,
      },
    },
  );
  const begin = performance.now();
  const gateway = await startGateway(setting, { name, store });
  const startMs = performance.now() - begin;
  const pids = gateway.pids();
  const startedBytes = residentOf(pids);
  const failed = await useAll(gateway.port, ids);
  const usedBytes = residentOf(pids);
  await gateway.child.stop();
  return { count, emptyBytes, startedBytes, usedBytes, startMs, failed };
}

/** One login at the application itself; all jars hold this session, so that whoami finds somebody. */
async function appSession(setting: Setting): Promise<string> {
  const [who] = people(1);
  const browser = new FakeBrowser({ origin: setting.upstream, port: setting.upstreamPort });
  const form = await browser.get('/admin/login');
  await browser.submit(form, { 'LoginForm[email]': who?.email ?? '', 'LoginForm[password]': who?.password ?? '' });
  return browser.cookie('PHPSESSID') ?? '';
}

async function useAll(port: number, ids: readonly string[]): Promise<number> {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: CALLERS });
  let failed = 0;
  let next = 0;
  const caller = async (): Promise<void> => {
    for (let id = ids[next]; id !== undefined; id = ids[next]) {
      next += 1;
      const headers = { cookie: `lucy2fa=${id}` };
      const answer = await pool.request({ path: '/admin/bench/1k', method: 'GET', headers });
      await answer.body.dump();
      if (answer.statusCode !== 200) failed += 1;
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  await pool.close();
  return failed;
}
