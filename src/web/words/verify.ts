/** What people read about codes that Twilio Verify sends. */
import type { FactorWords } from './words.ts';

export const verify: FactorWords = {
  name: 'Text or call',
  noun: 'codes by text or call',
  enrolTitle: 'Set up codes by text or call',
  addButton: 'Set up text or call',
  addHint: 'Codes by text message or call.',
  needs: ['A mobile phone that can receive text messages.'],
  caution:
    'Codes by text message are weaker than codes from an app: numbers can be taken over, and texts can be read along.',
  wayText: ({ ending }) =>
    ending === undefined ? 'A code sent to your phone' : `A code sent to a number ending ${ending}`,
  codeHint: (size) => `Have a code sent to you, then enter the ${size}code.`,
  sentOnly: true,
  sendTitle: 'Get a code',
};
