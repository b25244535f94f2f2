/** The configuration as JSON Schema, for editors and for the reference pages. Nothing is checked with it. */
import { type JsonSchema, jsonSchemaOf, overrideSchemas } from '../profiles/json-schema.ts';
import { configSchema } from './schema.ts';

/** Keys below `upstream` that belong to the profile. */
export const OVERRIDE_KEYS: ReadonlySet<string> = new Set(Object.keys(overrideSchemas()));

export function configJsonSchema(): JsonSchema {
  const schema = jsonSchemaOf(configSchema);
  const upstream = schema.properties?.['upstream'];
  if (upstream === undefined) return schema;
  const properties = { ...upstream.properties, ...overrideSchemas() };
  return {
    ...schema,
    title: 'Configuration of the gateway',
    properties: { ...schema.properties, upstream: { ...upstream, properties } }, // keeps its place
  };
}
