/** The block `factors.sms`: codes by text through any SMS gateway that speaks HTTP. Everything that the request needs is here. */
import { z } from 'zod';
import { PLACES, placesIn, withoutPlaces } from '../../factors/sms/template.ts';
import type { Json } from '../../gate/types.ts';
import { duration } from '../durations.ts';
import { isLoopback } from '../loopback.ts';
import { error, type Remark, warning } from '../remark.ts';
import { secretRef } from '../secret.ts';
import { block } from './block.ts';

const rule = z.strictObject({
  status: z.array(z.int().min(200).max(599)).min(1).optional().describe('Statuses that count; any 2xx without it.'),
  json: z
    .record(z.string().regex(/^\//, 'a JSON pointer: /status'), z.union([z.string(), z.array(z.string()).min(1)]))
    .optional()
    .describe('JSON pointers into the answer, and what must stand there, as text; a list: any of these.'),
  text: z.string().min(1).optional().describe('How the body of the answer begins.'),
});

const text = z.string().max(4_096);

const keys = z.strictObject({
  url: text
    .refine((given) => {
      const bare = withoutPlaces(given);
      return /^https?:\/\/[^/?#{}@\s]+(?:[/?][^#\s]*)?$/.test(given) && URL.canParse(bare);
    }, 'an address without a user and without places in its host: https://sms.example.com/send')
    .describe('Address of the gateway. Places may stand in path and query.'),
  method: z.enum(['POST', 'GET', 'PUT']).default('POST').describe('Method of the request.'),
  headers: z
    .record(z.string().regex(/^[A-Za-z0-9-]+$/, 'a name of a header: Authorization'), text)
    .default({})
    .describe('Headers of the request.'),
  body: z
    .strictObject({
      form: z.record(z.string(), text).optional().describe('Fields of a form.'),
      json: z.unknown().optional().describe('A JSON value; places are filled in its texts.'),
      xml: text.optional().describe('A text of XML; what is filled in is escaped.'),
    })
    .optional()
    .describe('Body of the request, in one of three forms. What is filled in is encoded for it.'),
  secrets: z
    .record(z.string().regex(/^[A-Za-z][A-Za-z0-9_-]*$/, 'a name of letters and digits: token'), secretRef)
    .default({})
    .describe(
      'Further places, by name, for what must not stand in the open: { token: { env: SMS_TOKEN } } is {token}.',
    ),
  success: rule.describe('What an answer must be like for the text to count as sent. At least one rule.'),
  numberRefused: rule
    .optional()
    .describe('What an answer is like when the number is at fault; people are then told to use another one.'),
  provider: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .describe('Who delivers the texts, as people should read it; the host of the address without it.'),
  digits: z.int().min(6).max(8).default(6).describe('Digits of a code.'),
  life: duration('1m', '10m', '5m').describe('How long a code is good for.'),
  timeoutMs: z
    .int()
    .min(500)
    .max(60_000)
    .default(5_000)
    .describe('For one whole call to the gateway, in milliseconds.'),
  insecureHttp: z
    .boolean()
    .default(false)
    .describe('Allows an http address on another machine: codes, numbers and secrets cross the network in the clear.'),
});

type Parsed = z.output<typeof keys>;

/** What HTTP itself decides. */
const NOT_OURS = /^(?:host|content-length|transfer-encoding|connection|keep-alive|upgrade|te|trailer|expect)$/i;

export const sms = block({
  schema: keys.optional().describe('Codes by text through any SMS gateway that speaks HTTP.'),
  isOn: (parsed) => parsed !== undefined,
  secrets: (parsed) =>
    Object.fromEntries(Object.entries(parsed?.secrets ?? {}).map(([name, ref]) => [`secrets.${name}`, ref])),
  check(parsed, { secret }) {
    if (parsed === undefined) return [];
    const unsafe = Object.keys(parsed.secrets).filter(
      (name) => !/^[\x20-\x7e]{1,4096}$/.test(secret(`secrets.${name}`)?.reveal() ?? 'absent'),
    );
    return [
      ...checkAddress(parsed),
      ...checkPlaces(parsed),
      ...checkRules(parsed),
      ...unsafe.map((name) => error(['secrets', name], 'has characters that cannot be sent in a header')),
    ];
  },
  complete(parsed, { secret }) {
    if (parsed === undefined) return undefined;
    const { body, success, numberRefused, secrets, life, insecureHttp: _, provider, ...rest } = parsed;
    return {
      ...rest,
      lifeMs: life,
      provider: provider ?? new URL(withoutPlaces(parsed.url)).hostname,
      secrets: Object.fromEntries(
        Object.keys(secrets).flatMap((name) => {
          const found = secret(`secrets.${name}`);
          return found === undefined ? [] : [[name, found]];
        }),
      ),
      success: given(success),
      ...(numberRefused === undefined ? {} : { numberRefused: given(numberRefused) }),
      ...(body === undefined ? {} : { body: given({ ...body, json: body.json as Json | undefined }) }),
    };
  },
});

function checkAddress({ url, insecureHttp, method, body }: Parsed): readonly Remark[] {
  const remarks: Remark[] = [];
  const { protocol, hostname } = new URL(withoutPlaces(url));
  if (protocol === 'http:' && !isLoopback(hostname)) {
    const rule = 'codes, numbers and secrets cross the network in the clear';
    remarks.push(
      insecureHttp
        ? warning(['url'], rule)
        : error(['url'], `${rule}; use https, or set insecureHttp: true to send them all the same`),
    );
  }
  const kinds = Object.values(body ?? {}).filter((one) => one !== undefined);
  if (kinds.length > 1) remarks.push(error(['body'], 'has one of form, json and xml'));
  if (kinds.length > 0 && method === 'GET')
    remarks.push(error(['body'], 'does not go with GET; put it into the address'));
  return remarks;
}

function checkPlaces({ url, headers, body, secrets }: Parsed): readonly Remark[] {
  const remarks: Remark[] = [];
  const known = new Set<string>([...PLACES, ...Object.keys(secrets)]);
  const named = new Set<string>();
  const look = (at: readonly string[], template: string): void => {
    for (const name of placesIn(template)) {
      named.add(name);
      if (!known.has(name)) {
        remarks.push(error(at, `names {${name}}, which is neither ${PLACES.join(', ')} nor one of secrets`));
      }
    }
  };
  look(['url'], url);
  for (const [name, value] of Object.entries(headers)) {
    const at = ['headers', name];
    look(at, value);
    if (placesIn(value).includes('text')) remarks.push(error(at, 'cannot hold a text of several lines'));
    if (!/^[\x20-\x7e]*$/.test(value)) remarks.push(error(at, 'has characters that no header may have'));
    if (NOT_OURS.test(name)) remarks.push(error(at, 'is set by HTTP itself'));
  }
  for (const template of textsIn(body)) look(['body'], template);
  for (const name of Object.keys(secrets)) {
    if (PLACES.some((place) => place === name)) remarks.push(error(['secrets', name], 'is a place of its own already'));
  }
  if (!named.has('text')) remarks.push(error([], "sends no text: name '{text}' in body or url, in quotes"));
  if (!named.has('to') && !named.has('number')) {
    remarks.push(error([], "sends to nobody: name '{to}' or '{number}' in body or url, in quotes"));
  }
  return remarks;
}

function checkRules({ success, numberRefused }: Parsed): readonly Remark[] {
  const rules = { success, numberRefused };
  return Object.entries(rules).flatMap(([name, rule]) =>
    rule !== undefined && Object.values(rule).every((one) => one === undefined)
      ? [error([name], 'needs status, json or text: many gateways answer 200 to everything')]
      : [],
  );
}

/** Every text of a value, however deep. */
function textsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  return value !== null && typeof value === 'object' ? Object.values(value).flatMap(textsIn) : [];
}

/** Without the keys that are not there. */
function given<T extends object>(value: T): { [Key in keyof T]: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as never;
}
