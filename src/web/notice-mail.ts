/** A notice as a mail, in the words of the account page. No link: a mail about signing in is what false mails look like. */
import type { Occasion } from '../ceremonies/ceremonies.ts';
import { browserName } from './browser-name.ts';
import { happeningText } from './texts.ts';
import { momentText } from './times.ts';

export function noticeMail(
  site: { readonly service: string; readonly contact: string | undefined },
  identity: string,
  { at, from, happening }: Occasion,
): { readonly subject: string; readonly text: string } {
  const help = site.contact ?? `Ask the administrator of ${site.service} for help.`;
  return {
    subject: `${site.service}: a notice about your account`,
    text: [
      happeningText(happening),
      '',
      `Account: ${identity}`,
      `Time: ${momentText(at)}`,
      ...(from === undefined ? [] : [`From: ${browserName(from.agent)}, ${from.address}`]),
      '',
      'If this was you, there is nothing to do.',
      `If not, change your password now, then look at your account. ${help}`,
      '',
    ].join('\n'),
  };
}
