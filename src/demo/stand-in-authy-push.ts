/**
 * The approval requests of the stand-in for Authy: what an app would show, and what the person taps there. Answers calls as
 * the service was recorded to; knows no HTTP.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { StandInUser } from './stand-in-authy-users.ts';

export interface StandInPush {
  readonly uuid: string;
  /** Whose app shows it. */
  readonly authyId: string;
  readonly message: string;
  readonly details: Readonly<Record<string, string>>;
  readonly secondsToExpire: number;
}

/** What a person does in the app. */
export type Tap = 'approved' | 'denied';

interface Request {
  readonly push: StandInPush;
  readonly createdAt: number;
  tapped?: { readonly as: Tap; readonly at: number };
}

const LONGEST_MESSAGE = 144;
const LONGEST_KEY = 20;
/** What the service takes when nothing is said: a day. */
const DEFAULT_SECONDS = 86_400;
/** A demo may run for days. */
const KEPT = 1000;

export class StandInPushes {
  readonly #clock: Clock;
  readonly #requests = new Map<string, Request>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Oldest first. */
  get all(): readonly StandInPush[] {
    return [...this.#requests.values()].map(({ push }) => push);
  }

  /** @returns nothing when the service would not take it. */
  create(user: StandInUser, form: URLSearchParams): StandInPush | undefined {
    const message = form.get('message') ?? '';
    const seconds = form.get('seconds_to_expire') ?? String(DEFAULT_SECONDS);
    const details = detailsOf(form);
    const isShort = Object.keys(details).every((key) => key.length <= LONGEST_KEY);
    if (message === '' || message.length > LONGEST_MESSAGE || !isShort || !/^\d{1,9}$/.test(seconds)) return undefined;
    const push = { uuid: randomUUID(), authyId: user.id, message, details, secondsToExpire: Number(seconds) };
    this.#requests.set(push.uuid, { push, createdAt: this.#clock.now() });
    for (const uuid of this.#requests.keys()) if (this.#requests.size > KEPT) this.#requests.delete(uuid);
    return push;
  }

  /** @throws RangeError when there is nothing to answer any more */
  tap(uuid: string, as: Tap): void {
    const request = this.#requests.get(uuid);
    if (request === undefined || this.#statusOf(request) !== 'pending') {
      throw new RangeError(`no request ${uuid} is pending`);
    }
    request.tapped = { as, at: this.#clock.now() };
  }

  /** The record of a request as the service shows it; nothing for an unknown one. */
  record(uuid: string, appName: string): Readonly<Record<string, unknown>> | undefined {
    const request = this.#requests.get(uuid);
    if (request === undefined) return undefined;
    const { push, createdAt, tapped } = request;
    return {
      _app_name: appName,
      _app_serial_id: 1,
      _authy_id: Number(push.authyId),
      _id: '589d123',
      _user_email: '',
      app_id: '5854123',
      created_at: new Date(createdAt).toISOString(),
      notified: false,
      processed_at: tapped === undefined ? null : new Date(tapped.at).toISOString(),
      seconds_to_expire: push.secondsToExpire,
      status: this.#statusOf(request),
      updated_at: new Date(tapped?.at ?? createdAt).toISOString(),
      user_id: '5840123',
      uuid: push.uuid,
    };
  }

  #statusOf({ push, createdAt, tapped }: Request): Tap | 'pending' | 'expired' {
    if (tapped !== undefined) return tapped.as;
    const isOver = push.secondsToExpire > 0 && this.#clock.now() - createdAt >= push.secondsToExpire * 1000;
    return isOver ? 'expired' : 'pending';
  }
}

function detailsOf(form: URLSearchParams): Record<string, string> {
  const details: Record<string, string> = {};
  for (const [name, value] of form) {
    const key = /^details\[([^\]]+)\]$/.exec(name)?.[1];
    if (key !== undefined) details[key] = value;
  }
  return details;
}
