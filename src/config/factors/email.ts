/** The block `factors.email`: codes by e-mail. */
import { laterBlock } from './later.ts';

export const email = laterBlock('email');
