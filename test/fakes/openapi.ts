/**
 * Whether a request is one that an OpenAPI 3 document allows: path, content type, fields and their shapes. Knows only what the
 * documents in test/fixtures use: forms, parameters of the path, basic authentication.
 */
import { readFileSync } from 'node:fs';
import type { RecordedRequest } from '../../src/demo/stand-in-server.ts';

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly enum?: readonly string[];
  readonly deprecated?: boolean;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

interface Operation {
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[];
  readonly requestBody: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

export type Asked = Pick<RecordedRequest<string>, 'method' | 'url' | 'headers' | 'body'>;

/** @param name of a file in test/fixtures @returns what is wrong with a request, or `undefined` */
export function checkerOf(name: string): (request: Asked) => string | undefined {
  const text = readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8');
  const document = JSON.parse(text) as Document;
  return (request) => problemsIn(document, request)[0];
}

function problemsIn(document: Document, { method, url, headers, body }: Asked): readonly string[] {
  if (url.includes('?')) return [`${url}: no query is allowed`];
  const [operation, values] = operationFor(document, method, url) ?? [];
  if (operation === undefined || values === undefined) return [`${method} ${url}: there is no such operation`];
  if (!/^Basic [A-Za-z0-9+/]+=*$/.test(headers.authorization ?? '')) return ['needs basic authentication'];
  const type = headers['content-type'] ?? '';
  const schema = operation.requestBody.content[type]?.schema;
  if (schema === undefined) return [`the content type must not be ${type}`];
  const form = [...new URLSearchParams(body)];
  const names = form.map(([name]) => name);
  return [
    ...operation.parameters.flatMap((one) => shapeOf(document, one.name, one.schema, values.get(one.name) ?? '')),
    ...(schema.required ?? []).filter((name) => !names.includes(name)).map((name) => `${name} is missing`),
    ...names.filter((name, at) => names.indexOf(name) !== at).map((name) => `${name} is there twice`),
    ...form.flatMap(([name, value]) => {
      const field = schema.properties?.[name];
      return field === undefined ? [`there is no field ${name}`] : shapeOf(document, name, field, value);
    }),
  ];
}

function operationFor(
  { paths }: Document,
  method: string,
  url: string,
): readonly [Operation, ReadonlyMap<string, string>] | undefined {
  for (const [template, operations] of Object.entries(paths)) {
    const names = [...template.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
    const match = new RegExp(`^${template.replace(/\{\w+\}/g, '([^/]+)')}$`).exec(url);
    const operation = operations[method.toLowerCase()];
    if (match === null || operation === undefined) continue;
    return [operation, new Map(names.map((name, at) => [name, decodeURIComponent(match[at + 1] ?? '')]))];
  }
  return undefined;
}

function shapeOf(document: Document, name: string, given: Schema, value: string): readonly string[] {
  const schema =
    given.$ref === undefined ? given : (document.components.schemas[given.$ref.split('/').at(-1) ?? ''] ?? {});
  const { pattern, minLength = 0, maxLength = Number.POSITIVE_INFINITY, enum: words, deprecated = false } = schema;
  const isFine =
    !deprecated &&
    value.length >= minLength &&
    value.length <= maxLength &&
    (pattern === undefined || new RegExp(pattern).test(value)) &&
    (words === undefined || words.includes(value)) &&
    (schema.type !== 'boolean' || ['true', 'false'].includes(value));
  return isFine ? [] : [`${name} must not be ${JSON.stringify(value)}`];
}
