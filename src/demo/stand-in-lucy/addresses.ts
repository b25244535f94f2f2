/**
 * How many ways there are to write one page's address: Apache's and Yii's reading of a request target. It decides nothing;
 * all spellings lead to the same page.
 */
import { type PhpArray, scalar } from './php.ts';

/** Path and query of a request target in origin or absolute form. */
export function splitTarget(target: string): [path: string, query: string] {
  const origin = target.replace(/^https?:\/\/[^/?]*/i, '');
  const cut = origin.indexOf('?');
  return cut < 0 ? [origin || '/', ''] : [origin.slice(0, cut) || '/', origin.slice(cut + 1)];
}

/** What Apache makes of a path: decoded once, slashes collapsed, dot segments resolved. Case does not matter here. */
export function canonical(path: string): string {
  const bytes = path.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  const kept: string[] = [];
  for (const segment of bytes.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..') kept.pop();
    else kept.push(segment.toLowerCase());
  }
  return `/${kept.join('/')}`;
}

/** Yii answers the same page as /admin/login, /index.php/admin/login and /index.php?r=admin/login. */
export function yiiRoute(path: string, query: PhpArray): string {
  const route = scalar(query, 'r');
  if ((path === '/index.php' || path === '/') && route !== undefined) return canonical(`/${route}`);
  if (path === '/index.php') return '/';
  return path.startsWith('/index.php/') ? path.slice('/index.php'.length) : path;
}
