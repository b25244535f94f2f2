/** What people read about passkeys and security keys. */
import type { FactorWords } from './words.ts';

export const passkey: FactorWords = {
  name: 'Passkey',
  noun: 'this passkey',
  enrolTitle: 'Set up a passkey or security key',
  addButton: 'Set up a passkey',
  addHint: 'Your fingerprint, face, PIN or a security key. It cannot be given away to a false page.',
  needs: ['A device with a screen lock, or a security key.', 'Nothing is sent to any outside service.'],
  wayText: () => 'Your passkey or security key',
  codeHint: () => 'Use your passkey or security key.',
};
