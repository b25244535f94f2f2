/**
 * A working double of the Authy API on a real HTTP server, so that the demo and the tests need no account and nothing
 * leaves the machine. It can be told to fail in the ways in which services fail. Never part of a gateway in service.
 */
import { type Clock, systemClock } from '../clock.ts';
import { answerTo, failed, routeOf, type StandInCall, type StandInText } from './stand-in-authy-calls.ts';
import { type StandInPush, StandInPushes, type Tap } from './stand-in-authy-push.ts';
import { StandInUsers } from './stand-in-authy-users.ts';
import { keep, type StandInServer, startStandIn } from './stand-in-server.ts';

export type { StandInCall, StandInText } from './stand-in-authy-calls.ts';
export type { StandInPush } from './stand-in-authy-push.ts';
export type { Failure } from './stand-in-server.ts';

export interface StandInAuthyOptions {
  /** The one key that it takes. */
  readonly apiKey: string;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free one. */
  readonly port?: number;
  /** Name of the application in texts and details; default "Lucy". */
  readonly appName?: string;
  readonly clock?: Clock;
  /** Called with every text and call that "goes out". */
  readonly onText?: (text: StandInText) => void;
}

export interface StandInAuthy extends StandInServer<StandInCall> {
  /** Every text and call, oldest first. */
  readonly texts: readonly StandInText[];
  /** The user has the app from now on. @throws RangeError for an unknown id */
  register(id: string): void;
  /** The token that the app of a registered user shows now. @throws RangeError */
  appToken(id: string): string;
  /** Every request that an app showed, oldest first. */
  readonly pushes: readonly StandInPush[];
  /** Answers a request in the app. @throws RangeError when it is not pending */
  tap(uuid: string, as: Tap): void;
}

export async function startStandInAuthy(options: StandInAuthyOptions): Promise<StandInAuthy> {
  const clock = options.clock ?? systemClock;
  const users = new StandInUsers(clock);
  const pushes = new StandInPushes(clock);
  const texts: StandInText[] = [];

  function deliver(text: StandInText): void {
    keep(texts, text);
    options.onText?.(text);
  }

  const server = await startStandIn<StandInCall>({
    host: options.host,
    port: options.port,
    clock,
    callOf: (method, path) => routeOf(method, path)?.call,
    answer({ method, url, headers, body }) {
      const { pathname, searchParams } = new URL(url, 'http://stand-in.invalid');
      const route = routeOf(method, pathname);
      // As recorded: plain text, and the status of a wrong key.
      if (route === undefined) return { status: 401, body: 'Requested URL was not found.' };
      if (headers['x-authy-api-key'] !== options.apiKey) return failed(401, '60001', 'Invalid API key');
      const contentType = headers['content-type'] ?? '';
      return answerTo(
        { ...route, query: searchParams, contentType, body },
        { users, pushes, appName: options.appName ?? 'Lucy', deliver },
      );
    },
  });

  return {
    ...server,
    texts,
    register(id) {
      const user = users.find(id);
      if (user === undefined) throw new RangeError(`the stand-in has no user ${id}`);
      user.registered = true;
    },
    appToken(id) {
      if (users.find(id)?.registered !== true) throw new RangeError(`user ${id} does not have the app`);
      return users.appToken(id);
    },
    get pushes() {
      return pushes.all;
    },
    tap: (uuid, as) => pushes.tap(uuid, as),
  };
}
