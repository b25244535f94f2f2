/**
 * A verified session at an address that demands a fresher proof: people go to the prompt and come back, programs are told where
 * it is. Nothing here decides, and nothing of the request reaches the application.
 */
import { isSafe } from './gate/decide.ts';
import { returnPath } from './gate/redirect.ts';
import type { ReturnPath } from './gate/types.ts';
import type { Replies } from './replies.ts';
import { redirect } from './request/answers.ts';
import { stepUpPath, type Way } from './way.ts';

export interface StepUpParts {
  readonly replies: Replies;
}

export class StepUps {
  readonly #parts: StepUpParts;

  constructor(parts: StepUpParts) {
    this.#parts = parts;
  }

  /** A person on the way to a page. */
  ask(way: Way): void {
    const { req, res, scope, settings } = way;
    if (!isSafe(req.method ?? '')) return this.#sendBack(way, true);
    const { home } = settings.profile;
    redirect(res, stepUpPath(settings, returnPath(scope.target.target, settings.publicUrl.origin) ?? home));
  }

  /** A program, which is told where its person can give the proof. */
  refuse(way: Way): void {
    this.#sendBack(way, false);
  }

  /** What was sent is not passed on; after the proof the person is on the page that it came from. */
  #sendBack(way: Way, asPage: boolean): void {
    const { req, res, settings } = way;
    const challenge = stepUpPath(settings, pageBehind(way) ?? settings.profile.home);
    this.#parts.replies.refuse(req, res, 'proof-needed', asPage, { challenge });
  }
}

/** The page of our own origin that a request came from, as far as it says so. */
function pageBehind({ req, settings }: Way): ReturnPath | undefined {
  const { referer } = req.headers;
  return referer === undefined ? undefined : returnPath(referer, settings.publicUrl.origin);
}
