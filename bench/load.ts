/** Makes requests for a while and says how it went: by wrk where it is installed, else by a process of our own. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Core, findTool, pinned } from './machine.ts';
import { compiled } from './setting.ts';

export interface Load {
  readonly port: number;
  readonly path: string;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  /** Sent with each request; for a WebSocket the size is that of a message. */
  readonly bodyBytes: number;
  readonly connections: number;
  readonly seconds: number;
  readonly kind: 'http' | 'websocket';
  /** Where the load is made; on a core of its own unless something else is said. */
  readonly core?: Core;
}

export interface Outcome {
  readonly answers: number;
  /** Requests that were not answered, or with a status that was not expected. */
  readonly failed: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly seconds: number;
}

/** @param refused a status above 399 is no failure. */
export async function makeLoad(load: Load, folder: string, refused: boolean): Promise<Outcome> {
  const wrk = load.kind === 'http' ? findTool('wrk') : undefined;
  const command =
    wrk === undefined
      ? [process.execPath, compiled('processes/loader.js'), JSON.stringify(load)]
      : [wrk, ...wrkArguments(load, folder)];
  const said = await run(pinned(load.core ?? 'load', command));
  const found = /^outcome (\{.*\})$/m.exec(said)?.[1];
  if (found === undefined) throw new Error(`the load generator said nothing that can be read:\n${said}`);
  const { answers, refusals, broken, ...rest }: Said = JSON.parse(found);
  return { ...rest, answers, failed: broken + (refused ? 0 : refusals) };
}

/** What both load generators print. */
export interface Said {
  readonly answers: number;
  /** Answers with a status above 399. */
  readonly refusals: number;
  readonly broken: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly seconds: number;
}

function wrkArguments(load: Load, folder: string): string[] {
  const lines = Object.entries(load.headers).map(([name, value]) => `wrk.headers[${quoted(name)}] = ${quoted(value)}`);
  const script = `
wrk.method = ${quoted(load.method)}
${load.bodyBytes === 0 ? '' : `wrk.body = string.rep("b", ${load.bodyBytes})`}
${lines.join('\n')}
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('outcome {"answers":%d,"refusals":%d,"broken":%d,"p50Us":%d,"p99Us":%d,"seconds":%f}\\n',
    summary.requests, e.status, e.connect + e.read + e.write + e.timeout,
    latency:percentile(50), latency:percentile(99), summary.duration / 1e6))
end
`;
  const file = join(folder, 'load.lua');
  writeFileSync(file, script);
  const shape = ['-t1', `-c${load.connections}`, `-d${Math.max(1, Math.round(load.seconds))}s`, '--timeout', '10s'];
  return [...shape, '-s', file, `http://127.0.0.1:${load.port}${load.path}`];
}

function quoted(text: string): string {
  return JSON.stringify(text);
}

function run(command: readonly string[]): Promise<string> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  const keep = (chunk: Buffer): void => {
    said += chunk.toString('utf8');
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve(said));
  });
}
