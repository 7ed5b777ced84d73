// What a form asks for, made from a schema of the template language (the subset of JSON Schema in
// docs/templates.md). What no field fits is asked for as JSON, so that no schema has no form.
import { Digits, type Fields, type Value } from './value';

export type Kind =
  'object' | 'list' | 'choice' | 'text' | 'number' | 'boolean' | 'constant' | 'json';

export type Field = {
  kind: Kind;
  /** Of the property; empty: of the whole, or of an item. */
  name: string;
  title: string;
  description: string;
  isRequired: boolean;
  /** null is taken as well. */
  isNullable: boolean;
  /** A number without a fraction. */
  isWhole: boolean;
  /** Of a number its least and most, of a text its length, of a list its size; digits. */
  least: string | null;
  most: string | null;
  choices: Value[];
  constant: Value;
  /** What the form begins with; undefined: nothing. */
  preset: Value | undefined;
  examples: Value[];
  fields: Field[];
  /** No other properties are taken. */
  isClosed: boolean;
  item: Field | null;
};

const DEPTH_MAX = 8; // what is nested deeper is asked for as JSON

const asText = (value: Value | undefined): string => (typeof value === 'string' ? value : '');
const asDigits = (value: Value | undefined): string | null =>
  value instanceof Digits ? value.text : null;
const asList = (value: Value | undefined): Value[] => (Array.isArray(value) ? value : []);
const asFields = (value: Value | undefined): Fields => (value instanceof Map ? value : new Map());

const KINDS: Record<string, Kind> = {
  object: 'object',
  array: 'list',
  string: 'text',
  number: 'number',
  integer: 'number',
  boolean: 'boolean',
};

function typesOf(schema: Fields): string[] {
  const type = schema.get('type');
  if (type === undefined) {
    if (schema.has('properties')) return ['object'];
    return schema.has('items') ? ['array'] : [];
  }
  return (Array.isArray(type) ? type : [type]).map(asText);
}

function kindOf(schema: Fields, types: string[], depth: number): Kind {
  if (schema.has('const')) return 'constant';
  if (schema.has('enum')) return 'choice';
  const kinds = new Set(types.filter((type) => type !== 'null').map((type) => KINDS[type]));
  const [kind] = kinds;
  if (kinds.size !== 1 || kind === undefined || depth > DEPTH_MAX) return 'json';
  if (kind === 'object' && asFields(schema.get('properties')).size === 0) return 'json';
  return kind === 'list' && !schema.has('items') ? 'json' : kind;
}

const LIMITS: Partial<Record<Kind, [string, string]>> = {
  number: ['minimum', 'maximum'],
  text: ['minLength', 'maxLength'],
  list: ['minItems', 'maxItems'],
};

type Place = { name: string; isRequired: boolean; depth: number };

function make(schema: Fields, { name, isRequired, depth }: Place): Field {
  const types = typesOf(schema);
  const kind = kindOf(schema, types, depth);
  const [least = '', most = ''] = LIMITS[kind] ?? [];
  return {
    kind,
    name,
    isRequired,
    title: asText(schema.get('title')),
    description: asText(schema.get('description')),
    isNullable: types.includes('null'),
    isWhole: types.includes('integer') && !types.includes('number'),
    least: asDigits(schema.get(least)),
    most: asDigits(schema.get(most)),
    choices: asList(schema.get('enum')),
    constant: schema.get('const') ?? null,
    preset: schema.get('default'),
    examples: asList(schema.get('examples')),
    fields: kind === 'object' ? fieldsOf(schema, depth) : [],
    isClosed: schema.get('additionalProperties') === false,
    item:
      kind !== 'list'
        ? null
        : make(asFields(schema.get('items')), { name: '', isRequired: true, depth: depth + 1 }),
  };
}

/** Required properties that nothing describes are asked for as JSON. */
function fieldsOf(schema: Fields, depth: number): Field[] {
  const required = asList(schema.get('required')).map(asText);
  const described = asFields(schema.get('properties'));
  const all = [
    ...described,
    ...required
      .filter((name) => !described.has(name))
      .map((name): [string, Value] => [name, new Map()]),
  ];
  return all.map(([name, inner]) =>
    make(asFields(inner), { name, isRequired: required.includes(name), depth: depth + 1 }),
  );
}

/** The form of a whole value; no schema: anything, as JSON, or nothing. */
export function formOf(schema: Value | undefined): Field {
  const whole = asFields(schema);
  const field = make(whole, { name: '', isRequired: schema !== undefined, depth: 0 });
  const needs = asList(whole.get('required')).length > 0;
  if (field.kind === 'json' && needs)
    return { ...field, kind: 'object', fields: fieldsOf(whole, 0) };
  return field;
}

/** The fields in the order that `names` gives for each object, by its path; others after them. */
export function inOrder(field: Field, order: (path: string) => string[], path = ''): Field {
  const names = order(path);
  const rank = (one: Field): number => {
    const at = names.indexOf(one.name);
    return at < 0 ? names.length : at;
  };
  const below = (name: string): string => (path === '' ? name : `${path}.${name}`);
  return {
    ...field,
    fields: field.fields
      .map((one) => inOrder(one, order, below(one.name)))
      .sort((a, b) => rank(a) - rank(b)),
    item: field.item && inOrder(field.item, order, `${path}[]`),
  };
}
