import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../src/clock.ts';
import type { Json } from '../../src/gate/types.ts';
import { createMailer, type MailOptions } from '../../src/mail/smtp.ts';
import { TestClock } from '../fakes/clock.ts';
import { codeIn, SmtpProcess, type SmtpSettings, startBareSmtp, textOf } from '../fakes/smtp.ts';
import { cert, key } from '../upstream/certificates.ts';

const MAIL = { to: 'alice@example.com', subject: 'Lucy: your security code', text: '123456 is your code.\n' };

let ends: (() => Promise<void>)[];
let logged: { event: string; facts: { readonly [key: string]: Json } }[];
beforeEach(() => {
  ends = [];
  logged = [];
});
afterEach(async () => {
  for (const end of ends) await end();
});

async function server(settings: SmtpSettings = {}): Promise<SmtpProcess> {
  const started = await SmtpProcess.start(settings);
  ends.push(() => started.stop());
  return started;
}

function mailer(
  port: number,
  given: Partial<MailOptions['server']> = {},
  needs: { clock?: Clock; service?: string; timeoutMs?: number } = {},
) {
  const options: MailOptions = {
    server: { host: '127.0.0.1', port, tls: 'none', ...given },
    from: 'no-reply@example.com',
  };
  const log = { warn: (event: string, facts: { readonly [key: string]: Json }) => void logged.push({ event, facts }) };
  return createMailer(options, { clock: systemClock, log, service: 'Lucy', ...needs });
}

describe('a mail', () => {
  it('is plain text from the operator to one person, and says that no person wrote it', async () => {
    const smtp = await server();
    expect(await mailer(smtp.port, {}, { service: 'Lücy' }).send({ ...MAIL, text: '123456 für Ärger\n' })).toEqual({
      sent: true,
    });
    const mail = await smtp.mail(1);
    expect([mail.from, mail.to]).toEqual(['no-reply@example.com', ['alice@example.com']]);
    expect(mail.raw).toMatch(/^From: =\?UTF-8\?Q\?L=C3=BCcy\?= <no-reply@example\.com>\r$/im);
    expect(mail.raw).toMatch(/^To: alice@example\.com\r$/m);
    expect(mail.raw).toMatch(/^Auto-Submitted: auto-generated\r$/m);
    expect(mail.raw).toMatch(/^Content-Type: text\/plain; charset=utf-8\r$/m);
    expect(mail.raw).toMatch(/^Date: .+\r$/m);
    expect(textOf(mail)).toBe('123456 für Ärger\r\n');
    expect(codeIn(mail)).toBe('123456');
  });

  it('ends no header, whatever a name has in it (attack 77)', async () => {
    const smtp = await server();
    const evil = mailer(smtp.port, {}, { service: 'Lucy\r\nBcc: mallory@example.com' });
    await evil.send({ ...MAIL, subject: 'Lucy\r\nBcc: mallory@example.com\r\n\r\ntext' });
    const { raw, to } = await smtp.mail(1);
    expect(to).toEqual(['alice@example.com']);
    expect(raw).not.toMatch(/^Bcc:/im);
    expect(raw).toMatch(/^Subject: Lucy Bcc: mallory@example\.com text\r$/m);
  });

  it.each([
    'alice@example.com\r\nBcc: mallory@example.com',
    'alice@example.com, mallory@example.com',
    'alice@example.com>\r\nRCPT TO:<mallory@example.com',
    'Alice <alice@example.com>',
    'alice@example.com mallory@example.com',
    'alice',
    '@example.com',
    '',
    `${'a'.repeat(250)}@example.com`,
  ])('goes to nobody when the address is %j', async (to) => {
    const smtp = await server();
    expect(await mailer(smtp.port).send({ ...MAIL, to })).toEqual({ sent: false, reason: 'number' });
    expect(smtp.mails).toEqual([]);
  });
});

