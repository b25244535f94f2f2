/**
 * Fills the places of a template, `{text}` and the like. What is filled in is encoded for where it stands and never looked at
 * again, so no value can end a field, begin another one or name a further place. Knows nothing of HTTP.
 */
import type { Json } from '../../gate/types.ts';

/**
 * What every template may name beside the operator's own secrets. `to`: the number, with its plus; `number`: the same, digits
 * only; `text`: the message; `id`: a new random one for each message.
 */
export const PLACES = ['to', 'number', 'text', 'id'] as const;

export type Values = Readonly<Record<string, string>>;

/** How one value is written where it goes. */
export type Encode = (value: string) => string;

const PLACE = /\{([A-Za-z][A-Za-z0-9_-]*)\}/g;

/** Names of the places in a text, in order. */
export function placesIn(template: string): readonly string[] {
  return [...template.matchAll(PLACE)].map(([, name = '']) => name);
}

/** Nothing where the places are. */
export function withoutPlaces(template: string): string {
  return template.replace(PLACE, '');
}

/** @throws RangeError for a place without a value: a message with a hole in it must not be sent. */
export function fill(template: string, values: Values, encode: Encode): string {
  return template.replace(PLACE, (_place, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined) throw new RangeError(`the template names ${name}, which has no value`);
    return encode(value);
  });
}

/** The texts of a JSON value; names and everything else stay as they are. @throws RangeError */
export function fillJson(template: Json, values: Values): Json {
  if (typeof template === 'string') return fill(template, values, asItIs);
  if (template === null || typeof template !== 'object') return template;
  if (Array.isArray(template)) return template.map((item: Json) => fillJson(item, values));
  return Object.fromEntries(Object.entries(template).map(([key, value]) => [key, fillJson(value, values)]));
}

/** For a part of an address. Stricter than a browser: quotes and brackets are written in hex as well. */
export function inAddress(value: string): string {
  return encodeURIComponent(value).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** For the text of an element and for the value of an attribute. */
export function inXml(value: string): string {
  return value.replace(/[&<>"'\n\r\t]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

/** Where the place is a whole text by itself: a field of a form, a text of JSON, both of which are encoded as a whole. */
export function asItIs(value: string): string {
  return value;
}
