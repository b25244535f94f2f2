/** What people read about codes by e-mail. */
import type { FactorWords } from './words.ts';

export const email: FactorWords = {
  name: 'E-mail',
  noun: 'codes by e-mail',
  enrolTitle: 'Set up codes by e-mail',
  addButton: 'Set up e-mail',
  addHint: 'Codes by e-mail, to the address that your account has.',
  needs: ['Your mailbox, while you sign in. The address is the one that your account has.'],
  caution:
    'Codes by e-mail are the weakest method: who reads your mail can read them, and often reset your password too. Use an app when you can.',
  wayText: () => 'A code by e-mail',
  codeHint: (size) => `Have a code sent to you, then enter the ${size}code from the newest message.`,
  sentOnly: true,
  sendTitle: 'Get a code',
};