describe('the way to the server', () => {
  it('signs in with user and password', async () => {
    const smtp = await server({ user: 'gateway', password: 'pass word' });
    const auth = { user: 'gateway', password: 'pass word' };
    expect(await mailer(smtp.port, { auth }).send(MAIL)).toEqual({ sent: true });
    expect((await smtp.mail(1)).user).toBe('gateway');
    const wrong = mailer(smtp.port, { auth: { user: 'gateway', password: 'hunter2' } });
    expect(await wrong.send(MAIL)).toEqual({ sent: false, reason: 'misconfigured' });
    expect(await mailer(smtp.port).send(MAIL)).toEqual({ sent: false, reason: 'misconfigured' });
    expect(JSON.stringify(logged)).not.toContain('hunter2');
  });

  it('is never plain where TLS is asked for', async () => {
    const plain = await server();
    expect(await mailer(plain.port, { tls: 'starttls' }).send(MAIL)).toEqual({ sent: false, reason: 'misconfigured' });
    expect(await mailer(plain.port, { tls: 'implicit' }).send(MAIL)).toMatchObject({ sent: false });
    expect(plain.mails).toEqual([]);
  });

  it.each(['starttls', 'implicit'] as const)('%s: ends where the certificate is not good', async (tls) => {
    const smtp = await server({ tls: { cert, key }, implicit: tls === 'implicit' });
    expect(await mailer(smtp.port, { tls }).send(MAIL)).toEqual({ sent: false, reason: 'misconfigured' });
    expect(smtp.mails).toEqual([]);
  });
});

describe('a server that does not take it (attack 50)', () => {
  const say = (line: string): string => (/^EHLO/i.test(line) ? '250 bare' : '250 ok');
  it.each([
    ['MAIL', '451 4.3.0 later', 'unavailable'],
    ['MAIL', '550 5.7.1 not from here', 'misconfigured'],
    ['RCPT', '450 4.2.1 mailbox busy', 'unavailable'],
    ['RCPT', '550 5.1.1 no such user alice@example.com', 'number'],
    ['RCPT', '550 no such user', 'number'],
    ['RCPT', '554 5.7.1 relaying denied', 'misconfigured'],
    ['DATA', '452 4.3.1 disk full', 'unavailable'],
    ['DATA', '554 5.6.0 looks like spam', 'misconfigured'],
  ] as const)('%s: %s', async (command, refusal, reason) => {
    const bare = await startBareSmtp('220 bare', (line) => (line.startsWith(command) ? refusal : say(line)));
    ends.push(() => bare.close());
    expect(await mailer(bare.port).send(MAIL)).toEqual({ sent: false, reason });
    expect(logged).toMatchObject([{ event: 'mail_failed', facts: { reason, reply: Number(refusal.slice(0, 3)) } }]);
    expect(JSON.stringify(logged)).not.toContain('alice');
  });

  it.each([
    ['greets with a refusal', '421 too busy', say, 'unavailable'],
    ['greets with nonsense', 'HTTP/1.1 200 OK', say, 'unavailable'],
    ['ends at once', 'cut', say, 'unavailable'],
    ['ends in the middle', '220 bare', (line: string) => (/^RCPT/i.test(line) ? 'cut' : say(line)), 'unavailable'],
    [
      'ends after the text, before it said yes',
      '220 bare',
      (line: string) =>
        line === '.'
          ? 'cut'
          : /^DATA/i.test(line)
            ? '354 go on'
            : /:|^$|^\d/.test(line) && !/^(MAIL|RCPT)/i.test(line)
              ? undefined
              : say(line),
      'unavailable',
    ],
  ] as const)('%s', async (_name, greeting, answer, reason) => {
    const bare = await startBareSmtp(greeting, answer);
    ends.push(() => bare.close());
    expect(await mailer(bare.port).send(MAIL)).toEqual({ sent: false, reason });
  });

  it.each([
    ['says nothing', undefined],
    ['greets and says nothing more', '220 bare'],
  ])('%s: ten seconds, and no more', async (_name, greeting) => {
    const bare = await startBareSmtp(greeting, () => undefined);
    ends.push(() => bare.close());
    const clock = new TestClock();
    const sent = mailer(bare.port, {}, { clock }).send(MAIL);
    await new Promise((resolve) => setImmediate(resolve));
    const ticking = setInterval(() => clock.advance(10_000), 5); // whenever it begins to wait
    expect(await sent).toEqual({ sent: false, reason: 'unavailable' });
    clearInterval(ticking);
    expect(logged).toMatchObject([{ facts: { code: 'ETIMEDOUT' } }]);
  });

  it('is not there', async () => {
    const bare = await startBareSmtp(undefined, () => undefined);
    await bare.close();
    expect(await mailer(bare.port).send(MAIL)).toEqual({ sent: false, reason: 'unavailable' });
  });
});
