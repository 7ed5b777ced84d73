// What the JSON Schema of the template language says about a place in a template.
import type { Path } from './outline';

export type Schema = {
  $ref?: string;
  $defs?: Record<string, Schema>;
  title?: string;
  type?: string | string[];
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  items?: Schema;
  anyOf?: Schema[];
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  examples?: unknown[];
  minimum?: number;
  maximum?: number;
};

/** The schema with what it refers to; its own words win. */
export function resolve(root: Schema, schema: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  const { $ref, ...own } = schema;
  const target = root.$defs?.[$ref.replace('#/$defs/', '')];
  return { ...(target === undefined ? {} : resolve(root, target)), ...own };
}

function step(root: Schema, schema: Schema, part: string | number): Schema | null {
  if (typeof part === 'number')
    return schema.items === undefined ? null : resolve(root, schema.items);
  const named =
    schema.properties?.[part] ??
    (typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined);
  return named === undefined ? null : resolve(root, named);
}

/** The schema of the value at `path`; null: it says nothing about that place. */
export function schemaAt(root: Schema, path: Path): Schema | null {
  let schema: Schema | null = root;
  for (const part of path) {
    const options: Schema[] = [schema, ...(schema.anyOf ?? []).map((one) => resolve(root, one))];
    schema = options.map((one) => step(root, one, part)).find((one) => one !== null) ?? null;
    if (schema === null) return null;
  }
  return schema;
}

const isOne = (schema: Schema, type: string): boolean => [schema.type].flat().includes(type);
export const isObject = (schema: Schema): boolean =>
  isOne(schema, 'object') || schema.properties !== undefined;
export const isList = (schema: Schema): boolean =>
  isOne(schema, 'array') && schema.items !== undefined;

/** Values that the schema names: words, and what a duration or a number may look like. */
export function valuesOf(root: Schema, schema: Schema): { value: unknown; isOnly: boolean }[] {
  const all = [schema, ...(schema.anyOf ?? []).map((one) => resolve(root, one))];
  const only = all.flatMap((one) => [
    ...(one.enum ?? []),
    ...('const' in one ? [one.const] : []),
    ...(isOne(one, 'boolean') ? [true, false] : []),
  ]);
  const shown = [...('default' in schema ? [schema.default] : []), ...(schema.examples ?? [])];
  const isScalar = (value: unknown): boolean => typeof value !== 'object' && !isObject(schema);
  const seen = new Set<unknown>();
  return [
    ...only.map((value) => ({ value, isOnly: true })),
    ...shown.map((value) => ({ value, isOnly: false })),
  ].filter(({ value }) => isScalar(value) && !seen.has(value) && seen.add(value));
}

const KINDS: Record<string, string> = {
  object: 'mapping',
  array: 'list',
  string: 'text',
  integer: 'whole number',
  number: 'number',
  boolean: 'true or false',
  null: 'nothing',
};

/** "text", "duration", "one of: return, reject, start". */
export function kindOf(root: Schema, schema: Schema): string {
  if (schema.title !== undefined) return schema.title;
  if (schema.enum !== undefined) return `one of: ${schema.enum.join(', ')}`;
  if (schema.type === undefined && schema.anyOf !== undefined)
    return [...new Set(schema.anyOf.map((one) => kindOf(root, resolve(root, one))))].join(' or ');
  if (schema.const !== undefined) return String(schema.const);
  const kinds = [schema.type ?? 'any value'].flat().map((type) => KINDS[type] ?? type);
  const range =
    schema.minimum !== undefined && schema.maximum !== undefined
      ? `, ${schema.minimum} to ${schema.maximum}`
      : '';
  return kinds.filter((kind) => kind !== 'nothing').join(' or ') + range;
}
