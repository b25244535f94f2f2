/** The block `factors.recovery`: recovery codes. */
import { laterBlock } from './later.ts';

export const recovery = laterBlock('recovery');
