/** Writes what an nginx of the benchmark needs: one worker, no log, everything in a folder of its own. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';

/** @returns arguments for nginx. @param more lines at the level of `http`, before the server. */
export function nginxConfig(folder: string, server: string, more: string): string[] {
  mkdirSync(folder, { recursive: true });
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const text = `
daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid ${join(folder, 'pid')};
error_log ${join(folder, 'error.log')} crit;
${userInfo().uid === 0 ? 'user root;' : ''}
events { worker_connections 8192; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_timeout 65;
  keepalive_requests 100000000;
  types_hash_max_size 2048;
  map $http_upgrade $connection_or_upgrade { default upgrade; '' ''; }
  ${temporary.map((name) => `${name}_temp_path ${join(folder, name)};`).join('\n  ')}
  ${more}
  server {${server}
  }
}
`;
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, text);
  return ['-c', file, '-e', join(folder, 'error.log')];
}
