/** What the code field needs on both of its pages: the prompt, and the last step of an enrolment. */
import { type AnswerKind, CHANNELS, type Channel } from '../factors/factor.ts';
import type { FactorId, Json } from '../gate/types.ts';
import type { OwnContext } from './context.ts';
import type { Form } from './form.ts';
import { type Dispatch, lastDispatch, type Notice } from './page-memory.ts';
import type { Screen } from './screen.ts';
import { codeHint, dispatchText, sendText, TITLES } from './texts.ts';
import { durationText, secondsUntil, timeOf } from './times.ts';
import type { CodeFormView, DispatchView, ErrorView } from './views.ts';
import { WORDS } from './words/words.ts';

interface Coded {
  readonly factor: FactorId;
  readonly answer: AnswerKind;
  readonly digits: { readonly min: number; readonly max: number };
  readonly channels: readonly Channel[];
  readonly shown?: Json;
}

/** @param target what a code is sent for: the id of a way, or `draft`. */
export function codeForm(
  ctx: OwnContext,
  screen: Screen,
  coded: Coded,
  target: string,
  notice: Notice | undefined,
  error: ErrorView | undefined,
): CodeFormView {
  const last = lastDispatch(ctx, target);
  const { needsScript = '', sentOnly, sendTitle = '' } = WORDS[coded.factor];
  return {
    answer: coded.answer,
    needsScript,
    question: coded.shown === undefined ? '' : JSON.stringify(coded.shown),
    hint: codeHint(coded.factor, coded.digits),
    error: error ?? screen.noticeError(notice, coded.factor),
    dispatch: last === undefined ? false : dispatchView(screen, last),
    sendsFirst: sentOnly === true && last === undefined,
    sendTitle,
    // A request in an app has a page of its own.
    sends: coded.channels
      .filter((channel) => channel !== 'push')
      .map((channel) => ({
        channel,
        text: sendText(channel, last),
        insist: last?.toApp === true && last.channel === channel,
      })),
  };
}

function dispatchView(screen: Screen, last: Dispatch): DispatchView {
  const { now } = screen;
  const seconds = last.nextAt === undefined ? 0 : secondsUntil(last.nextAt, now);
  return {
    heading: last.channel === 'email' ? TITLES.checkMail : TITLES.checkPhone,
    text: dispatchText(last),
    seconds,
    secondsText: durationText(seconds),
    nextAt: last.nextAt === undefined || seconds === 0 ? false : timeOf(last.nextAt, now),
    bySms: last.channel === 'sms' && !last.toApp,
  };
}

/** What a person typed, or what a key answered: a form has one of the two. */
export function answerOf(form: Form): string {
  return form.get('code') ?? form.get('response') ?? '';
}

/** `undefined` for anything that is not a channel. */
export function channelOf(form: Form): Channel | undefined {
  return CHANNELS.find((channel) => channel === form.get('channel'));
}

export function insistOf(form: Form): boolean {
  return form.get('insist') === '1';
}
