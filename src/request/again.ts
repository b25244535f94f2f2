/**
 * A form that was kept, as the browser would send it now: head and connection are those of the request that asks for it, and only
 * what belongs to the form is put back. So it goes the way of every request, from its first line on.
 */
import { IncomingMessage } from 'node:http';

export interface Repeated {
  readonly target: string;
  readonly type?: string | undefined;
  /** Address of the page that the form stood on. */
  readonly referer?: string | undefined;
  readonly body: Buffer;
}

const OF_THE_FORM = /^(?:content-.*|referer|transfer-encoding|expect|trailer)$/i;

/** @param req a POST that was read to its end */
export function requestAgain(req: IncomingMessage, { target, type, referer, body }: Repeated): IncomingMessage {
  const again = new IncomingMessage(req.socket);
  again.method = 'POST';
  again.url = target;
  again.httpVersion = req.httpVersion;
  again.httpVersionMajor = req.httpVersionMajor;
  again.httpVersionMinor = req.httpVersionMinor;
  for (let i = 0; i + 1 < req.rawHeaders.length; i += 2) {
    const [name = '', value = ''] = [req.rawHeaders[i], req.rawHeaders[i + 1]];
    if (!OF_THE_FORM.test(name)) again.rawHeaders.push(name, value);
  }
  // Node makes both views while it parses; here they are made of those that it made, each name once.
  again.headers = theRest(req.headers);
  again.headersDistinct = theRest(req.headersDistinct);
  const put = (name: string, value: string): void => {
    again.rawHeaders.push(name, value);
    again.headers[name.toLowerCase()] = value;
    again.headersDistinct[name.toLowerCase()] = [value];
  };
  if (referer !== undefined) put('Referer', referer);
  if (type !== undefined) put('Content-Type', type);
  put('Content-Length', String(body.length));
  again.complete = true;
  if (body.length > 0) again.push(body);
  again.push(null);
  return again;
}

function theRest<T extends object>(headers: T): T {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !OF_THE_FORM.test(name))) as T;
}
