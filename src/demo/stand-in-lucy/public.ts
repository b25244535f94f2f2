/**
 * What must work without any login: campaign pages on other host names, tracking images, static files, certificate checks.
 * No session is ever started here.
 */
import { createHash } from 'node:crypto';
import type { Exchange, Handler } from './exchange.ts';
import { LUCY_CSS, layout } from './pages.ts';

const PIXEL = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');
const CSS_TAG = `"${createHash('sha256').update(LUCY_CSS).digest('hex').slice(0, 16)}"`;

/** The page for this request, when it is one of those that need no login. */
export function publicPage(exchange: Exchange, adminHosts: readonly string[]): Handler | undefined {
  const { path } = exchange;
  if (path.startsWith('/.well-known/acme-challenge/')) return acmeChallenge;
  if (path.startsWith('/assets/') && path.endsWith('.css')) return stylesheet;
  if (path.startsWith('/public/')) return publicFile;
  if (path === '/favicon.ico') return trackingImage;
  if (/^\/(admin|user|api|simplesaml|old)(\/|$)/.test(path) || adminHosts.includes(exchange.hostName)) return undefined;
  if (path.endsWith('.gif')) return trackingImage;
  if (path === '/awareness') return awareness;
  return path === '/' ? landingPage : undefined;
}

function acmeChallenge(exchange: Exchange): void {
  plain(exchange, `${exchange.path.split('/').at(-1)}.stand-in-account-key`);
}

function publicFile(exchange: Exchange): void {
  plain(exchange, `public file ${exchange.path}`);
}

function stylesheet(exchange: Exchange): void {
  const caching = { ETag: CSS_TAG, 'Cache-Control': 'max-age=3600' };
  if (exchange.request.headers['if-none-match'] === CSS_TAG) {
    exchange.head(304, caching);
    exchange.response.end();
    return;
  }
  exchange.head(200, { ...caching, 'Content-Type': 'text/css', 'Content-Length': Buffer.byteLength(LUCY_CSS) });
  exchange.response.end(LUCY_CSS);
}

function trackingImage(exchange: Exchange): void {
  exchange.head(200, { 'Content-Type': 'image/gif', 'Content-Length': PIXEL.length, 'Cache-Control': 'no-store' });
  exchange.response.end(PIXEL);
}

async function landingPage(exchange: Exchange): Promise<void> {
  if (exchange.request.method === 'POST') {
    await exchange.form(); // what a target typed is counted, not kept
    return exchange.redirect('/awareness');
  }
  const form = `<p>Your parcel could not be delivered.</p><form method="post" action="/?login">
<label for="login">User name</label><input id="login" name="login">
<label for="password">Password</label><input id="password" name="password" type="password"><button>Continue</button></form>
<img src="/t/a1b2c.gif" width="1" height="1" alt="">`;
  exchange.html(200, layout('Parcel notice', form));
}

function awareness(exchange: Exchange): void {
  exchange.html(200, layout('This was an exercise', '<p>Look twice before you type a password.</p>'));
}

function plain(exchange: Exchange, text: string): void {
  exchange.head(200, { 'Content-Type': 'text/plain; charset=UTF-8', 'Content-Length': Buffer.byteLength(text) });
  exchange.response.end(text);
}
