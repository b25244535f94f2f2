#!/usr/bin/env node
/**
 * The command line, and the only file that touches the process: arguments, environment, signals, exit codes. A command loads
 * what it needs when it is called, because loading is most of a start.
 */
import cluster from 'node:cluster';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { Command, InvalidArgumentError } from 'commander';
import { systemClock } from './clock.ts';
import { loadConfig } from './config/load.ts';
import { createLog } from './log.ts';
import { formatProblems } from './profiles/problem.ts';
import { CLIENT_NAME, makeCredential } from './request/client-credential.ts';
import { pairOf, StartError, startGateway } from './start.ts';

/** 1: the configuration is wrong. 3: it is right, but the gateway cannot run. 2 is commander's for wrong usage. */
const EXIT = { config: 1, failed: 3 } as const;
const DRAIN_MS = 25_000;
/**
 * By itself the engine lets a small heap grow to three or four times what lives in it before it collects. Sessions that are woken
 * and laid to rest again make it grow, see docs/decisions/0015.
 */
const HEAP_GROWTH_PERCENT = 20;
const ONE_PROCESS =
  'With store.kind lowdb one process does all the work; several (--workers) need a store that they can share: redis.';
const DEFAULT_CONFIG = 'config/gateway.yaml';

const program = new Command('lucy-2fa')
  .description('A second factor in front of a web application that cannot be changed')
  .version(version(), '--version', 'print the version')
  .showHelpAfterError('lucy-2fa --help lists the commands, lucy-2fa COMMAND --help the options of one.')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

