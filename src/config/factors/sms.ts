/** The block `factors.sms`: codes by text through any SMS gateway. */
import { laterBlock } from './later.ts';

export const sms = laterBlock('sms');
