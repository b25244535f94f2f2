/** What people read about recovery codes. */
import type { FactorWords } from './words.ts';

export const recovery: FactorWords = {
  name: 'Recovery code',
  noun: 'your recovery codes',
  enrolTitle: 'Make recovery codes',
  addButton: 'Make recovery codes',
  addHint: 'Codes on paper, for the day when your phone is lost. Each works once.',
  needs: ['A printer, or a password manager.'],
  wayText: () => 'A recovery code',
  codeHint: () => 'Enter one of the codes that you saved. Each works once.',
};