program
  .command('start')
  .description('run the gateway')
  .option('--config <file>', 'configuration file', DEFAULT_CONFIG)
  .option('--without-upstream', 'start although the application does not answer yet', false)
  .option('--workers <number>', 'processes that share the work; more than one needs a shared store', wholeNumber, 1)
  .action((options: { config: string; withoutUpstream: boolean; workers: number }) =>
    run(async () => {
      if (options.workers > 1 && cluster.isPrimary) return oversee(options.config, options.workers);
      setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`);
      // Every core has its worker: what one of them hands to helpers, it takes from another.
      if (options.workers > 1) setFlagsFromString('--no-parallel-scavenge');
      const started = await startGateway({
        configPath: options.config,
        env: process.env,
        clock: systemClock,
        withoutUpstream: options.withoutUpstream,
      });
      process.on('SIGHUP', () => void started.reload());
      process.on('message', (order) => {
        if (order === 'reload') void started.reload();
      });
      return () => started.stop(DRAIN_MS);
    }),
  );

program
  .command('check')
  .description('say everything that is wrong with a configuration; exit code 1 if anything is')
  .option('--config <file>', 'configuration file', DEFAULT_CONFIG)
  .action(async (options: { config: string }) => {
    const loaded = await loadConfig(options.config, process.env);
    if (!loaded.ok) {
      process.stderr.write(`${formatProblems(loaded.problems, options.config)}\n`);
      process.exitCode = EXIT.config;
      return;
    }
    const { tls } = loaded.config.listen;
    if (tls !== undefined) {
      try {
        await pairOf(tls);
      } catch (error) {
        fail(error, EXIT.config);
      }
    }
    if (loaded.warnings.length > 0) process.stderr.write(`${formatProblems(loaded.warnings, options.config)}\n`);
    process.stdout.write(`${options.config}: no mistakes found (profile ${loaded.profile.name})\n`);
  });

program
  .command('store')
  .description('work on the stored data; stop the gateways first')
  .command('copy')
  .description('copy everything from one store into another, check it, and go on where an earlier copy stopped')
  .requiredOption('--from <file>', 'configuration file with the store to read')
  .requiredOption('--to <file>', 'configuration file with the store to write')
  .option('--overwrite', 'replace what is there already and differs', false)
  .action(async (options: { from: string; to: string; overwrite: boolean }) => {
    try {
      const { copyConfigured } = await import('./store-copy.ts');
      const isWhole = await copyConfigured({
        ...options,
        env: process.env,
        clock: systemClock,
        print: (line) => void process.stdout.write(`${line}\n`),
        tell: (line) => void process.stderr.write(`${line}\n`),
      });
      if (!isWhole) process.exitCode = EXIT.failed;
    } catch (error) {
      fail(error);
    }
  });

program
  .command('ticket')
  .description('make a ticket with which a person may set up the first method of an account')
  .argument('<account>', 'name of the account, as the application has it')
  .option('--config <file>', 'configuration file', DEFAULT_CONFIG)
  .action(async (account: string, options: { config: string }) => {
    try {
      const { ticketFor } = await import('./ticket.ts');
      const made = await ticketFor({ account, configPath: options.config, env: process.env, clock: systemClock });
      const { identity, isNeeded, ticket, until } = made;
      process.stdout.write(`${ticket}\n`);
      process.stderr.write(`For ${identity}, good until ${new Date(until).toISOString()}, works once.\n`);
      if (!isNeeded) process.stderr.write('Nobody needs a ticket: policy.firstEnrolment.needs is "nothing".\n');
    } catch (error) {
      fail(error);
    }
  });

program
  .command('client')
  .description('make the credential of an API client: a program that a route of class service lets in')
  .argument('<name>', 'its name: small letters, digits and hyphens', clientName)
  .action((name: string) => {
    const { credential, hash } = makeCredential(name, randomBytes);
    process.stdout.write(`${credential}\n`);
    process.stderr.write(
      `Send it in the header X-2FA-Client. It is told once. Put this into the configuration, below clients:\n` +
        `  - { name: ${name}, hash: '${hash}' }\n`,
    );
  });

program
  .command('bypass')
  .description('make a code with which a person who lost every method may sign in once')
  .argument('<account>', 'name of the account, as the application has it')
  .option('--config <file>', 'configuration file', DEFAULT_CONFIG)
  .action(async (account: string, options: { config: string }) => {
    try {
      const { bypassFor } = await import('./ticket.ts');
      const made = await bypassFor({ account, configPath: options.config, env: process.env, clock: systemClock });
      process.stdout.write(`${made.code}\n`);
      process.stderr.write(`For ${made.identity}, good until ${new Date(made.until).toISOString()}, works once.\n`);
    } catch (error) {
      fail(error);
    }
  });

program
  .command('people')
  .description('work on what is known of people')
  .command('import')
  .description(
    'read e-mail addresses and numbers that you vouch for from a CSV file with the columns identity, email, phone',
  )
  .argument('<file>', 'UTF-8, with a header line')
  .option('--apply', 'write them; without it nothing is written', false)
  .option('--replace', 'forget who is not in the file', false)
  .option('--config <file>', 'configuration file', DEFAULT_CONFIG)
  .action(async (file: string, options: { apply: boolean; replace: boolean; config: string }) => {
    try {
      const { importPeople } = await import('./people-import.ts');
      const counts = await importPeople({ ...options, file, configPath: options.config, env: process.env });
      const { added, changed, others, same } = counts;
      const rest = options.replace ? 'forgotten' : 'not in the file, left as they are';
      process.stdout.write(`${added} new, ${changed} changed, ${same} the same, ${others} ${rest}\n`);
      if (!options.apply) process.stderr.write('Nothing was written. Repeat it with --apply to write it.\n');
    } catch (error) {
      fail(error);
    }
  });

program
  .command('demo')
  .description('run everything on this machine: a stand-in Lucy, a stand-in Authy and the gateway')
  .option('--port <number>', 'port of the gateway; another one when it is taken', portNumber, 8080)
  .action((options: { port: number }) =>
    run(async () => {
      const { startDemo } = await import('./demo/demo.ts');
      const demo = await startDemo({
        host: '127.0.0.1',
        port: options.port,
        clock: systemClock,
        print: (line) => void process.stdout.write(`${line}\n`),
        logTo: { write: (line) => void process.stderr.write(line) },
      });
      return () => demo.stop();
    }),
  );

/** The first process of several. @throws StartError when the configuration is wrong, or allows only one */
async function oversee(configPath: string, count: number): Promise<() => Promise<void>> {
  const loaded = await loadConfig(configPath, process.env);
  if (!loaded.ok) throw new StartError('config', formatProblems(loaded.problems, configPath));
  const { log, store } = loaded.config;
  if (store.kind !== 'redis') throw new StartError('config', ONE_PROCESS);
  const { startWorkers } = await import('./workers.ts');
  const workers = startWorkers({ count, clock: systemClock, log: createLog(log.level) });
  process.on('SIGHUP', () => workers.reload());
  void workers.failed.then(async (code) => {
    await workers.stop();
    process.exit(code === 0 ? EXIT.failed : code);
  });
  return () => workers.stop();
}

/** Runs until a signal comes; the first one drains, a second one ends at once. */
async function run(start: () => Promise<() => Promise<void>>): Promise<void> {
  // Timers of the gateway keep nobody alive; this one does, until the listener (or the end) takes over.
  const alive = setInterval(() => {}, 60_000);
  let stopping = false;
  let stop: (() => Promise<void>) | undefined;
  let asked = false;
  const end = (): void => {
    asked = true;
    if (stop === undefined) return;
    // A service manager signals every process, and the first one tells the workers once more: that is no second wish.
    if (stopping && !cluster.isWorker) process.exit(EXIT.failed);
    if (stopping) return;
    stopping = true;
    stop().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  if (cluster.isWorker) {
    process.on('message', (order) => {
      if (order === 'stop') end();
    });
    process.on('disconnect', end); // the first process was killed
  }
  process.on('uncaughtException', (error) => {
    process.stderr.write(`lucy-2fa: ${error.stack ?? error.message}\n`);
  });
  process.on('unhandledRejection', (reason) => {
    process.stderr.write(`lucy-2fa: ${reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)}\n`);
  });
  try {
    stop = await start();
  } catch (error) {
    clearInterval(alive);
    fail(error);
  }
  if (asked) end();
}

function version(): string {
  const { version }: { version: string } = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
  );
  return version;
}

function wholeNumber(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1 && number <= 256) return number;
  throw new InvalidArgumentError('a number of processes from 1 to 256');
}

function portNumber(text: string): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number <= 65_535) return number;
  throw new InvalidArgumentError('a port from 0 to 65535; 0 takes a free one');
}

function clientName(text: string): string {
  if (CLIENT_NAME.test(text)) return text;
  throw new InvalidArgumentError('small letters, digits and hyphens, at most 40');
}

function fail(error: unknown, code?: number): never {
  if (error instanceof StartError) {
    process.stderr.write(`lucy-2fa: ${error.message}\n`);
    process.exit(code ?? (error.code === 'config' ? EXIT.config : EXIT.failed));
  }
  process.stderr.write(`lucy-2fa: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(EXIT.failed);
}

await program.parseAsync();
