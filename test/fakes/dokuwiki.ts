/**
 * A real DokuWiki (Debian's package) on PHP's own web server, in a folder of its own that is gone afterwards. The installed
 * one is only read; no test ever writes to /etc or /var/lib.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';

const PROGRAM = '/usr/share/dokuwiki';
const CONFIGURATION = '/etc/dokuwiki';
const START_ATTEMPTS = 3;
const START_TIMEOUT_MS = 20_000;
/** The end of the log is enough to find a mistake. */
const KEPT_LOG_CHARACTERS = 20_000;

export interface DokuWikiUser {
  readonly login: string;
  readonly name: string;
  readonly password: string;
}

export const DOKUWIKI_USERS = {
  admin: { login: 'admin', name: 'Ada Admin', password: 'wiki horse admin' },
  alice: { login: 'alice', name: 'Alice Example', password: 'wiki horse alice' },
  bob: { login: 'bob', name: 'Bob Example', password: 'wiki horse bob' },
} as const satisfies Readonly<Record<string, DokuWikiUser>>;

/** What stands on the page `private:alice:diary`, which only alice may read. */
export const ALICE_DIARY = 'The diary of Alice says marmalade.';
/** What stands on the page `start`, which everybody may read. */
export const START_TEXT = 'Welcome to the test wiki.';

export interface DokuWiki {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  readonly port: number;
  /** Folder with the pages, for tests that look at what was saved. */
  readonly pages: string;
  /** The end of what PHP's server said. */
  log(): string;
  stop(): Promise<void>;
}

/**
 * Why DokuWiki tests are left out here, or `undefined` to run them. In CI they are never left out: there a missing package
 * must fail.
 */
