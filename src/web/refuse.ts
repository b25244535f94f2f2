/**
 * Refusals of the gate on a bare response: a page for people, `application/problem+json` (RFC 9457) for programs. Works
 * without Koa and without a session, and tells nothing about the application or the error behind it.
 */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import { pageHeaders } from './headers.ts';
import type { WebOptions } from './options.ts';
import { type PageText, pageText } from './pages.ts';
import type { Render } from './render.ts';
import { wayOn } from './texts.ts';
import type { GatePage, Site, Web } from './web.ts';

type Facts = Parameters<Web['refuse']>[3];

export function createRefuse(options: Pick<WebOptions, 'site' | 'log'>, render: Render): Web['refuse'] {
  return (req, res, page, facts) => {
    const text = pageText(page);
    options.log[text.log]('gate_refused', { requestId: facts.requestId, page, status: text.status });
    if (res.headersSent) {
      res.destroy(); // half an answer of somebody else's cannot be turned into a refusal
      return;
    }
    const site = options.site();
    const body = facts.asPage ? htmlOf(text, facts, site, render, options) : problemOf(page, text, facts);
    write(req, res, text, facts, site, body);
  };
}

function write(
  req: IncomingMessage,
  res: ServerResponse,
  { status, ...text }: PageText,
  facts: Facts,
  site: Site,
  body: { readonly type: string; readonly text: string },
): void {
  const retryAfterMs = facts.retryAfterMs ?? text.retryAfterMs;
  for (const name of res.getHeaderNames()) res.removeHeader(name); // nothing half-built leaks
  for (const [name, value] of Object.entries(pageHeaders(site.publicUrl))) res.setHeader(name, value);
  res.setHeader('Content-Type', body.type);
  res.setHeader('Content-Length', Buffer.byteLength(body.text));
  res.setHeader('Vary', 'Accept, Sec-Fetch-Mode');
  if (retryAfterMs !== undefined) {
    res.setHeader('Retry-After', String(Math.max(1, Math.ceil(retryAfterMs / 1000))));
  }
  if (text.authenticate !== undefined) res.setHeader('WWW-Authenticate', text.authenticate);
  if (facts.setCookies !== undefined && facts.setCookies.length > 0) res.setHeader('Set-Cookie', facts.setCookies);
  // What the client still sends is not read; the connection cannot be used for anything else. A request without a body is
  // not complete either while its handler runs, but nothing follows it.
  if (!req.complete && announcesBody(req)) res.setHeader('Connection', 'close');
  res.statusCode = status;
  res.end(req.method === 'HEAD' ? undefined : body.text);
}

function announcesBody({ headers }: IncomingMessage): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
}

function htmlOf(text: PageText, facts: Facts, site: Site, render: Render, options: Pick<WebOptions, 'log'>) {
  const target = {
    challenge: facts.challenge ?? `${site.gatewayPath}/challenge`,
    account: `${site.gatewayPath}/account`,
    again: site.home,
  };
  const view = {
    heading: text.title,
    sentences: text.sentences,
    links: text.ways.map((way) => wayOn(way, site, target)),
    leave: '',
    reference: facts.requestId,
  } as const;
  const frame = { title: text.title, site, requestId: facts.requestId, csrf: '', isError: false };
  try {
    return { type: 'text/html; charset=utf-8', text: render('message', view, frame) };
  } catch (error) {
    options.log.error('web_render_failed', { requestId: facts.requestId, reason: String(error) });
    return { type: 'text/plain; charset=utf-8', text: [text.title, ...text.sentences].join('\n') };
  }
}

/** `about:blank` says: the status is the type (RFC 9457 4.2.1); `code` names the refusal for programs. */
function problemOf(page: GatePage, text: PageText, facts: Facts) {
  const problem = {
    type: 'about:blank',
    title: STATUS_CODES[text.status] ?? text.title,
    status: text.status,
    detail: [`${text.title}.`, ...text.sentences].join(' '),
    code: page,
    requestId: facts.requestId,
    ...(facts.challenge === undefined ? {} : { challenge: facts.challenge }),
  };
  return { type: 'application/problem+json', text: JSON.stringify(problem) };
}
