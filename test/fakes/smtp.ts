/** Mail servers for tests: a real one in its own process, and bare ones that say what they are told to. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface TakenMail {
  readonly from: string;
  readonly to: readonly string[];
  readonly secure: boolean;
  readonly user?: string;
  /** Headers and text as they came. */
  readonly raw: string;
}

export interface SmtpSettings {
  /** PEM; with them STARTTLS is offered. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** TLS from the first byte. */
  readonly implicit?: boolean;
  /** Nobody else may send. */
  readonly user?: string;
  readonly password?: string;
}

const PROCESS = fileURLToPath(new URL('smtp-process.mjs', import.meta.url));

export class SmtpProcess {
  readonly mails: TakenMail[] = [];
  readonly port: number;
  readonly #stop: () => Promise<void>;
  readonly #waiting = new Set<() => void>();

  private constructor(port: number, stop: () => Promise<void>) {
    this.port = port;
    this.#stop = stop;
  }

  static async start(settings: SmtpSettings = {}): Promise<SmtpProcess> {
    const child = spawn(process.execPath, [PROCESS, JSON.stringify(settings)], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout });
    const [first]: unknown[] = await once(lines, 'line');
    const { port }: { port: number } = JSON.parse(String(first));
    const gone = once(child, 'exit');
    const started = new SmtpProcess(port, async () => {
      child.kill('SIGKILL');
      await gone;
    });
    lines.on('line', (line) => {
      started.mails.push(JSON.parse(line));
      for (const look of started.#waiting) look();
    });
    return started;
  }

  /** The n-th mail (from 1 on), as soon as it is there. */
  async mail(n: number): Promise<TakenMail> {
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (this.mails.length < n) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
    const found = this.mails[n - 1];
    if (found === undefined) throw new Error('no such mail');
    return found;
  }

  stop(): Promise<void> {
    return this.#stop();
  }
}

/** The text of a mail without its headers, unfolded from quoted-printable. */
export function textOf({ raw }: TakenMail): string {
  const body = raw.slice(raw.indexOf('\r\n\r\n') + 4);
  const bytes = /^content-transfer-encoding: quoted-printable/im.test(raw)
    ? body.replace(/=\r\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number(`0x${hex}`)))
    : body;
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** Six digits, standing alone. */
export function codeIn(mail: TakenMail): string {
  return /(?<!\d)\d{6}(?!\d)/.exec(textOf(mail))?.[0] ?? '';
}

/** A server that greets and answers each line as `answer` says: a text, nothing (silence), or the end of the connection. */
export async function startBareSmtp(
  greeting: string | undefined,
  answer: (line: string) => string | undefined | 'cut',
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    if (greeting === 'cut') socket.destroy();
    else if (greeting !== undefined) socket.write(`${greeting}\r\n`);
    createInterface({ input: socket }).on('line', (line) => {
      const said = answer(line);
      if (said === 'cut') socket.destroy();
      else if (said !== undefined) socket.write(`${said}\r\n`);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
