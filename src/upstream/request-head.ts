/**
 * Writes the head of a request. The last place where a line could be split or a body be longer than it says (attacks 72, 73):
 * whatever its callers were told, nothing leaves that another server could read in two ways.
 */
import { Upload } from './upload.ts';
import { type FlatHeaders, UpstreamError } from './upstream.ts';

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly headers: FlatHeaders;
  readonly body: Buffer | Upload | null;
}

export interface RequestHead {
  /** latin1, the blank line at its end included. */
  readonly text: string;
  /** Bytes of the body; `undefined` when it goes in chunks. */
  readonly length: number | undefined;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const TARGET = /^\/[\x21-\x7e\x80-\xff]*$/;
const TEXT = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Only this file says how a body is framed in chunks, and whether the connection goes on. */
const OURS = /^(?:transfer-encoding|connection)$/i;
/** Without a body these say so; others need no length (RFC 9110 8.6). */
const EXPECTS_BODY = new Set(['POST', 'PUT', 'PATCH', 'PROPFIND', 'PROPPATCH']);

/**
 * @param keep whether the connection is to go on after the answer.
 * @throws UpstreamError `malformed` when the request cannot be said without doubt.
 */
export function requestHead({ method, path, headers, body }: Request, keep: boolean): RequestHead {
  if (!TOKEN.test(method) || !TARGET.test(path)) throw new UpstreamError('malformed');
  let text = `${method} ${path} HTTP/1.1\r\n`;
  let announced: string | undefined;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? '';
    const value = headers[i + 1] ?? '';
    if (!TOKEN.test(name) || !TEXT.test(value)) throw new UpstreamError('malformed');
    if (name.length === 14 && name.toLowerCase() === 'content-length') {
      if (announced !== undefined || !/^[0-9]{1,15}$/.test(value)) throw new UpstreamError('malformed');
      announced = value;
    } else if ((name.length === 17 || name.length === 10) && OURS.test(name)) {
      throw new UpstreamError('malformed');
    }
    text += `${name}: ${value}\r\n`;
    if (i === 0) text += keep ? 'Connection: keep-alive\r\n' : 'Connection: close\r\n'; // behind `Host`
  }
  if (body instanceof Upload) {
    if (announced === undefined) text += 'Transfer-Encoding: chunked\r\n';
  } else {
    const length = body?.length ?? 0;
    if (announced === undefined) {
      if (length > 0 || EXPECTS_BODY.has(method)) text += `Content-Length: ${length}\r\n`;
    } else if (Number(announced) !== length) {
      throw new UpstreamError('malformed');
    }
    return { text: `${text}\r\n`, length };
  }
  return { text: `${text}\r\n`, length: announced === undefined ? undefined : Number(announced) };
}