export function whySkipDokuWiki(): string | undefined {
  if (process.env['CI'] !== undefined) return undefined;
  if (!existsSync(join(PROGRAM, 'doku.php'))) return 'the package dokuwiki is not installed';
  try {
    execFileSync('php', ['-r', 'exit(function_exists("utf8_decode") ? 0 : 1);'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'the packages php-cli and php-xml are not installed';
  }
}

/** Copies, configures and starts a wiki with `DOKUWIKI_USERS`; answers when the wiki does. */
export async function startDokuWiki(): Promise<DokuWiki> {
  const root = await mkdtemp(join(tmpdir(), 'dokuwiki-'));
  try {
    await install(root);
    const { server, port, log } = await serve(root);
    return {
      url: `http://127.0.0.1:${port}`,
      port,
      pages: join(root, 'data', 'pages'),
      log,
      stop: async () => {
        await end(server);
        await rm(root, { recursive: true, force: true, maxRetries: 5 });
      },
    };
  } catch (error) {
    await rm(root, { recursive: true, force: true, maxRetries: 5 });
    throw error;
  }
}

async function install(root: string): Promise<void> {
  const wiki = join(root, 'wiki');
  const conf = join(root, 'conf');
  // The other 70 languages are most of the files.
  const filter = (source: string) => !/\/lang\/(?!en(\/|$))[^/]+/.test(source);
  await cp(PROGRAM, wiki, { recursive: true, dereference: true, filter });
  await cp(CONFIGURATION, conf, { recursive: true, dereference: true, filter: (source) => !/auth\.php$/.test(source) });
  // Debian's copy looks for its configuration in /etc by absolute path.
  const preload = join(wiki, 'inc', 'preload.php');
  await writeFile(preload, (await readFile(preload, 'utf8')).replaceAll('/etc/dokuwiki', conf));

  const data = join(root, 'data');
  for (const folder of [
    'attic',
    'cache',
    'index',
    'locks',
    'log',
    'media',
    'media_attic',
    'media_meta',
    'meta',
    'tmp',
  ]) {
    await mkdir(join(data, folder), { recursive: true });
  }
  await mkdir(join(root, 'sessions'));
  await writeFile(join(conf, 'local.php'), settings(data));
  await writeFile(join(conf, 'users.auth.php'), await userTable());
  // Later lines do not win in DokuWiki, the most exact one does; alice's namespace is shut for all others.
  await writeFile(
    join(conf, 'acl.auth.php'),
    '# <?php exit()?>\n*\t@ALL\t1\n*\t@user\t8\nprivate:*\t@ALL\t0\nprivate:*\t@user\t0\nprivate:alice:*\talice\t16\n',
  );
  await page(data, 'start', `====== Start ======\n\n${START_TEXT}\n`);
  await page(data, 'private/alice/diary', `====== Diary ======\n\n${ALICE_DIARY}\n`);
}

function settings(data: string): string {
  return `<?php
$conf['title'] = 'Test Wiki';
$conf['savedir'] = '${data}';
$conf['useacl'] = 1;
$conf['authtype'] = 'authplain';
$conf['superuser'] = 'admin';
$conf['showuseras'] = 'username';
$conf['disableactions'] = '';
$conf['remote'] = 1;
$conf['remoteuser'] = '';
$conf['indexdelay'] = 0;
`;
}

/** Two ways of hashing, as in a table that has grown: bcrypt, and MD5-crypt for bob. */
function userTable(): string {
  const { admin, alice, bob } = DOKUWIKI_USERS;
  const script = `
    [, $admin, $alice, $bob] = $argv;
    echo json_encode([password_hash($admin, PASSWORD_BCRYPT, ['cost' => 5]),
      password_hash($alice, PASSWORD_BCRYPT, ['cost' => 5]), crypt($bob, '$1$salt1234$')]);`;
  const output = execFileSync('php', ['-r', script, admin.password, alice.password, bob.password], {
    encoding: 'utf8',
  });
  const hashes: readonly string[] = JSON.parse(output);
  const lines = [admin, alice, bob].map(
    ({ login, name }, at) => `${login}:${hashes[at] ?? ''}:${name}:${login}@example.com:user`,
  );
  return `# <?php exit()?>\n${lines.join('\n')}\n`;
}

async function page(data: string, id: string, text: string): Promise<void> {
  const file = join(data, 'pages', `${id}.txt`);
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, text);
}

interface Served {
  readonly server: ChildProcess;
  readonly port: number;
  readonly log: () => string;
}

async function serve(root: string): Promise<Served> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    let log = '';
    const options = [
      '-d',
      `session.save_path=${join(root, 'sessions')}`,
      '-d',
      'display_errors=0',
      '-d',
      'log_errors=1',
    ];
    const server = spawn('php', [...options, '-S', `127.0.0.1:${port}`, '-t', join(root, 'wiki')], {
      cwd: root,
      // A group of its own, so that the workers end with it.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PHP_CLI_SERVER_WORKERS: '4' },
    });
    const keep = (chunk: Buffer) => {
      log = (log + chunk.toString('utf8')).slice(-KEPT_LOG_CHARACTERS);
    };
    server.stdout.on('data', keep);
    server.stderr.on('data', keep);
    const problem = await answers(server, port);
    if (problem === undefined) return { server, port, log: () => log };
    await end(server);
    // Somebody else may have taken the port in between.
    if (attempt >= START_ATTEMPTS) throw new Error(`DokuWiki does not start: ${problem}\n${log}`);
  }
}

/** Waits for the first page; @returns what went wrong. */
async function answers(server: ChildProcess, port: number): Promise<string | undefined> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  let failure: string | undefined;
  server.once('error', (error) => {
    failure = error.message;
  });
  while (failure === undefined && Date.now() < deadline) {
    if (server.exitCode !== null || server.signalCode !== null) return `php ended with ${server.exitCode}`;
    try {
      const response = await fetch(`http://127.0.0.1:${port}/doku.php?id=start`);
      const text = await response.text();
      return response.ok && text.includes(START_TEXT) ? undefined : `status ${response.status}: ${text.slice(0, 500)}`;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  return failure ?? `no answer within ${START_TIMEOUT_MS} ms`;
}

async function end(server: ChildProcess): Promise<void> {
  if (server.pid === undefined) return;
  const gone = new Promise<void>((resolve) => {
    if (server.exitCode !== null || server.signalCode !== null) resolve();
    else server.once('exit', () => resolve());
  });
  try {
    process.kill(-server.pid, 'SIGKILL');
  } catch {
    // The group is gone already.
  }
  await gone;
}
