/** What people read about codes that an administrator gives them. */
import type { FactorWords } from './words.ts';

export const bypass: FactorWords = {
  name: 'Code from an administrator',
  noun: 'a code from an administrator',
  enrolTitle: 'A code from an administrator',
  addButton: 'A code from an administrator',
  addHint: 'For somebody who lost every method. An administrator makes it; it works once.',
  needs: ['An administrator who knows you.'],
  wayText: () => 'A code from an administrator',
  codeHint: () => 'Enter the code that an administrator gave you. It works once, and not for long.',
};
