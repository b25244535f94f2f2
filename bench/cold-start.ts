/** From the start of the process to the first answer, in turns. */
import { performance } from 'node:perf_hooks';
import { freePort } from '../test/fakes/free-port.ts';
import { gatewayCommand } from './gateways.ts';
import { median } from './rounds.ts';
import { type Setting, sourceFile } from './setting.ts';

export interface ColdStart {
  readonly name: string;
  readonly medianMs: number;
}

export async function measureColdStart(setting: Setting, rounds: number): Promise<ColdStart[]> {
  const commands = {
    'http-proxy': (port: number) => [
      process.execPath,
      sourceFile('processes/http-proxy.mjs'),
      String(port),
      setting.upstream,
    ],
    gateway: (port: number) => gatewayCommand(setting, { name: 'cold-start', store: { kind: 'lowdb' } }, port),
  };
  const times = new Map<string, number[]>();
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, command] of Object.entries(commands)) {
      const port = await freePort();
      const begin = performance.now();
      const child = await setting.children.start(command(port), { core: 'target', port });
      await (await fetch(`http://127.0.0.1:${port}/admin/login`)).arrayBuffer();
      times.set(name, [...(times.get(name) ?? []), performance.now() - begin]);
      await child.stop();
    }
  }
  return [...times].map(([name, all]) => ({ name, medianMs: median(all) }));
}
