/** The block `factors.verify`: Twilio Verify: texts, calls, WhatsApp and e-mail. */
import { laterBlock } from './later.ts';

export const verify = laterBlock('verify');
