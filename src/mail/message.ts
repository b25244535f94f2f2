/**
 * One plain-text mail, as bytes. What people or an application named gets into a header only after everything that could
 * end that header is gone. No link, no picture, no file: nothing to click in a mail about signing in.
 */
import type MailComposer from 'nodemailer/lib/mail-composer';

export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

export interface Sender {
  readonly address: string;
  /** Name that people know the application by. */
  readonly name: string;
}

/** One address in the form that everybody has: nothing that ends a header, names a second one, or needs quotes. */
export function isAddress(text: string): boolean {
  return text.length <= 254 && /^[^\s@<>",;:\\()[\]\p{Cc}]{1,64}@[a-z0-9-]+(?:\.[a-z0-9-]+)*$/iu.test(text);
}

/** @param Composer of nodemailer, which is loaded only where mail is on. */
export function compose(Composer: typeof MailComposer, from: Sender, mail: Mail): Promise<Buffer> {
  const composer = new Composer({
    from: { address: from.address, name: line(from.name) },
    to: { address: mail.to, name: '' },
    subject: line(mail.subject),
    text: mail.text,
    // RFC 3834: nobody's holiday note answers this.
    headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return composer.compile().build();
}

function line(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim();
}
