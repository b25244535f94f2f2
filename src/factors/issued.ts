/**
 * Codes that the gateway makes and sends by itself (e-mail, texts). Nothing that was sent is kept: only a keyed hash of it,
 * bound to the question, the enrolment and the purpose that it is good for (I4). One right answer uses it up: the caller's to do.
 */
import { randomInt, timingSafeEqual } from 'node:crypto';
import type { Json } from '../gate/types.ts';
import type { Asked } from './factor.ts';

export interface IssueNeeds {
  readonly mac: (label: string, text: string) => Buffer;
  /** A number from 0 to below `limit`, that nobody can guess; for tests. */
  readonly random?: (limit: number) => number;
}

export type Judgement = 'right' | 'wrong' | 'superseded' | 'expired';

/** Earlier codes that are remembered, to tell somebody who enters one of them. */
const MOST_EARLIER = 4;

/** A new code, and the state by which answers to it are judged; older codes of the same question are void with it. */
export function issue(
  needs: IssueNeeds,
  asked: Asked,
  digits: number,
): { readonly code: string; readonly state: Json } {
  const code = String((needs.random ?? randomInt)(10 ** digits)).padStart(digits, '0');
  const earlier = macsOf(asked.state).slice(0, MOST_EARLIER);
  return { code, state: [macOf(needs, asked, code), ...earlier] };
}

/** Every remembered code is compared, whether or not one matched, so the time taken says nothing. */
export function judge(needs: Pick<IssueNeeds, 'mac'>, asked: Asked, code: string): Judgement {
  const [current, ...earlier] = macsOf(asked.state);
  if (current === undefined) return 'expired';
  const given = macOf(needs, asked, code);
  const isRight = isSame(current, given);
  const isEarlier = earlier.map((mac) => isSame(mac, given)).includes(true);
  if (isRight) return 'right';
  return isEarlier ? 'superseded' : 'wrong';
}

function macOf(needs: Pick<IssueNeeds, 'mac'>, { enrolment, purpose, question }: Asked, code: string): string {
  return needs.mac('issued-code', JSON.stringify([code, question, enrolment.id, purpose])).toString('base64url');
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** State that is not ours is no state: nothing is open then (I6). */
function macsOf(state: Json | undefined): readonly string[] {
  return Array.isArray(state) ? state.filter((mac): mac is string => typeof mac === 'string') : [];
}
