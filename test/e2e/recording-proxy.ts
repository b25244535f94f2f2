/**
 * A TCP proxy that remembers every byte, for saying what never passed here. It changes one thing: a client's offer to take
 * compressed answers, because in a compressed one nothing could be searched.
 */
import { connect, createServer, type Socket } from 'node:net';

export interface RecordingProxy {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  readonly port: number;
  /** Everything that went to clients. */
  toClients(): Buffer;
  /** Everything that clients sent. */
  fromClients(): Buffer;
  /** Target of each request that clients sent, in order; what a request's body says is not told apart from a request. */
  requestTargets(): string[];
  close(): Promise<void>;
}

/** @param target port on 127.0.0.1; may be set later by `aim`. */
export async function startRecordingProxy(target?: number): Promise<RecordingProxy & { aim(port: number): void }> {
  let aimed = target;
  const down: Buffer[] = [];
  const up: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    if (aimed === undefined) return client.destroy();
    const far = connect(aimed, '127.0.0.1');
    for (const socket of [client, far]) {
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => socket.destroy());
    }
    client.on('data', (chunk: Buffer) => {
      up.push(chunk);
      far.write(withoutCompression(chunk));
    });
    far.on('data', (chunk: Buffer) => {
      down.push(chunk);
      client.write(chunk);
    });
    client.on('end', () => far.end());
    far.on('end', () => client.end());
    client.on('close', () => far.destroy());
    far.on('close', () => client.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    aim: (port) => {
      aimed = port;
    },
    toClients: () => Buffer.concat(down),
    fromClients: () => Buffer.concat(up),
    requestTargets: () =>
      [
        ...Buffer.concat(up)
          .toString('latin1')
          .matchAll(/(?:^|\r\n\r\n|\n)([A-Z]+ \S+) HTTP\/1\.1\r\n/g),
      ].map((match) => match[1] ?? ''),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** The same length, so that no Content-Length and no offset changes. */
function withoutCompression(chunk: Buffer): Buffer {
  const at = chunk.indexOf('\r\nAccept-Encoding:', 0, 'latin1');
  const lower = chunk.indexOf('\r\naccept-encoding:', 0, 'latin1');
  if (at < 0 && lower < 0) return chunk;
  const text = chunk.toString('latin1').replace(/\r\naccept-encoding:/gi, '\r\nX-No-Compressing:');
  return Buffer.from(text, 'latin1');
}
