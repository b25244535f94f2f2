/**
 * What people read about each kind of factor: one file per factor, the same sentences on every page. Plain text, which
 * templates escape. Says nothing about a person and decides nothing.
 */
import type { Way } from '../../ceremonies/ceremonies.ts';
import type { FactorId } from '../../gate/types.ts';
import { authy } from './authy.ts';
import { bypass } from './bypass.ts';
import { email } from './email.ts';
import { passkey } from './passkey.ts';
import { recovery } from './recovery.ts';
import { sms } from './sms.ts';
import { totp } from './totp.ts';
import { verify } from './verify.ts';

export interface FactorWords {
  /** In lists: "Authenticator app". */
  readonly name: string;
  /** In a sentence: "your authenticator app". */
  readonly noun: string;
  readonly enrolTitle: string;
  /** Label of the button that leads to the first page of an enrolment. */
  readonly addButton: string;
  /** One or two sentences beside that button. */
  readonly addHint: string;
  /** What a person must have, on the first page of an enrolment. */
  readonly needs: readonly string[];
  /** What is weak about it, on the same page. */
  readonly caution?: string;
  /** What the outside service does and when it learns something, after its name on the first page of an enrolment. */
  readonly role?: string;
  /** Names the way in "Try another way". */
  readonly wayText: (way: Pick<Way, 'channels' | 'ending'>) => string;
  /** Below the label of the code field. @param size empty, or "6-digit " */
  readonly codeHint: (size: string) => string;
  /** There is no code before one was sent: the prompt shows the buttons first. */
  readonly sentOnly?: true;
  /** Why it cannot be used, said where a browser cannot; only where it needs script. */
  readonly needsScript?: string;
  /** Above the buttons that send, before anything was sent; only where something can be. */
  readonly sendTitle?: string;
  /** What removing it does elsewhere. */
  readonly removeConsequence?: string;
}

export const WORDS: Readonly<Record<FactorId, FactorWords>> = {
  passkey,
  totp,
  authy,
  verify,
  sms,
  email,
  recovery,
  bypass,
};
