/**
 * What the stand-in for Authy answers to each call, as the service was recorded to: envelopes, error codes as text,
 * `success` as a word in a verification. Speaks no HTTP itself and delivers texts to a function that is passed in.
 */
import type { StandInPushes } from './stand-in-authy-push.ts';
import type { StandInUser, StandInUsers } from './stand-in-authy-users.ts';

export type StandInCall = 'create' | 'status' | 'remove' | 'verify' | 'sms' | 'call' | 'details' | 'push' | 'poll';

export interface StandInText {
  /** E.164. */
  readonly to: string;
  readonly body: string;
  readonly channel: 'sms' | 'call';
  /** Language that was asked for. */
  readonly locale?: string;
}

export interface StandInAnswer {
  readonly status: number;
  readonly body: unknown;
}

export interface Asked {
  readonly call: StandInCall;
  /** Parts of the path: an id, or a token and an id. */
  readonly parts: readonly string[];
  readonly query: URLSearchParams;
  readonly contentType: string;
  readonly body: string;
}

const ROUTES: readonly (readonly [call: StandInCall, method: string, path: RegExp])[] = [
  ['create', 'POST', /^\/protected\/json\/users\/new$/],
  ['status', 'GET', /^\/protected\/json\/users\/([^/]+)\/status$/],
  // Three spellings are in use by clients.
  ['remove', 'POST', /^\/protected\/json\/users\/([^/]+)\/(?:remove|delete)$/],
  ['remove', 'POST', /^\/protected\/json\/users\/delete\/([^/]+)$/],
  ['verify', 'GET', /^\/protected\/json\/verify\/([^/]+)\/([^/]+)$/],
  ['sms', 'GET', /^\/protected\/json\/sms\/([^/]+)$/],
  ['call', 'GET', /^\/protected\/json\/call\/([^/]+)$/],
  ['details', 'GET', /^\/protected\/json\/app\/details$/],
  ['push', 'POST', /^\/onetouch\/json\/users\/([^/]+)\/approval_requests$/],
  ['poll', 'GET', /^\/onetouch\/json\/approval_requests\/([^/]+)$/],
];

/** @param path canonical path of the request. */
export function routeOf(method: string, path: string): { call: StandInCall; parts: readonly string[] } | undefined {
  for (const [call, itsMethod, pattern] of ROUTES) {
    const found = itsMethod === method ? pattern.exec(path) : null;
    if (found !== null) return { call, parts: found.slice(1) };
  }
  return undefined;
}

export function failed(status: number, code: string, message: string, fields: Record<string, string> = {}) {
  const body = { message, success: false, ...fields, errors: { message, ...fields }, error_code: code };
  return { status, body };
}

const USER_NOT_FOUND = failed(404, '60026', 'User not found.');

export interface StandInParts {
  readonly users: StandInUsers;
  readonly pushes: StandInPushes;
  readonly appName: string;
  readonly deliver: (text: StandInText) => void;
}

export function answerTo(asked: Asked, { users, pushes, appName, deliver }: StandInParts): StandInAnswer {
  const [first = '', second = ''] = asked.parts;
  switch (asked.call) {
    case 'create':
      return create(asked, users, appName, deliver);
    case 'status': {
      const user = users.find(first);
      return user === undefined ? USER_NOT_FOUND : { status: 200, body: statusBody(user) };
    }
    case 'remove':
      if (!users.remove(first)) return USER_NOT_FOUND;
      return { status: 200, body: { message: 'User removed from application', success: true } };
    case 'verify':
      return verify(first, users.judged(second), asked.query.get('force') === 'true', users);
    case 'sms':
    case 'call':
      return send(asked.call, users.find(first), asked.query, users, appName, deliver);
    case 'details':
      return { status: 200, body: detailsBody(appName) };
    case 'push':
      return requestApproval(asked, users.find(first), pushes);
    case 'poll': {
      const record = pushes.record(first, appName);
      if (record !== undefined) return { status: 200, body: { approval_request: record, success: true } };
      const message = `Approval request not found: ${first}`;
      return { status: 404, body: { message, success: false, errors: {}, error_code: '60049' } };
    }
    default:
      return asked.call satisfies never;
  }
}

function create(asked: Asked, users: StandInUsers, appName: string, deliver: (text: StandInText) => void) {
  const form = readForm(asked);
  const cellphone = form.cellphone.replace(/[\s.()-]/g, '');
  const bad: Record<string, string> = {};
  if (!/^[^\s@]+@[^\s@]+$/.test(form.email)) bad['email'] = 'is invalid';
  if (!/^\d{4,14}$/.test(cellphone)) bad['cellphone'] = 'is invalid';
  if (!/^[1-9]\d{0,3}$/.test(form.countryCode)) bad['country_code'] = 'is not supported';
  if (Object.keys(bad).length > 0) return failed(400, '60027', 'User was not valid', bad);

  const user = users.create(form.email, form.countryCode, cellphone);
  if (form.installLink) deliver({ to: numberOf(user), body: `Get the app for ${appName}.`, channel: 'sms' });
  return { status: 200, body: { message: 'User created successfully.', user: { id: Number(user.id) }, success: true } };
}

