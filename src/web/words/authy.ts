/** What people read about Authy. */
import type { FactorWords } from './words.ts';

export const authy: FactorWords = {
  name: 'Authy',
  noun: 'Authy',
  enrolTitle: 'Configure 2FA',
  addButton: 'Configure 2FA',
  addHint: 'Codes from the Authy app or by text message.',
  needs: [],
  caution:
    'Codes by text message are weaker than codes from an app: numbers can be taken over, and texts can be read along. Use the app when you can.',
  role: 'makes and checks the codes. When you begin, it gets:',
  wayText: ({ channels, ending }) => {
    const app = channels.includes('push') ? 'A code or a request in the Authy app' : 'A code from the Authy app';
    const sent = channels.includes('sms') ? 'a text message' : channels.includes('call') ? 'a call' : undefined;
    return sent === undefined || ending === undefined ? app : `${app}, or ${sent} to a number ending ${ending}`;
  },
  codeHint: (size) => `Open the Authy app and enter the ${size}code that it shows, or have a code sent to you.`,
  sendTitle: 'No app at hand?',
  removeConsequence: 'The provider is told to forget you.',
};
