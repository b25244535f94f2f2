/** What people read about codes from an authenticator app. */
import type { FactorWords } from './words.ts';

export const totp: FactorWords = {
  name: 'Authenticator app',
  noun: 'your authenticator app',
  enrolTitle: 'Set up your authenticator app',
  addButton: 'Set up authenticator app',
  addHint:
    'Codes from any authenticator app, Authy too. Works without a phone number. Nothing is sent to any outside service.',
  needs: [
    'A phone or computer with an authenticator app: the Authy app or any other.',
    'Nothing is sent to any outside service.',
  ],
  wayText: () => 'A code from your authenticator app',
  codeHint: (size) => `Open your authenticator app and enter the ${size}code that it shows.`,
};
