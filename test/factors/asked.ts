/** What a factor is asked about, for tests that ask it without a ceremony. */
import type { Asked } from '../../src/factors/factor.ts';
import type { Enrolment, Identity } from '../../src/gate/types.ts';

export function askedAbout(enrolment: Enrolment, facts: Partial<Asked> = {}): Asked {
  const person = { identity: 'anna@example.com' as Identity };
  return { enrolment, others: [], person, purpose: 'login', question: 'login-1', now: 0, ...facts };
}
