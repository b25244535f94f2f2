/** The schemas as JSON Schema: for editors, for "did you mean", and for the reference pages. Nothing is checked with it. */
import { z } from 'zod';
import { profileSchema } from './schema.ts';

export interface JsonSchema {
  readonly $schema?: string;
  readonly title?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly additionalProperties?: boolean | JsonSchema;
}

/** What an operator may write (before defaults are filled in). */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline' }) as JsonSchema;
}

/** For a file in config/profiles. */
export function profileJsonSchema(): JsonSchema {
  return { title: 'Profile of an application', ...jsonSchemaOf(profileSchema) };
}

/** The profile's keys as overrides: nothing is required, and null takes a key away. Items of lists stay whole. */
export function overrideSchemas(): Readonly<Record<string, JsonSchema>> {
  const { name: _name, ...properties } = profileJsonSchema().properties ?? {};
  return Object.fromEntries(Object.entries(properties).map(([key, schema]) => [key, optional(schema)]));
}

function optional(schema: JsonSchema): JsonSchema {
  const { required: _required, default: _default, properties, ...rest } = schema;
  const inner =
    properties === undefined
      ? {}
      : { properties: Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, optional(value)])) };
  const { description, ...bare } = { ...rest, ...inner };
  return { ...(description === undefined ? {} : { description }), anyOf: [bare, { type: 'null' }] };
}

/** Keys that may stand at a path. */
export function keysAt(schema: JsonSchema, path: readonly PropertyKey[]): readonly string[] {
  const [key, ...rest] = path;
  return alternatives(schema).flatMap((choice) => {
    if (key === undefined) return Object.keys(choice.properties ?? {});
    const next = typeof key === 'number' ? choice.items : propertyOf(choice, String(key));
    return next === undefined ? [] : keysAt(next, rest);
  });
}

function propertyOf({ properties, additionalProperties: free }: JsonSchema, key: string): JsonSchema | undefined {
  return properties?.[key] ?? (typeof free === 'object' ? free : undefined);
}

/** The schema itself, or what it offers to choose from. */
export function alternatives(schema: JsonSchema): readonly JsonSchema[] {
  return schema.anyOf?.flatMap(alternatives) ?? [schema];
}
