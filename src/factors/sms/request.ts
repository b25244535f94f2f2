/** From what an operator wrote to the one request that sends a text. Every value is encoded for the place it goes to. */
import type { Json } from '../../gate/types.ts';
import type { HttpCall } from '../exchange.ts';
import { asItIs, fill, fillJson, inAddress, inXml, type Values, withoutPlaces } from './template.ts';

/** At most one of them. */
export interface BodyTemplate {
  readonly form?: Readonly<Record<string, string>>;
  readonly json?: Json;
  readonly xml?: string;
}

export interface RequestTemplate {
  /** Places may stand in path and query. */
  readonly url: string;
  readonly method: 'POST' | 'GET' | 'PUT';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: BodyTemplate;
}

/** Whom the request goes to, whatever is filled in. */
export function originOf({ url }: Pick<RequestTemplate, 'url'>): string {
  return new URL(withoutPlaces(url)).origin;
}

/** @throws RangeError for a place without a value, and for a value that would leave its header or its host. */
export function requestFor(template: RequestTemplate, values: Values): HttpCall {
  const address = new URL(fill(template.url, values, inAddress));
  if (address.origin !== originOf(template)) throw new RangeError('a value must not change the host');
  const body = bodyFor(template.body, values);
  const headers: Record<string, string> = { accept: '*/*', ...body?.headers };
  for (const [name, value] of Object.entries(template.headers)) {
    const filled = fill(value, values, asItIs);
    if (!/^[\x20-\x7e]*$/.test(filled)) throw new RangeError(`the header ${name} cannot have this value`);
    headers[name.toLowerCase()] = filled;
  }
  return {
    method: template.method,
    path: `${address.pathname}${address.search}`,
    headers,
    ...(body === undefined ? {} : { body: body.text }),
  };
}

interface Body {
  readonly headers: { readonly 'content-type': string };
  readonly text: string;
}

function bodyFor(template: BodyTemplate | undefined, values: Values): Body | undefined {
  if (template?.form !== undefined) {
    const fields = Object.entries(template.form).map(
      ([name, value]) => [name, fill(value, values, asItIs)] as [string, string],
    );
    return body('application/x-www-form-urlencoded', new URLSearchParams(fields).toString());
  }
  if (template?.json !== undefined) return body('application/json', JSON.stringify(fillJson(template.json, values)));
  if (template?.xml !== undefined) return body('text/xml; charset=utf-8', fill(template.xml, values, inXml));
  return undefined;
}

function body(type: string, text: string): Body {
  return { headers: { 'content-type': type }, text };
}
