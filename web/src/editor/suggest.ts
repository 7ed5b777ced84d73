// What may be written at the cursor, and what the key under the pointer means: from the schema of
// the language, and from the names in the text itself.
import { type Entry, entryAt, outline, type Path, type Spot, spotAt } from './outline';
import { isList, isObject, kindOf, type Schema, schemaAt, valuesOf } from './schema';

export type Suggestion = {
  label: string;
  /** Put in instead of what is typed of it. */
  insert: string;
  detail: string;
  info: string;
  kind: 'key' | 'value' | 'name';
  isDefault?: boolean;
  /** Characters of `insert` behind the cursor. */
  back?: number;
};
export type Suggestions = { from: number; options: Suggestion[] };
export type Help = { from: number; to: number; path: Path; schema: Schema; kind: string };

const isPath = (path: Path, pattern: string): boolean =>
  pattern === path.map((part) => (typeof part === 'number' ? '#' : part)).join('.');

/** Entries directly below a path. */
const under = (entries: Entry[], path: Path): Entry[] =>
  entries.filter(
    (entry) =>
      entry.path.length === path.length + 1 && path.every((part, k) => part === entry.path[k]),
  );

const namesUnder = (entries: Entry[], path: Path): string[] =>
  under(entries, path).map((entry) => String(entry.path.at(-1)));

/** The names of all tasks, in order. */
const taskNames = (entries: Entry[]): string[] =>
  entries
    .filter((entry) => isPath(entry.path, 'stages.#.tasks.#.name') && entry.text !== null)
    .map((entry) => entry.text ?? '');

/* --- expressions --- */

const isWord = (name: string): boolean => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);

/** What may follow in `${ … }`, given the path up to the last full part. */
function nextParts(entries: Entry[], parts: string[]): string[] {
  if (parts.length === 0) return ['input', 'tasks'];
  const [first, ...rest] = parts;
  if (first === 'input')
    return namesUnder(entries, [
      'input',
      ...rest.flatMap((part) => ['properties', part]),
      'properties',
    ]);
  if (first !== 'tasks') return [];
  if (rest.length === 0) return [...new Set(taskNames(entries))];
  return rest.length === 1 ? ['output'] : [];
}

function expression(
  entries: Entry[],
  { before, quote }: Spot,
  offset: number,
): Suggestions | null {
  const mark = quote === '"' ? '\\"' : '"';
  const open = before.lastIndexOf('${');
  if (open < 0 || before.indexOf('}', open) >= 0) return null;
  const path = before.slice(open + 2).trimStart();
  const parts = [
    ...path.matchAll(/\.([A-Za-z_][A-Za-z0-9_]*)|\[\s*\\?"([^"\\]*)\\?"\s*\]|\[-?\d+\]/g),
  ];
  const typed = /(?:\.?[A-Za-z0-9_]*)$/.exec(path)?.[0] ?? '';
  const whole = parts.map((part) => part[1] ?? part[2] ?? '').filter((part) => part !== '');
  const done = typed !== '.' && typed !== '' ? whole.slice(0, -1) : whole;
  const options = nextParts(entries, done).map((name): Suggestion => ({
    label: `.${name}`,
    insert: isWord(name) ? `.${name}` : `[${mark}${name}${mark}]`,
    kind: 'name',
    info: '',
    detail: done[0] === 'tasks' && done.length === 1 ? 'task' : '',
  }));
  return { from: offset - typed.length, options };
}

const takesExpressions = (path: Path): boolean =>
  path[0] === 'key' || path[0] === 'output' || isPath(path.slice(0, 5), 'stages.#.tasks.#.input');

/* --- keys --- */

type Setting = { root: Schema; text: string; offset: number; entries: Entry[]; isJson: boolean };

