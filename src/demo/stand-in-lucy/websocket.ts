/**
 * A WebSocket end point by hand (RFC 6455, server side): text, binary, ping and close, messages up to 64 kB, no extensions.
 * It greets, then echoes. It never looks at Origin, as legacy code does not.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

const MAX_MESSAGE_BYTES = 64 * 1024;
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

interface Frame {
  readonly final: boolean;
  readonly opcode: number;
  readonly payload: Buffer;
  /** Bytes of the frame on the wire. */
  readonly length: number;
}

export interface EchoOptions {
  readonly greeting: string;
  /** Each payload that came in, unmasked. */
  readonly onPayload: (payload: Buffer) => void;
}

/** Answers 101 and echoes until either side closes. Refuses anything that is no version 13 handshake with 400. */
export function serveEcho(request: IncomingMessage, socket: Duplex, head: Buffer, options: EchoOptions): void {
  const key = request.headers['sec-websocket-key'];
  const isHandshake = request.method === 'GET' && request.headers.upgrade?.toLowerCase() === 'websocket';
  if (!isHandshake || key === undefined || request.headers['sec-websocket-version'] !== '13') {
    refuseUpgrade(socket, 400, 'Bad Request');
    return;
  }
  const accept = createHash('sha1')
    .update(key.trim() + GUID)
    .digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nServer: Lucy\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  send(socket, TEXT, Buffer.from(options.greeting));

  let held = Buffer.alloc(0);
  let message: { opcode: number; parts: Buffer[]; size: number } | undefined;
  const take = (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    for (let frame = readFrame(held); frame !== 'incomplete'; frame = readFrame(held)) {
      if (typeof frame === 'number') return closeWith(socket, frame);
      held = held.subarray(frame.length);
      options.onPayload(frame.payload);
      if (frame.opcode === CLOSE)
        return closeWith(socket, frame.payload.length < 2 ? 1000 : frame.payload.readUInt16BE(0));
      if (frame.opcode === PING) send(socket, PONG, frame.payload);
      if (frame.opcode > 2) continue;
      // A first fragment names the kind, the following ones are of kind 0 (RFC 6455 section 5.4).
      if ((message === undefined) === (frame.opcode === 0)) return closeWith(socket, 1002);
      message ??= { opcode: frame.opcode, parts: [], size: 0 };
      message.parts.push(frame.payload);
      message.size += frame.payload.length;
      if (message.size > MAX_MESSAGE_BYTES) return closeWith(socket, 1009);
      if (!frame.final) continue;
      send(socket, message.opcode, Buffer.concat(message.parts));
      message = undefined;
    }
  };
  socket.on('data', take);
  socket.on('drain', () => socket.resume());
  socket.on('end', () => socket.end());
  if (head.length > 0) take(head);
}

export function refuseUpgrade(socket: Duplex, status: number, reason: string): void {
  socket.end(`HTTP/1.1 ${status} ${reason}\r\nServer: Lucy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
}

/** The first frame of `bytes`, or the close code that it deserves. Clients must mask (section 5.1). */
function readFrame(bytes: Buffer): Frame | number | 'incomplete' {
  if (bytes.length < 2) return 'incomplete';
  const first = bytes.readUInt8(0);
  const second = bytes.readUInt8(1);
  const opcode = first & 15;
  if ((first & 0x70) !== 0 || (second & 0x80) === 0 || ![0, 1, 2, CLOSE, PING, PONG].includes(opcode)) return 1002;
  const short = second & 127;
  if (opcode > 7 && (short > 125 || (first & 0x80) === 0)) return 1002;
  const sizeBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
  const maskAt = 2 + sizeBytes;
  if (bytes.length < maskAt + 4) return 'incomplete';
  const size = sizeBytes === 0 ? short : sizeBytes === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (size > MAX_MESSAGE_BYTES) return 1009;
  const length = maskAt + 4 + size;
  if (bytes.length < length) return 'incomplete';
  const mask = bytes.subarray(maskAt, maskAt + 4);
  const payload = Buffer.from(bytes.subarray(maskAt + 4, length));
  for (let at = 0; at < size; at += 1) payload[at] = (payload[at] ?? 0) ^ (mask[at & 3] ?? 0);
  return { final: (first & 0x80) !== 0, opcode, payload, length };
}

function send(socket: Duplex, opcode: number, payload: Buffer): void {
  const size = payload.length;
  const head = Buffer.alloc(size < 126 ? 2 : size < 65_536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  head[1] = size < 126 ? size : size < 65_536 ? 126 : 127;
  if (head.length === 4) head.writeUInt16BE(size, 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(size), 2);
  // A client that sends and never reads must not fill the memory.
  if (!socket.write(Buffer.concat([head, payload]))) socket.pause();
}

function closeWith(socket: Duplex, code: number): void {
  socket.removeAllListeners('data');
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  send(socket, CLOSE, payload);
  socket.end();
  socket.resume();
}
