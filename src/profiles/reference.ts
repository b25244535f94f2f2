/** Reference tables for the documentation, made from the same schema that checks the files. */
import { alternatives, type JsonSchema } from './json-schema.ts';

export interface KeyRow {
  /** Dotted, `[]` for the entries of a list, `*` for names of the operator's own. */
  readonly path: string;
  readonly type: string;
  readonly required: boolean;
  readonly default: unknown;
  readonly description: string;
}

/** Every key, depth first, in the order of the schema. */
export function keyRows(schema: JsonSchema, path = ''): readonly KeyRow[] {
  const blocks = alternatives(schema).filter((branch) => branch.properties !== undefined);
  return alternatives(schema).flatMap((branch) => {
    // What one of several alternatives requires is not required.
    const required = new Set(blocks.length > 1 ? [] : (branch.required ?? []));
    const named = Object.entries(branch.properties ?? {}).flatMap(([key, inner]) => {
      const here = path === '' ? key : `${path}.${key}`;
      return [row(here, inner, required.has(key)), ...keyRows(inner, here)];
    });
    const free = branch.additionalProperties;
    const ofMap = typeof free === 'object' ? keyRows(free, `${path}.*`) : [];
    return [...named, ...ofMap, ...(branch.items === undefined ? [] : keyRows(branch.items, `${path}[]`))];
  });
}

/** Rows as a Markdown table; rows of the same key in several alternatives are one. */
export function keyTable(rows: readonly KeyRow[]): string {
  const unique = rows.filter(({ path }, i) => rows.findIndex((other) => other.path === path) === i);
  const lines = unique.map(({ path, type, required, default: value, description }) => {
    const standard = required ? 'required' : value === undefined ? '' : `\`${JSON.stringify(value)}\``;
    return `| \`${path}\` | ${cell(type)} | ${standard === '' ? '' : cell(standard)} | ${cell(description)} |`;
  });
  return ['| key | type | default | what it does, what goes wrong |', '|---|---|---|---|', ...lines].join('\n');
}

function row(path: string, schema: JsonSchema, required: boolean): KeyRow {
  const value = schema.default;
  const isBlock = typeof value === 'object' && value !== null && !Array.isArray(value);
  return {
    path,
    type: [...new Set(alternatives(schema).map(typeOf))].join(' or '),
    required: required && value === undefined,
    // The defaults of a block are those of its keys.
    default: isBlock ? undefined : value,
    description: schema.description ?? alternatives(schema).find((branch) => branch.description)?.description ?? '',
  };
}

function typeOf(schema: JsonSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (schema.pattern?.endsWith('(?:ms|s|m|h|d)$')) return 'time';
  switch (schema.type) {
    case 'object':
      return 'block';
    case 'array':
      return `list of ${schema.items === undefined || Object.keys(schema.items).length === 0 ? 'values' : alternatives(schema.items).map(typeOf).join(' or ')}`;
    case 'integer':
    case 'number':
      return 'number';
    case 'string':
      return 'text';
    case 'boolean':
      return '`true`, `false`';
    case 'null':
      return 'nothing';
    default:
      return 'any';
  }
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
