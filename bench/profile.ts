/**
 * Where the time goes in one scenario: the gateway under `--cpu-prof`, self time by function and by part.
 * The profiler itself costs, so only shares mean something.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { signIn, startGateway } from './gateways.ts';
import { makeLoad } from './load.ts';
import { loadOf, type Scenario } from './scenarios.ts';
import type { Setting } from './setting.ts';
import { BROWSER_HEADERS } from './target.ts';

/** First match wins; tried against `function file`. */
const PARTS: readonly (readonly [part: string, pattern: RegExp])[] = [
  ['garbage collector', /^\(garbage collector\)/],
  ['outside JavaScript: system calls, parser, engine', /^\((program|root)\)|^\S* $/],
  [
    'gate: scope, session, profile, decision',
    /\/dist\/(gate|request|session|profiles|login|gateway|way|pass|replies|logins|rules|assemble|clock)/,
  ],
  ['forwarder', /\/dist\/upstream\/|\/undici\/|wasm:/],
  ['gateway, other', /\/dist\//],
  ['node: http', /node:_http|node:internal\/http|node:http/],
  ['node: net and streams', /node:net|node:internal\/(stream|streams)|node:stream|stream_base/],
  ['node: timers, ticks, events', /node:(internal\/)?(timers|process\/task_queues|async_hooks|events)|node:events/],
  ['node: other', /node:/],
];

interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[];
  readonly samples: readonly number[];
  /** In µs. */
  readonly timeDeltas: readonly number[];
}

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

/** @returns lines to print. */
export async function profileGateway(setting: Setting, scenario: Scenario, seconds: number): Promise<string[]> {
  const folder = join(setting.folder, 'profile');
  const node = ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-interval=200'];
  const begin = performance.now();
  const gateway = await startGateway(setting, { name: 'profiled', store: { kind: 'lowdb' }, node });
  const cookie = await signIn(gateway.origin, gateway.port);
  const load = loadOf(scenario, BROWSER_HEADERS)({ port: gateway.port, cookie });
  const startUs = (performance.now() - begin) * 1_000;
  const { answers } = await makeLoad({ ...load, seconds }, setting.folder, scenario.anonymous === true);
  await gateway.child.stop();
  const file = readdirSync(folder).find((name) => name.endsWith('.cpuprofile'));
  if (file === undefined) throw new Error('the gateway left no profile behind');
  return [`${answers} answers`, ...summary(JSON.parse(readFileSync(join(folder, file), 'utf8')), startUs)];
}

/** @param startUs what came before the load is left out. */
function summary(profile: CpuProfile, startUs: number): string[] {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const byFunction = new Map<string, number>();
  const byPart = new Map<string, number>();
  let busy = 0;
  let elapsed = 0;
  for (const [at, id] of profile.samples.entries()) {
    const frame = frames.get(id);
    const us = profile.timeDeltas[at] ?? 0;
    elapsed += us;
    if (elapsed < startUs || frame === undefined || frame.functionName === '(idle)') continue;
    busy += us;
    const name = nameOf(frame);
    byFunction.set(name, (byFunction.get(name) ?? 0) + us);
    const part = partOf(frame);
    byPart.set(part, (byPart.get(part) ?? 0) + us);
  }
  const rows = (all: ReadonlyMap<string, number>, most: number): string[] =>
    [...all]
      .sort(([, a], [, b]) => b - a)
      .slice(0, most)
      .map(([name, us]) => `${((us / busy) * 100).toFixed(1).padStart(6)} %  ${name}`);
  return ['', 'By part:', ...rows(byPart, PARTS.length + 1), '', 'By function (self time):', ...rows(byFunction, 30)];
}

function nameOf({ functionName, url, lineNumber }: CallFrame): string {
  const place = url === '' ? '' : `${url.replace(/^.*\/(dist|node_modules)\//, '')}:${lineNumber + 1}`;
  return `${functionName === '' ? '(anonymous)' : functionName} ${place}`;
}

function partOf(frame: CallFrame): string {
  const text = `${frame.functionName} ${frame.url}`;
  return PARTS.find(([, pattern]) => pattern.test(text))?.[0] ?? 'other';
}