function verify(token: string, user: StandInUser | undefined, force: boolean, users: StandInUsers): StandInAnswer {
  if (user === undefined) return USER_NOT_FOUND;
  const valid = { message: 'Token is valid.', token: 'is valid', success: 'true' };
  // The trap of the service: not enforced for a person who never used a token, unless it is told to.
  if (!force && !user.confirmed && !user.registered) return { status: 200, body: valid };
  switch (users.judge(user, token)) {
    case 'valid':
      return { status: 200, body: { ...valid, device: { id: null, os_type: 'sms', city: null, country: null } } };
    case 'used':
      return failed(401, '60019', 'Token is invalid. Token was used recently.');
    case 'invalid':
      return failed(401, '60020', 'Token is invalid', { token: 'is invalid' });
  }
}

function send(
  channel: 'sms' | 'call',
  user: StandInUser | undefined,
  query: URLSearchParams,
  users: StandInUsers,
  appName: string,
  deliver: (text: StandInText) => void,
): StandInAnswer {
  if (user === undefined) return USER_NOT_FOUND;
  const cellphone = maskedNumber(user);
  if (user.registered && query.get('force') !== 'true') {
    const start = channel === 'sms' ? 'Ignored: SMS is not needed for smartphones.' : 'Call ignored.';
    const message = `${start} Pass force=true if you want to actually send it anyway.`;
    return { status: 200, body: { message, cellphone, device: 'android', ignored: true, success: true } };
  }
  const locale = query.get('locale');
  deliver({
    to: numberOf(user),
    body: `${users.textToken(user.id)} is your ${appName} security code`,
    channel,
    ...(locale === null ? {} : { locale }),
  });
  const message = channel === 'sms' ? 'SMS token was sent' : 'Call started...';
  return { status: 200, body: { success: true, message, cellphone } };
}

function requestApproval(asked: Asked, user: StandInUser | undefined, pushes: StandInPushes): StandInAnswer {
  if (user === undefined) return USER_NOT_FOUND;
  if (!user.registered) return failed(400, '60050', 'User is not registered.');
  const push = pushes.create(user, new URLSearchParams(asked.body));
  if (push === undefined) return failed(400, '60080', 'Approval request is invalid.');
  return { status: 200, body: { approval_request: { uuid: push.uuid }, success: true } };
}

interface CreateForm {
  readonly email: string;
  readonly cellphone: string;
  readonly countryCode: string;
  readonly installLink: boolean;
}

/** Both shapes that clients send: nested JSON, or a form with bracket names. The link goes out unless it is refused. */
function readForm(asked: Asked): CreateForm {
  if (asked.contentType.startsWith('application/json')) {
    const whole = jsonObject(asked.body);
    const user = asObject(whole['user']);
    return {
      email: asText(user['email']),
      cellphone: asText(user['cellphone']),
      countryCode: asText(user['country_code'] ?? 1),
      installLink: asText(whole['send_install_link_via_sms'] ?? true) !== 'false',
    };
  }
  const form = new URLSearchParams(asked.body);
  return {
    email: form.get('user[email]') ?? '',
    cellphone: form.get('user[cellphone]') ?? '',
    countryCode: form.get('user[country_code]') ?? '1',
    installLink: form.get('send_install_link_via_sms') !== 'false',
  };
}

function jsonObject(text: string): Record<string, unknown> {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return {};
  }
}

function asObject(value: unknown): Record<string, unknown> {
  return value !== null && typeof value === 'object' ? { ...value } : {};
}

function asText(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

function statusBody(user: StandInUser) {
  const status = {
    authy_id: Number(user.id),
    confirmed: user.confirmed,
    registered: user.registered,
    country_code: Number(user.countryCode),
    phone_number: `XXX-XXX-${user.cellphone.slice(-4)}`,
    devices: user.registered ? ['android'] : [],
    has_hard_token: false,
    account_disabled: false,
  };
  return { status, message: 'User status.', success: true };
}

function detailsBody(name: string) {
  const app = {
    name,
    plan: 'sandbox',
    sms_enabled: true,
    phone_calls_enabled: true,
    app_id: 1,
    onetouch_enabled: true,
  };
  return { app, message: 'Application information.', success: true };
}

function numberOf(user: StandInUser): string {
  return `+${user.countryCode}${user.cellphone}`;
}

function maskedNumber(user: StandInUser): string {
  return `+${user.countryCode}-XXX-XXX-XX${user.cellphone.slice(-2)}`;
}
