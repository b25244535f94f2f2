/** Stands between the gateway and the application and holds or breaks what a test names, so that races run in a known order. */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Duplex, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';

export interface Held {
  /** The application has answered; the gateway does not know it yet. */
  readonly answered: Promise<void>;
  release(): void;
}

export interface Delayed {
  /** The gateway has sent it; the application does not know it yet. */
  readonly arrived: Promise<void>;
  release(): void;
}

interface Rule {
  readonly line: string;
  readonly act: (send: () => void, res: ServerResponse) => void;
  left: number;
}

export class Relay {
  readonly url: string;
  /** Port of the application. */
  target = 0;
  /** What an upgrade is answered with; the application hears of none. */
  upgradeAnswer = '';
  upgrades = 0;
  readonly #close: () => Promise<void>;
  readonly #rules: Rule[];
  readonly #delays: { line: string; arrived: () => void; released: Promise<void> }[] = [];

  private constructor(url: string, rules: Rule[], close: () => Promise<void>) {
    this.url = url;
    this.#rules = rules;
    this.#close = close;
  }

  static async start(): Promise<Relay> {
    const rules: Rule[] = [];
    const server = createServer((req, res) => relay.#pass(req, res));
    const upgraded = new Set<Duplex>();
    server.on('upgrade', (_, socket) => {
      upgraded.add(socket);
      socket.on('error', () => socket.destroy());
      relay.upgrades += 1;
      socket.write(relay.upgradeAnswer);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const close = () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        for (const socket of upgraded) socket.destroy();
      });
    const relay = new Relay(`http://127.0.0.1:${port}`, rules, close);
    return relay;
  }

  /** Keeps the next answer to `METHOD /target` back; the application has done its work by then. */
  hold(line: string): Held {
    let answered = (): void => {};
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const held: Held = {
      answered: new Promise((resolve) => {
        answered = resolve;
      }),
      release: () => release(),
    };
    const act = (send: () => void): void => {
      answered();
      released.then(send, send);
    };
    this.#rules.push({ line, act, left: 1 });
    return held;
  }

  /** Keeps the next `METHOD /target` itself back; it reaches the application even if the gateway gives it up meanwhile. */
  delay(line: string): Delayed {
    let arrived = (): void => {};
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const delayed: Delayed = {
      arrived: new Promise((resolve) => {
        arrived = resolve;
      }),
      release: () => release(),
    };
    this.#delays.push({ line, arrived, released });
    return delayed;
  }

  /** Cuts the connection instead of the next `times` answers to `METHOD /target`; the application has done its work by then. */
  cut(line: string, times = 1): void {
    this.#rules.push({ line, act: (_, res) => void res.destroy(), left: times });
  }

  close(): Promise<void> {
    return this.#close();
  }

  #pass(req: IncomingMessage, res: ServerResponse): void {
    const at = this.#delays.findIndex(({ line }) => line === `${req.method} ${req.url}`);
    const [delay] = at < 0 ? [] : this.#delays.splice(at, 1);
    if (delay === undefined) return this.#ask(req, res, req);
    void buffer(req).then(async (body) => {
      delay.arrived();
      await delay.released;
      this.#ask(req, res, Readable.from([body]));
    });
  }

  #ask(req: IncomingMessage, res: ServerResponse, body: Readable): void {
    const { method, url, rawHeaders } = req;
    const outgoing = request({
      port: this.target,
      host: '127.0.0.1',
      method,
      path: url,
      headers: rawHeaders,
      agent: false,
    });
    outgoing.on('response', (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => {
        const send = (): void => {
          res.writeHead(answer.statusCode ?? 500, answer.statusMessage, answer.rawHeaders);
          res.end(Buffer.concat(chunks));
        };
        const rule = this.#rules.find(({ line, left }) => left > 0 && line === `${method} ${url}`);
        if (rule === undefined) return send();
        rule.left -= 1;
        rule.act(send, res);
      });
    });
    outgoing.on('error', () => res.destroy());
    body.pipe(outgoing);
  }
}
