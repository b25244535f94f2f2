/**
 * The demo: a stand-in Lucy, a stand-in Authy and the real gateway in front, all on this machine, nothing configured. The
 * gateway runs from a config file in a temporary folder, so that everything works as it would for real, the admin page too.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Clock } from '../clock.ts';
import { type Started, startGateway } from '../start.ts';
import { startStandInAuthy } from './stand-in-authy.ts';
import { DEFAULT_USERS, startStandInLucy } from './stand-in-lucy/server.ts';

const DEMO_KEY = 'demo-key-of-the-stand-in-authy';

export interface DemoOptions {
  readonly host: string;
  /** Taken when it is free, else any other. */
  readonly port: number;
  readonly clock: Clock;
  readonly print: (line: string) => void;
  readonly logTo: { write(line: string): void };
}

export interface Demo {
  readonly url: string;
  stop(): Promise<void>;
}

export async function startDemo(options: DemoOptions): Promise<Demo> {
  const { clock, print, host } = options;
  const folder = await mkdtemp(join(tmpdir(), 'lucy-2fa-demo-'));
  const lucy = await startStandInLucy({ clock });
  const authy = await startStandInAuthy({
    apiKey: DEMO_KEY,
    clock,
    onText: ({ to, body, channel }) => print(`  [${channel === 'sms' ? 'text' : 'call'} to ${to}] ${body}`),
  });
  const port = await freePort(host, options.port);
  const url = `http://${host}:${port}`;
  const configPath = join(folder, 'gateway.yaml');
  await writeFile(
    configPath,
    `# The configuration of the demo.\n${stringify(demoConfig(url, host, port, lucy.url, authy.url, folder))}`,
    {
      mode: 0o600,
    },
  );
  let started: Started | undefined;
  const stop = async (): Promise<void> => {
    await started?.stop(1_000);
    await lucy.close();
    await authy.close();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    started = await startGateway({ configPath, env: {}, clock, withoutUpstream: false, logTo: options.logTo });
  } catch (error) {
    await stop();
    throw error;
  }
  for (const line of welcome(url, lucy.url, configPath)) print(line);
  return { url, stop };
}

function demoConfig(url: string, host: string, port: number, lucy: string, authy: string, folder: string): object {
  return {
    listen: { host, port },
    publicUrl: url,
    upstream: { url: lucy, profile: 'lucy' },
    store: { kind: 'lowdb', path: join(folder, 'data') },
    secrets: { keyFile: join(folder, 'keys.json') },
    factors: { totp: { issuer: 'Lucy (demo)' }, authy: { apiKey: DEMO_KEY, baseUrl: authy } },
    admins: ['admin@example.com'],
    management: { host: '127.0.0.1', port: 0 },
    branding: { service: 'Lucy' },
    support: { contact: 'This is the demo: there is nobody to ask. Stop it and start it again.' },
    log: { level: 'warn' },
  };
}

function welcome(url: string, lucy: string, configPath: string): string[] {
  const people = DEFAULT_USERS.map(({ email, password }) => `    ${email.padEnd(20)} ${password}`);
  return [
    '',
    `  Lucy, through the gateway:   ${url}/admin`,
    `  Lucy itself, unprotected:    ${lucy}/admin`,
    '',
    '  Sign in as one of these:',
    ...people,
    '',
    `  1. Sign in, then open ${url}/_2fa/account and set up an authenticator app, or`,
    '     save a mobile number and choose "Configure 2FA" (texts of the stand-in Authy appear below).',
    '  2. You are signed out. Sign in again: now a token is asked for.',
    `  The administrator finds the 2FA key at ${url}/_2fa/admin (after setting up a factor).`,
    '',
    `  Nothing leaves this machine. The configuration is ${configPath}; Ctrl+C ends the demo and removes it.`,
    '',
  ];
}

function freePort(host: string, wanted: number): Promise<number> {
  const tryPort = (port: number): Promise<number> =>
    new Promise((resolve, reject) => {
      const probe = createServer();
      probe.once('error', reject);
      probe.listen(port, host, () => {
        const address = probe.address();
        probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : port));
      });
    });
  return tryPort(wanted).catch(() => tryPort(0));
}
