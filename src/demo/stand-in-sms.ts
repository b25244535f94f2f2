/**
 * An SMS gateway of the usual kind on a real HTTP server: a token in a header, or in the address as older ones have it, and
 * 200 for everything that it understood. Delivers to a list. Never part of a gateway in service.
 */
import { type Clock, systemClock } from '../clock.ts';
import { keep, type StandInAnswer, type StandInServer, startStandIn } from './stand-in-server.ts';

export type StandInSmsCall = 'message' | 'old';

export interface SmsText {
  readonly to: string;
  readonly body: string;
}

export interface StandInSmsOptions {
  /** The one token that it takes. */
  readonly token: string;
  readonly clock?: Clock;
  readonly onText?: (text: SmsText) => void;
}

export interface StandInSms extends StandInServer<StandInSmsCall> {
  /** Every text, oldest first. */
  readonly texts: readonly SmsText[];
  /** Numbers that it cannot deliver to. */
  readonly unreachable: Set<string>;
}

/** `POST /messages` takes `{ to, text }` as JSON or as a form; `GET /send?to=&text=&token=` is how it was done before. */
export async function startStandInSms(options: StandInSmsOptions): Promise<StandInSms> {
  const texts: SmsText[] = [];
  const unreachable = new Set<string>();

  function deliver(to: string, body: string): StandInAnswer {
    if (!/^\+\d{7,15}$/.test(to) || unreachable.has(to)) {
      return { status: 200, body: { status: 'rejected', error: { code: 21 } } };
    }
    const text = { to, body };
    keep(texts, text);
    options.onText?.(text);
    return { status: 200, body: { status: 'queued', id: `m${texts.length}` } };
  }

  const server = await startStandIn<StandInSmsCall>({
    clock: options.clock ?? systemClock,
    callOf: (method, path) =>
      method === 'POST' && path === '/messages' ? 'message' : method === 'GET' && path === '/send' ? 'old' : undefined,
    answer({ call, url, headers, body }) {
      const query = new URL(url, 'http://stand-in.invalid').searchParams;
      if (call === undefined) return { status: 404, body: 'no such page' };
      const token = call === 'old' ? query.get('token') : headers.authorization?.replace('Bearer ', '');
      if (token !== options.token) return { status: 401, body: { status: 'refused' } };
      if (call === 'old') return deliver(query.get('to') ?? '', query.get('text') ?? '');
      const isForm = headers['content-type'] === 'application/x-www-form-urlencoded';
      const fields: Record<string, unknown> = isForm ? Object.fromEntries(new URLSearchParams(body)) : JSON.parse(body);
      return deliver(String(fields['to']), String(fields['text']));
    },
  });
  return { ...server, texts, unreachable };
}
