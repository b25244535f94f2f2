/** What people read about passkeys and security keys. */
import type { FactorWords } from './words.ts';

export const passkey: FactorWords = {
  name: 'Passkey',
  noun: 'your passkey',
  enrolTitle: 'Set up a passkey or security key',
  addButton: 'Set up a passkey',
  addHint:
    'Your fingerprint, face, PIN or a security key. It cannot be given away to a false page. You can have several.',
  needs: [
    'A device with a screen lock, a password manager that keeps passkeys, or a security key.',
    'Nothing is sent to any outside service.',
  ],
  wayText: () => 'Your passkey or security key',
  codeHint: () => 'Your browser leads you through it.',
  needsScript: 'Passkeys and security keys cannot be used here: they need JavaScript and a browser that knows them.',
};
