/**
 * Hands a mail to the operator's own mail server: one connection, one attempt, one time limit for the whole of it. Never
 * throws, never says "sent" before the server has taken the mail, never logs an address, a text or what the server said.
 */
import type MailComposer from 'nodemailer/lib/mail-composer';
import type SMTPConnection from 'nodemailer/lib/smtp-connection';
import type { Clock } from '../clock.ts';
import type { FactorLog, Mailed, Mailer, ProviderTrouble } from '../factors/factor.ts';
import { compose, isAddress, type Mail, type Sender } from './message.ts';

export interface MailOptions {
  readonly server: {
    readonly host: string;
    readonly port: number;
    /** `implicit`: from the first byte. `starttls`: or nothing is sent. `none`: a server on this machine. */
    readonly tls: 'implicit' | 'starttls' | 'none';
    readonly auth?: { readonly user: string; readonly password: string };
  };
  readonly from: string;
}

export interface MailNeeds {
  readonly clock: Clock;
  readonly log: FactorLog;
  /** Name of the sender. */
  readonly service: string;
  /** For the whole of it, in ms; default 10 000. */
  readonly timeoutMs?: number;
}

interface Library {
  readonly Connection: typeof SMTPConnection;
  readonly Composer: typeof MailComposer;
}

const TIMEOUT_MS = 10_000;

export function createMailer({ server, from }: MailOptions, needs: MailNeeds): Mailer {
  const library = load();
  library.catch(() => {}); // said by the first mail
  const sender: Sender = { address: from, name: needs.service };
  return {
    async send(mail: Mail): Promise<Mailed> {
      if (!isAddress(mail.to)) return failed(needs.log, 'number', { code: 'EADDRESS' });
      try {
        const { Connection, Composer } = await library;
        await deliver(Connection, server, sender.address, mail.to, await compose(Composer, sender, mail), needs);
        return { sent: true };
      } catch (error) {
        const facts = factsOf(error);
        return failed(needs.log, troubleOf(facts), facts);
      }
    },
  };
}

/** Fifteen megabytes that an installation without mail does not need. */
async function load(): Promise<Library> {
  const [connection, composer] = await Promise.all([
    import('nodemailer/lib/smtp-connection'),
    import('nodemailer/lib/mail-composer'),
  ]);
  return { Connection: connection.default, Composer: composer.default };
}

/** Resolves when the server has taken the mail (250 after DATA), and not a moment earlier. */
function deliver(
  Connection: typeof SMTPConnection,
  server: MailOptions['server'],
  from: string,
  to: string,
  message: Buffer,
  { clock, timeoutMs = TIMEOUT_MS }: MailNeeds,
): Promise<void> {
  const { host, port, tls, auth } = server;
  const connection = new Connection({
    host,
    port,
    secure: tls === 'implicit',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'none',
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    dnsTimeout: timeoutMs,
    socketCloseTimeout: 0,
  });
  let cancel = (): void => {};
  return new Promise<void>((resolve, reject) => {
    cancel = clock.after(timeoutMs, () => reject(new SmtpError('ETIMEDOUT'))); // a server may drip for hours
    const step = (go: () => void) => (error?: Error | null) => (error ? reject(error) : go());
    const send = (): void => connection.send({ from, to }, message, step(resolve));
    connection.on('error', reject);
    connection.once('end', () => reject(new SmtpError('ECONNECTION')));
    connection.connect(
      step(() =>
        auth === undefined ? send() : connection.login({ user: auth.user, pass: auth.password }, step(send)),
      ),
    );
  }).finally(() => {
    cancel();
    connection.close();
  });
}

class SmtpError extends Error {
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.name = 'SmtpError';
    this.code = code;
  }
}

interface ErrorFacts {
  /** Of nodemailer, or of Node. */
  readonly code: string;
  /** What was being said when it went wrong: `RCPT TO`. */
  readonly command?: string;
  /** SMTP reply (RFC 5321 4.2) and enhanced status (RFC 3463). */
  readonly reply?: number;
  readonly status?: string;
}

function factsOf(error: unknown): ErrorFacts {
  if (!(error instanceof Error)) return { code: 'unknown' };
  const { code, originalCode, command, responseCode, response } = error as Error & { readonly [key: string]: unknown };
  const status = typeof response === 'string' ? /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b/.exec(response)?.[1] : undefined;
  return {
    code: [originalCode, code].find((one) => typeof one === 'string') ?? error.name,
    ...(typeof command === 'string' ? { command: command.replace(/^AUTH .*/, 'AUTH') } : {}),
    ...(typeof responseCode === 'number' ? { reply: responseCode } : {}),
    ...(status === undefined ? {} : { status }),
  };
}

/** A 4xx passes, whatever it is about; a 5xx is about the address, or an operator must act. */
function troubleOf({ code, command, reply, status }: ErrorFacts): ProviderTrouble {
  if (reply !== undefined && reply < 500) return 'unavailable';
  if (command === 'RCPT TO' && reply !== undefined)
    return status?.startsWith('5.7.') === true ? 'misconfigured' : 'number';
  if (reply !== undefined || code === 'EAUTH' || code === 'ETLS') return 'misconfigured';
  return /CERT|VERIFY|SIGNED|ISSUER|ALTNAME/.test(code) ? 'misconfigured' : 'unavailable';
}

function failed(log: FactorLog, reason: ProviderTrouble, facts: ErrorFacts): Mailed {
  log.warn('mail_failed', { reason, ...facts });
  return { sent: false, reason };
}
