/**
 * The calls that Authy makes when somebody answered a request, as they were recorded: JSON or a query, signed with the key of the
 * application. It signs by a way of its own (a list of lines, encoded as forms are), so that it can disagree with the gateway.
 */
import { createHmac } from 'node:crypto';
import type { StandInPush } from '../../src/demo/stand-in-authy.ts';
import type { Header } from './raw-http.ts';

export interface CallFacts {
  readonly key: string;
  /** The address as it stands in the console of the service. */
  readonly url: string;
  /** In ms; the nonce is made of it. */
  readonly at: number;
  readonly status?: string;
  readonly method?: 'GET' | 'POST';
  /** In whose name, where it is not the one who got the request. */
  readonly authyId?: string;
  readonly uuid?: string;
}

export interface SignedCall {
  readonly method: 'GET' | 'POST';
  /** Path and query. */
  readonly target: string;
  readonly headers: readonly Header[];
  /** Text is sent as UTF-8. */
  readonly body: string | Buffer;
}

export function callAbout(push: StandInPush, facts: CallFacts): SignedCall {
  const { status = 'denied', method = 'POST' } = facts;
  const uuid = facts.uuid ?? push.uuid;
  const said = {
    device_uuid: 2102943,
    callback_action: 'approval_request_status',
    uuid,
    status,
    approval_request: {
      transaction: {
        details: push.details,
        hidden_details: null,
        message: push.message,
        status,
        uuid,
        device_details: {},
      },
      expiration_timestamp: Math.floor(facts.at / 1000) + push.secondsToExpire,
      logos: [
        { res: 'default', url: 'https://lucy.test/logo 1.png' },
        { res: 'low', url: 'https://lucy.test/logo-2.png' },
      ],
      app_id: '5854123',
    },
    signature: 'not-the-one-in-the-header',
    authy_id: Number(facts.authyId ?? push.authyId),
    device: { city: 'Zürich', ip: null, registered: true, unlock_methods: ['pin', 'biometrics'] },
  };
  if (method === 'POST') return { ...sign(facts, 'POST', linesOf(said)), body: JSON.stringify(said) };
  const { approval_request: _, device: __, ...flat } = said;
  const call = sign(facts, 'GET', linesOf(flat));
  return { ...call, target: `${call.target}?${paramsOf(linesOf(flat).reverse())}`, body: '' };
}

type Line = readonly [path: readonly (string | number)[], value: string];

function linesOf(value: unknown, path: readonly (string | number)[] = []): Line[] {
  if (Array.isArray(value)) return value.flatMap((inner, index) => linesOf(inner, [...path, index]));
  if (value !== null && typeof value === 'object') {
    return Object.entries(value).flatMap(([key, inner]) => linesOf(inner, [...path, key]));
  }
  return [[path, value === null ? '' : String(value)]];
}

function nameOf([first, ...rest]: Line[0], hasIndexes: boolean): string {
  return `${first}${rest.map((part) => `[${typeof part === 'number' && !hasIndexes ? '' : part}]`).join('')}`;
}

function paramsOf(lines: readonly Line[]): string {
  const form = new URLSearchParams();
  for (const [path, value] of lines) form.append(nameOf(path, false), value);
  return form.toString().replaceAll('*', '%2A');
}

function sign({ key, url, at }: CallFacts, method: 'GET' | 'POST', lines: Line[]): Omit<SignedCall, 'body'> {
  const sorted = lines.toSorted(([one], [other]) => (nameOf(one, true) < nameOf(other, true) ? -1 : 1));
  const nonce = String(Math.floor(at / 1000));
  const hash = createHmac('sha256', key);
  for (const part of [nonce, '|', method, '|', url, '|', paramsOf(sorted)]) hash.update(part);
  const headers: Header[] = [
    ['X-Authy-Signature', hash.digest('base64')],
    ['X-Authy-Signature-Nonce', nonce],
    ...(method === 'POST' ? ([['Content-Type', 'application/json']] as const) : []),
  ];
  return { method, target: new URL(url).pathname, headers };
}
