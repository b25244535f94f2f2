/**
 * The answer of an application that refused an upgrade: it goes to the client with its body, and the connection ends. What the
 * client sends behind its request is read and thrown away, never passed on (attack 75).
 */

import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../clock.ts';
import type { BodyReader } from './answer-body.ts';
import { cut } from './cut.ts';

/** How long a client may take to read the last bytes. */
const LINGER_MS = 5_000;

export interface RefusalParts {
  /** Status line and header lines; framing and `Connection` are added here. */
  readonly head: string;
  readonly body: BodyReader;
  /** Bytes of the body that came with the head. */
  readonly rest: Buffer;
}

export function passRefusal(client: Duplex, upstream: Socket, parts: RefusalParts, clock: Clock): void {
  const { body } = parts;
  let over = false;
  const end = (complete: boolean): void => {
    if (over) return;
    over = true;
    upstream.destroy();
    if (!complete) cut(client);
    else part(client, body.framing === 'chunks' ? '0\r\n\r\n' : '', clock);
  };
  const read = (chunk: Buffer): void => {
    if (over) return;
    try {
      for (const content of body.push(chunk)) {
        if (body.framing === 'chunks') client.write(`${content.length.toString(16)}\r\n`, 'latin1');
        let flows = client.write(content);
        if (body.framing === 'chunks') flows = client.write('\r\n', 'latin1');
        if (!flows) upstream.pause();
      }
    } catch {
      end(false);
      return;
    }
    if (body.complete) end(true);
  };
  client.write(`${parts.head}Connection: close\r\n${framingLine(body)}\r\n`, 'latin1');
  client.on('drain', () => upstream.resume());
  client.on('close', () => upstream.destroy());
  client.resume();
  upstream.on('data', read);
  upstream.on('end', () => end(body.end()));
  upstream.on('close', () => end(false));
  read(parts.rest);
}

function framingLine({ framing }: BodyReader): string {
  if (framing === 'none') return '';
  return framing === 'chunks' ? 'Transfer-Encoding: chunked\r\n' : `Content-Length: ${framing.length}\r\n`;
}

/** Writes the last bytes and closes. Reading goes on meanwhile: a reset would take the bytes from the client again. */
export function part(client: Duplex, last: string, clock: Clock): void {
  const cancel = clock.after(LINGER_MS, () => client.destroy());
  client.on('close', cancel);
  client.resume();
  client.end(last, 'latin1');
}
