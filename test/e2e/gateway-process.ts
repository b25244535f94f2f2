/**
 * The gateway as an operator runs it: its own process, started from a YAML file in a temporary folder, on a free port of
 * 127.0.0.1. It never shares memory with a test and never touches a configuration outside its folder.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../fakes/free-port.ts';

/** `npm run build` makes it. */
export const MAIN = process.env['GATEWAY_MAIN'] ?? fileURLToPath(new URL('../../dist/main.js', import.meta.url));

const START_TIMEOUT_MS = 20_000;
const WAIT_TIMEOUT_MS = 15_000;

export interface LogLine {
  readonly level: string;
  readonly event: string;
  readonly [fact: string]: unknown;
}

export interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface GatewayOptions {
  readonly upstream: string;
  /** Default `lucy`. */
  readonly profile?: string;
  /** Keys of the profile that are different: YAML below `upstream`, indented by two, whole lines. */
  readonly overrides?: string;
  /** A stand-in for Authy and the key that it takes. */
  readonly authy?: { readonly url: string; readonly apiKey?: string };
  /** Further factors: YAML below `factors`, indented by two. */
  readonly factors?: string;
  /** The origin that people use, when it is not the gateway's own: a proxy of the test stands in front. */
  readonly publicUrl?: string;
  readonly port?: number;
  /** PEM; with them the gateway itself speaks TLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** The value of `store`, when it is not the embedded one in the folder. */
  readonly store?: string;
  /** A key file that several gateways have. */
  readonly keyFile?: string;
  /** The value of `management`, off without it. */
  readonly management?: string;
  /** The value of `admins`, when these are other people. */
  readonly admins?: string;
  /** Further arguments of `start`. */
  readonly args?: readonly string[];
  /** Further lines of YAML, top level. */
  readonly more?: string;
}

export class GatewayProcess {
  readonly folder: string;
  readonly configPath: string;
  readonly port: number;
  readonly origin: string;
  #child: ChildProcess | undefined;
  #ended: Promise<End> | undefined;
  #stdout = '';
  #stderr = '';
  readonly #waiting = new Set<() => void>();

  readonly #args: readonly string[];

  private constructor(folder: string, port: number, origin: string, args: readonly string[]) {
    this.#args = args;
    this.folder = folder;
    this.configPath = join(folder, 'gateway.yaml');
    this.port = port;
    this.origin = origin;
  }

  /** Writes the configuration and starts. */
  static async start(options: GatewayOptions): Promise<GatewayProcess> {
    const gateway = await GatewayProcess.prepare(options);
    await gateway.start();
    return gateway;
  }

  static async prepare(options: GatewayOptions): Promise<GatewayProcess> {
    const folder = await mkdtemp(join(tmpdir(), 'gateway-e2e-'));
    const port = options.port ?? (await freePort());
    const gateway = new GatewayProcess(
      folder,
      port,
      options.publicUrl ?? `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`,
      options.args ?? [],
    );
    if (options.tls !== undefined) {
      await writeFile(join(folder, 'cert.pem'), options.tls.cert);
      await writeFile(join(folder, 'key.pem'), options.tls.key, { mode: 0o600 });
    }
    await writeFile(gateway.configPath, configText(gateway.origin, port, options), { mode: 0o600 });
    return gateway;
  }

  /** Everything on standard output, over all starts. */
  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error('the gateway does not run');
    return pid;
  }

  get log(): readonly LogLine[] {
    const whole = this.#stdout.slice(0, this.#stdout.lastIndexOf('\n') + 1);
    return whole
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line): LogLine => JSON.parse(line));
  }

  /** Answers when the log says that it listens. @throws with everything it said, when it ends instead. */
  async start(): Promise<void> {
    const starts = this.#count('sys_startup');
    const child = spawn(process.execPath, [MAIN, 'start', '--config', this.configPath, ...this.#args], {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    child.stdout.on('data', (chunk: Buffer) => {
      this.#stdout += chunk.toString('utf8');
      for (const wake of this.#waiting) wake();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr += chunk.toString('utf8');
    });
    let end: End | undefined;
    this.#ended = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        end = { code, signal };
        resolve(end);
        for (const wake of this.#waiting) wake();
      });
    });
    await this.#until(() => end !== undefined || this.#count('sys_startup') > starts, START_TIMEOUT_MS, 'to start');
    if (this.#count('sys_startup') === starts) {
      this.#child = undefined;
      throw new Error(`the gateway ended at start: ${JSON.stringify(end)}\n${this.#stderr}\n${this.#stdout}`);
    }
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  /** As `systemctl stop` does. */
  async terminate(): Promise<End> {
    this.signal('SIGTERM');
    return this.ended();
  }

  /** As the kernel does it: no handler runs. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended();
  }

  async ended(): Promise<End> {
    if (this.#ended === undefined) throw new Error('the gateway never ran');
    const end = await this.#ended;
    this.#child = undefined;
    return end;
  }

  /** Waits until `count` lines of the log are like that. */
  async logged(isWanted: (line: LogLine) => boolean, count = 1): Promise<void> {
    await this.#until(() => this.log.filter(isWanted).length >= count, WAIT_TIMEOUT_MS, 'to say it in the log');
  }

  /** Ends it at once, if it runs, and removes its folder. */
  async remove(): Promise<void> {
    if (this.#child !== undefined) await this.kill();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  #count(event: string): number {
    return this.log.filter((line) => line.event === event).length;
  }

  async #until(holds: () => boolean, timeoutMs: number, what: string): Promise<void> {
    if (holds()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        reject(new Error(`waited too long for the gateway ${what}\n${this.#stderr}\n${this.#stdout.slice(-5000)}`));
      }, timeoutMs);
      const look = () => {
        if (!holds()) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
    });
  }
}

export interface CommandResult extends End {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command of the gateway's to its end. It must end by itself. */
export async function runCommand(args: readonly string[], cwd?: string): Promise<CommandResult> {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'], timeout: 30_000 });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString('utf8');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString('utf8');
  });
  return new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr })));
}

/** With comments, as people keep them, so that a test can look for them after the gateway wrote the file. */
function configText(publicUrl: string, port: number, options: GatewayOptions): string {
  const { authy } = options;
  return `# The gateway of a test. This comment must survive.
listen: { host: 127.0.0.1, port: ${port}${options.tls === undefined ? '' : ', tls: { cert: cert.pem, key: key.pem }'} }
publicUrl: ${publicUrl} # the address of the test
upstream:
  url: ${options.upstream}
  profile: ${options.profile ?? 'lucy'}
${options.overrides ?? ''}store: ${options.store ?? '{ kind: lowdb, path: ./data }'}
secrets: { keyFile: ${options.keyFile ?? './keys.json'} }
# Which factors people may use.
factors:
  totp: { issuer: Lucy }
${
  authy === undefined
    ? ''
    : `  authy:
    # Get a key of your own.
${authy.apiKey === undefined ? '' : `    apiKey: ${authy.apiKey} # the key of the stand-in\n`}    baseUrl: ${authy.url} # nobody else's
    emailDomain: example.com
`
}${options.factors ?? ''}admins: ${options.admins ?? '[admin@example.com, admin]'}
management: ${options.management ?? 'false'}
branding: { service: Lucy, country: CH }
support: { contact: 'help@example.com' }
# One address makes all the requests of a test.
limits:
  logins: { perMinute: 10000, perHour: 100000 }
  sends: { gap: 5s, perHour: 100, perDay: 1000, prefixPerHour: 1000, addressPerHour: 1000 }
${options.more ?? ''}`;
}
