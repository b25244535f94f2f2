/**
 * The text that goes to a phone. Its last line binds the code to this site, so that phones and browsers offer it here and
 * nowhere else (WICG "origin-bound one-time codes"); it never holds a link. Fits into one message of the cheapest alphabet.
 */

/** Characters of GSM 03.38 that take one place, and those that take two. */
const SINGLE = new Set(
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà',
);
const DOUBLE = new Set('^{}\\[~]|€');

/** A message has room for 160; gateways and countries add words of their own. */
const ROOM = 140;

/**
 * @param service as people know it; left out when it does not fit or cannot be written, never cut in the middle
 * @param host of the page that asks for the code, without scheme and port
 */
export function messageFor(code: string, service: string, host: string): string {
  const bound = `\n\n@${host} #${code}`;
  const named = `${code} is your ${plain(service)} security code${bound}`;
  return places(named) <= ROOM ? named : `${code} is your security code${bound}`;
}

/** Letters without marks that the alphabet does not have; on one line, without what could look like an address. */
function plain(service: string): string {
  return [...service.normalize('NFC')]
    .map((sign) => (SINGLE.has(sign) ? sign : sign.normalize('NFKD').replace(/\p{M}/gu, '')))
    .join('')
    .replace(/\s+/g, ' ')
    .replace(/[/@#]/g, ' ')
    .trim();
}

/** Places that a text takes; more than any message has when the alphabet lacks a character. */
function places(text: string): number {
  let count = 0;
  for (const sign of text) {
    if (!SINGLE.has(sign) && !DOUBLE.has(sign)) return Number.POSITIVE_INFINITY;
    count += SINGLE.has(sign) ? 1 : 2;
  }
  return count;
}
