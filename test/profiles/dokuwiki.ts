/** A real DokuWiki on a loopback port: Debian's files in a temporary folder, PHP's own server, two accounts. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../fakes/free-port.ts';

const FILES = '/usr/share/dokuwiki';
const SETTINGS = '/etc/dokuwiki';

export const hasDokuWiki = existsSync(join(FILES, 'doku.php')) && spawnSync('php', ['-v']).status === 0;

export interface DokuWiki {
  readonly origin: string;
  stop(): Promise<void>;
}

/** @param people login name to password; everybody may read and write */
export async function startDokuWiki(people: Readonly<Record<string, string>>): Promise<DokuWiki> {
  const folder = await mkdtemp(join(tmpdir(), 'dokuwiki-'));
  await cp(FILES, folder, { recursive: true, dereference: true, filter: (path) => !path.includes('.htaccess') });
  const conf = join(folder, 'conf');
  await mkdir(conf, { recursive: true });
  for (const name of await readdir(SETTINGS)) {
    if (/^(?:[a-z]+\.conf|(?:dokuwiki|license|mediameta|plugins|plugins\.local|plugins\.required)\.php)$/.test(name)) {
      await cp(join(SETTINGS, name), join(conf, name), { dereference: true });
    }
  }
  for (const name of [
    'attic',
    'cache',
    'index',
    'locks',
    'log',
    'media',
    'media_attic',
    'media_meta',
    'meta',
    'pages',
    'tmp',
  ]) {
    await mkdir(join(folder, 'data', name), { recursive: true });
  }
  await writeFile(join(folder, 'inc/preload.php'), "<?php define('DOKU_CONF', __DIR__ . '/../conf/');\n");
  const settings = [
    "$conf['useacl'] = 1;",
    "$conf['passcrypt'] = 'bcrypt';",
    "$conf['savedir'] = __DIR__ . '/../data';",
  ];
  await writeFile(join(conf, 'local.php'), `<?php\n${settings.join('\n')}\n`);
  const users = Object.entries(people).map(([login, password]) => {
    const hash = spawnSync('php', [
      '-r',
      'echo password_hash($argv[1], PASSWORD_BCRYPT, ["cost" => 4]);',
      password,
    ]).stdout;
    return `${login}:${hash}:Full (victim) Name:${login}@example.com:user`;
  });
  await writeFile(join(conf, 'users.auth.php'), `${users.join('\n')}\n`);
  await writeFile(join(conf, 'acl.auth.php'), '*\t@ALL\t1\n*\t@user\t8\n');
  await writeFile(join(folder, 'data/pages/start.txt'), 'a page with <bdi>victim</bdi>\n');

  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const server = spawn('php', ['-d', 'display_errors=0', '-S', `127.0.0.1:${port}`, '-t', folder], { stdio: 'ignore' });
  await answers(origin, server);
  return {
    origin,
    async stop() {
      const ended = new Promise((resolve) => server.once('exit', resolve));
      server.kill();
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Tries until the server answers; each try waits for its own outcome, and an ended process ends the trying. */
async function answers(origin: string, server: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 500 && server.exitCode === null; tries++) {
    try {
      await (await fetch(`${origin}/lib/images/blank.gif`)).arrayBuffer();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  throw new Error('DokuWiki does not answer');
}
