/** What people read about codes by text message. */
import type { FactorWords } from './words.ts';

export const sms: FactorWords = {
  name: 'Text message',
  noun: 'codes by text message',
  enrolTitle: 'Set up text messages',
  addButton: 'Set up text messages',
  addHint: 'Codes by text message.',
  needs: ['A mobile phone that can receive text messages.'],
  caution:
    'Codes by text message are weaker than codes from an app: numbers can be taken over, and texts can be read along. Set up an app or a passkey as well when you can.',
  role: 'delivers the messages. With each one that you ask for, it gets the code and:',
  wayText: ({ ending }) =>
    ending === undefined ? 'A code by text message' : `A code by text message to a number ending ${ending}`,
  codeHint: (size) => `Have a code sent to you, then enter the ${size}code from the message.`,
  sentOnly: true,
  sendTitle: 'Get a code',
};