function keyInsert(
  name: string,
  schema: Schema,
  s: Setting,
  isQuoted: boolean,
): [string, number] {
  const rest = /^[^\n]*/.exec(s.text.slice(s.offset))?.[0] ?? '';
  if (isQuoted || /^[\w-]*["']?\s*:/.test(rest)) return [name, 0];
  if (s.isJson) return [`"${name}": `, 0];
  const line = s.text.slice(s.text.lastIndexOf('\n', s.offset - 1) + 1, s.offset);
  const isBlock = /^[\s-]*[\w-]*$/.test(line) && rest.trim() === '';
  if (!isBlock) return [`${name}: `, 0];
  const indent = ' '.repeat(/^[\s-]*/.exec(line)?.[0].length ?? 0);
  if (isList(schema))
    return isObject(
      schema.items?.$ref === undefined
        ? (schema.items ?? {})
        : (s.root.$defs?.[schema.items.$ref.replace('#/$defs/', '')] ?? {}),
    )
      ? [`${name}:\n${indent}  - `, 0]
      : [`${name}: []`, 1];
  return isObject(schema) && schema.properties !== undefined
    ? [`${name}:\n${indent}  `, 0]
    : [`${name}: `, 0];
}

function keys(schema: Schema, spot: Spot, s: Setting): Suggestion[] {
  const names = Object.keys(schema.properties ?? {}).filter((name) => !spot.keys.includes(name));
  const rank = (name: string): number => (schema.required?.includes(name) ? 0 : 1);
  return names
    .sort((a, b) => rank(a) - rank(b))
    .map((name): Suggestion => {
      const inner = schemaAt(s.root, [...spot.path, name]) ?? {};
      const [insert, back] = keyInsert(name, inner, s, spot.quote !== '');
      return {
        label: name,
        insert,
        back,
        kind: 'key',
        detail: kindOf(s.root, inner),
        info: inner.description ?? '',
      };
    });
}

/* --- values --- */

/** Names that the text itself has for this place. */
function names(spot: Spot, s: Setting): string[] {
  const { path } = spot;
  if (isPath(path, 'stages.#.tasks.#.needs.#')) {
    const own = s.entries.find(
      (entry) => String(entry.path) === String([...path.slice(0, 4), 'name']),
    );
    const taken = under(s.entries, path.slice(0, 5)).map((entry) => entry.text);
    return taskNames(s.entries).filter((name) => name !== own?.text && !taken.includes(name));
  }
  if (path.at(-2) === 'required' && typeof path.at(-1) === 'number')
    return namesUnder(s.entries, [...path.slice(0, -2), 'properties']);
  return [];
}

function valueInsert(value: unknown, spot: Spot, s: Setting): string {
  if (typeof value !== 'string' || spot.quote !== '') return String(value);
  return s.isJson ? JSON.stringify(value) : /[{}[\]:#]/.test(value) ? `"${value}"` : value;
}

function values(schema: Schema, spot: Spot, s: Setting): Suggestion[] {
  const own = names(spot, s).map((name): Suggestion => ({
    label: name,
    insert: valueInsert(name, spot, s),
    kind: 'name',
    detail: '',
    info: '',
  }));
  if (own.length > 0) return own;
  return valuesOf(s.root, schema).map(({ value, isOnly }): Suggestion => {
    const isDefault = 'default' in schema && value === schema.default;
    return {
      label: String(value),
      insert: valueInsert(value, spot, s),
      kind: 'value',
      isDefault,
      detail: isDefault ? 'default' : isOnly ? '' : 'example',
      info: schema.description ?? '',
    };
  });
}

/** The earlier form has other keys, which the schema does not describe. */
const isEarlier = (entries: Entry[]): boolean =>
  entries.some(({ path }) => path[0] === 'workflow_name' || path[0] === 'component_name');

/** What may stand at `offset`; null: nothing is known. */
export function suggestAt(root: Schema, text: string, offset: number): Suggestions | null {
  const spot = spotAt(text, offset);
  if (spot === null) return null;
  const s: Setting = {
    root,
    text,
    offset,
    entries: outline(text),
    isJson: text.trimStart().startsWith('{'),
  };
  if (spot.kind === 'value' && takesExpressions(spot.path)) {
    const found = expression(s.entries, spot, offset);
    if (found !== null) return found;
  }
  const schema = isEarlier(s.entries) ? null : schemaAt(root, spot.path);
  if (schema === null) return null;
  const typed = /[A-Za-z0-9_.-]*$/.exec(spot.before)?.[0] ?? '';
  const isKey = spot.kind === 'key' || (spot.kind === 'open' && isObject(schema));
  const options = isKey ? keys(schema, spot, s) : values(schema, spot, s);
  return options.length === 0 ? null : { from: offset - typed.length, options };
}

/** What the key or value under `offset` means. */
export function helpAt(root: Schema, text: string, offset: number): Help | null {
  const entries = outline(text);
  const entry = isEarlier(entries) ? null : entryAt(entries, offset);
  const schema = entry === null ? null : schemaAt(root, entry.path);
  if (entry === null || schema === null || schema.description === undefined) return null;
  const isOnKey = entry.from <= offset && offset <= entry.to;
  const [from, to] = isOnKey ? [entry.from, entry.to] : [entry.valueFrom, entry.valueTo];
  return { from, to, path: entry.path, schema, kind: kindOf(root, schema) };
}

/** The word that an error of the server suggests: `…; did you mean "queue"?` */
export const meant = (message: string): string | null =>
  /did you mean "([^"]+)"\?/.exec(message)?.[1] ?? null;
