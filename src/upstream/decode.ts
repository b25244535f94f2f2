/** Decodes an answer that came compressed although it was asked not to be. Bounded: a gzip bomb is too large, not an outage. */
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, inflateRaw } from 'node:zlib';
import { UpstreamError } from './upstream.ts';

const unzip = {
  gzip: promisify(gunzip),
  deflate: promisify(inflate),
  raw: promisify(inflateRaw),
  br: promisify(brotliDecompress),
};

/** More than one layer is legal (RFC 9110 8.4) and never seen; a bound keeps a hostile one cheap. */
const MOST_LAYERS = 2;

/**
 * @param encodings value of `Content-Encoding`; in the order in which they were applied.
 * @throws UpstreamError `too-large` beyond `maxBytes`, `malformed` for what cannot be decoded: unread is never judged (I6).
 */
export async function decode(body: Buffer, encodings: string, maxBytes: number): Promise<Buffer> {
  const layers = encodings
    .toLowerCase()
    .split(',')
    .map((layer) => layer.trim())
    .filter((layer) => layer !== '' && layer !== 'identity');
  if (layers.length > MOST_LAYERS) throw new UpstreamError('malformed');
  let decoded = body;
  for (const layer of layers.reverse()) decoded = await peel(decoded, layer, maxBytes);
  return decoded;
}

async function peel(body: Buffer, layer: string, maxBytes: number): Promise<Buffer> {
  const limit = { maxOutputLength: Math.max(1, maxBytes) };
  try {
    switch (layer) {
      case 'gzip':
      case 'x-gzip':
        return await unzip.gzip(body, limit);
      case 'br':
        return await unzip.br(body, limit);
      case 'deflate':
        // zlib by the book, raw by habit of some servers: the low nibble of zlib's first byte is always 8.
        return await (((body[0] ?? 0) & 0x0f) === 8 ? unzip.deflate(body, limit) : unzip.raw(body, limit));
    }
  } catch (error) {
    const tooLarge = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
    throw new UpstreamError(tooLarge ? 'too-large' : 'malformed', { cause: error });
  }
  throw new UpstreamError('malformed');
}
