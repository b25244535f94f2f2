/** The block `factors.passkey`: passkeys and security keys. */
import { laterBlock } from './later.ts';

export const passkey = laterBlock('passkey');
