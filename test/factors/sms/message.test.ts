/** The text, read as phones read it: the parser below follows the WICG text on origin-bound one-time codes step by step. */
import { describe, expect, it } from 'vitest';
import { messageFor } from '../../../src/factors/sms/message.ts';

/** "Parsing an origin-bound one-time code message": the last line, `@host`, further fields, the first of which has the code. */
function parse(message: string): { host: string; code: string } | undefined {
  const line = message.slice(message.lastIndexOf('\n') + 1);
  if (!line.startsWith('@')) return undefined;
  const [host = '', ...fields] = line.slice(1).split(' ');
  const code = fields.find((field) => field.startsWith('#'))?.slice(1);
  if (host === '' || code === undefined || code === '') return undefined;
  return { host, code };
}

const LATIN = /^[@£$¥èéùìòÇ\nØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&'()*+,\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà]*$/;

describe('the text that goes to a phone', () => {
  it('is a sentence, an empty line, and the line that binds the code to the site', () => {
    expect(messageFor('012345', 'Lucy', 'lucy.example.com')).toBe(
      '012345 is your Lucy security code\n\n@lucy.example.com #012345',
    );
  });

  it.each([
    ['Lucy', 'lucy.example.com'],
    ['Bäckerei Zürich', 'brot.example'],
    ['Dům č. 7 – Žižkov', 'dum.example'],
    ['銀行', 'bank.example'],
    ['Пекарня', 'xn--80ak6aa92e.example'],
    ['A name with {brackets} [and] more €', 'a.example'],
    ['N'.repeat(60), `${'h'.repeat(50)}.example.com`],
    ['Two\nlines @other.example #999999', 'two.example'],
    ['see https://evil.example/x', 'link.example'],
    ['', 'none.example'],
  ])('fits into one message, and phones find the code: %s', (service, host) => {
    const text = messageFor('123456', service, host);
    expect(text.length).toBeLessThanOrEqual(140);
    expect(text.replace(/[[\]{}€]/g, '')).toMatch(LATIN);
    expect(parse(text)).toEqual({ host, code: '123456' });
    expect(text).toMatch(/^123456 is your [^\n]*security code\n\n@[^\n]+$/);
    expect(text).not.toMatch(/:\/\/|\bwww\./);
    expect(text.match(/[@#]/g)).toEqual(['@', '#']);
  });

  it('does without a name that no cheap message can hold', () => {
    expect(messageFor('123456', '銀行', 'bank.example')).toBe('123456 is your security code\n\n@bank.example #123456');
  });
});
