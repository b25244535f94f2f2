/** What people read about codes through Twilio Verify, which operators may have go by text, call, WhatsApp or e-mail. */
import type { FactorWords } from './words.ts';

const BY = { sms: 'text message', call: 'call', whatsapp: 'WhatsApp', email: 'e-mail', push: 'app' } as const;

export const verify: FactorWords = {
  name: 'Sent code',
  noun: 'codes that are sent to you',
  enrolTitle: 'Set up codes that are sent to you',
  addButton: 'Set up sent codes',
  addHint: 'Codes that are sent to you when you sign in.',
  needs: [],
  caution:
    'Codes that are sent are weaker than codes from an app: numbers and mailboxes can be taken over, and messages can be read along. Set up an app or a passkey as well when you can.',
  role: 'makes, sends and checks the codes. With each one that you ask for, it gets:',
  wayText({ channels, ending }) {
    const by = channels.map((channel) => BY[channel]).join(' or ');
    return ending === undefined ? `A code by ${by}` : `A code by ${by} to a number ending ${ending}`;
  },
  codeHint: (size) => `Have a code sent to you, then enter the ${size}code from the message or call.`,
  sentOnly: true,
  sendTitle: 'Get a code',
};
