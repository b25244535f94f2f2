/**
 * Twilio Verify on a real HTTP server, as far as the gateway uses it: one verification for each address, whose code stays the
 * same until it is approved, withdrawn or old; five messages and five checks for each; 2xx for a wrong code. Delivers to a
 * list. Never part of a gateway in service.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { type Clock, systemClock } from '../clock.ts';
import { keep, type RecordedRequest, type StandInAnswer, type StandInServer, startStandIn } from './stand-in-server.ts';

export type StandInVerifyCall = 'start' | 'check' | 'update';
export type VerifyRequest = RecordedRequest<StandInVerifyCall>;

export interface VerifyMessage {
  readonly to: string;
  readonly channel: string;
  readonly code: string;
  readonly verification: string;
}

export interface StandInVerifyOptions {
  readonly accountSid: string;
  readonly authToken: string;
  readonly serviceSid: string;
  readonly clock?: Clock;
  readonly onMessage?: (message: VerifyMessage) => void;
  /** Says what is wrong with a request, by a stricter reader than this; such a request is refused and remembered. */
  readonly problemWith?: (request: VerifyRequest) => string | undefined;
}

export interface StandInVerify extends StandInServer<StandInVerifyCall> {
  /** Every message, oldest first. */
  readonly messages: readonly VerifyMessage[];
  /** Numbers that take no texts. */
  readonly landlines: Set<string>;
  /** What `problemWith` said. */
  readonly refused: readonly string[];
}

interface Pending {
  readonly sid: string;
  readonly to: string;
  readonly code: string;
  readonly startedAt: number;
  readonly sent: { readonly time: string; readonly channel: string; readonly attempt_sid: string }[];
  checks: number;
}

const LIFE_MS = 10 * 60_000;
const MOST_SENT = 5;
const MOST_CHECKS = 5;
const SERVICE = /^\/v2\/Services\/([^/]+)\/(?:(Verifications)(?:\/([^/]+))?|(VerificationCheck))$/;

export async function startStandInVerify(options: StandInVerifyOptions): Promise<StandInVerify> {
  const clock = options.clock ?? systemClock;
  const messages: VerifyMessage[] = [];
  const refused: string[] = [];
  const landlines = new Set<string>();
  const verifications = new Map<string, Pending>();

  /** @param which the id of one, or the address that one is for */
  function find(which: string): Pending | undefined {
    const found = [...verifications.values()].find(({ sid, to }) => sid === which || to === which);
    if (found === undefined || clock.now() - found.startedAt < LIFE_MS) return found;
    verifications.delete(found.to);
    return undefined;
  }

  function start(form: URLSearchParams): StandInAnswer {
    const [to, channel] = [form.get('To') ?? '', form.get('Channel') ?? ''];
    const isAddress = channel === 'email' ? to.includes('@') : /^\+[1-9]\d{6,14}$/.test(to);
    if (!isAddress || !['sms', 'call', 'whatsapp', 'email'].includes(channel)) return problem(400, 60200);
    if (channel === 'sms' && landlines.has(to)) return problem(403, 60205);
    const pending = find(to) ?? begin(to);
    if (pending.checks >= MOST_CHECKS) return problem(429, 60202);
    if (pending.sent.length >= MOST_SENT) return problem(429, 60203);
    verifications.set(to, pending);
    pending.sent.push({ time: new Date(clock.now()).toISOString(), channel, attempt_sid: sidOf('VL') });
    const message = { to, channel, code: pending.code, verification: pending.sid };
    keep(messages, message);
    options.onMessage?.(message);
    return { status: 201, body: bodyOf(pending, 'pending') };
  }

  function begin(to: string): Pending {
    const code = String(randomInt(1_000_000)).padStart(6, '0');
    return { sid: sidOf('VE'), to, code, startedAt: clock.now(), sent: [], checks: 0 };
  }

  function check(form: URLSearchParams): StandInAnswer {
    const which = form.get('VerificationSid') ?? form.get('To');
    if (which === null) return problem(400, 60221);
    if (!/^[0-9A-Za-z]{4,10}$/.test(form.get('Code') ?? '')) return problem(400, 60200);
    const pending = find(which);
    if (pending === undefined) return problem(404, 20404);
    if (pending.checks >= MOST_CHECKS) return problem(429, 60202);
    pending.checks += 1;
    if (form.get('Code') !== pending.code) return { status: 200, body: bodyOf(pending, 'pending') };
    verifications.delete(pending.to);
    return { status: 200, body: bodyOf(pending, 'approved') };
  }

  function update(form: URLSearchParams, which: string): StandInAnswer {
    const status = form.get('Status');
    const pending = find(which);
    // Once its checks are used up there is nothing to be had for ten minutes, and no way to end it sooner.
    if (pending === undefined || pending.checks >= MOST_CHECKS) return problem(404, 20404);
    if (status !== 'canceled' && status !== 'approved') return problem(400, 60200);
    verifications.delete(pending.to);
    return { status: 200, body: bodyOf(pending, status) };
  }

  function bodyOf({ sid, to, sent }: Pending, status: string) {
    const { accountSid, serviceSid } = options;
    const channel = sent.at(-1)?.channel ?? null;
    const about = { sid, service_sid: serviceSid, account_sid: accountSid, to, channel, status };
    return { ...about, valid: status === 'approved', send_code_attempts: sent };
  }

  const expected = `Basic ${Buffer.from(`${options.accountSid}:${options.authToken}`).toString('base64')}`;
  const server = await startStandIn<StandInVerifyCall>({
    clock,
    callOf(method, path) {
      const [, , list, which, checks] = SERVICE.exec(path) ?? [];
      if (method !== 'POST') return undefined;
      if (checks !== undefined) return 'check';
      return list === undefined ? undefined : which === undefined ? 'start' : 'update';
    },
    answer(request) {
      const { call, url, headers, body } = request;
      if (headers.authorization !== expected) return problem(401, 20003);
      const wrong = options.problemWith?.(request);
      if (wrong !== undefined) {
        keep(refused, wrong);
        return problem(400, 20001);
      }
      const [, service, , which = ''] = SERVICE.exec(url) ?? [];
      if (call === undefined || service !== options.serviceSid) return problem(404, 20404);
      const form = new URLSearchParams(body);
      if (call === 'start') return start(form);
      return call === 'check' ? check(form) : update(form, decodeURIComponent(which));
    },
  });
  return { ...server, messages, landlines, refused };
}

function sidOf(kind: string): string {
  return kind + randomBytes(16).toString('hex');
}

function problem(status: number, code: number): StandInAnswer {
  const body = { code, message: `Problem ${code}`, more_info: `https://www.twilio.com/docs/errors/${code}`, status };
  return { status, body };
}
