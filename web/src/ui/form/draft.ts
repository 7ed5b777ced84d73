// What a reader has filled in so far: a tree beside the form's fields. It is read from a value and
// written as JSON, with every digit as it was typed; what is not filled in is left out.
import type { Field } from './model';
import {
  compareNumbers,
  Digits,
  type Fields,
  isNumber,
  isSame,
  isWhole,
  NotJson,
  read,
  type Value,
  write,
} from './value';

export type Item = { id: number; draft: Draft };
export type Draft =
  /** As typed: a text, digits, the number of a choice, `true`; null is null, undefined left out. */
  | { kind: 'leaf'; text: string | null | undefined }
  /** JSON as typed; blank: left out. */
  | { kind: 'json'; text: string }
  /** `others`: properties that have no field. `isGiven`: it is there even when it is empty. */
  | { kind: 'object'; fields: Record<string, Draft>; others: Fields; isGiven: boolean }
  | { kind: 'list'; items: Item[]; isGiven: boolean };

let lastId = 0;
export const newItem = (draft: Draft): Item => ({ id: ++lastId, draft });

/** Nothing filled in but what the schema presets. */
export function emptyDraft(field: Field): Draft {
  if (field.preset !== undefined) return draftOf(field, field.preset);
  switch (field.kind) {
    case 'json':
      return { kind: 'json', text: '' };
    case 'list':
      return { kind: 'list', items: [], isGiven: false };
    case 'object':
      return {
        kind: 'object',
        others: new Map(),
        isGiven: false,
        fields: Object.fromEntries(field.fields.map((one) => [one.name, emptyDraft(one)])),
      };
    case 'constant':
      return { kind: 'leaf', text: field.isRequired ? 'true' : undefined };
    default:
      return { kind: 'leaf', text: undefined };
  }
}

/** Filled in with a value (undefined: left out). What does not fit its field stays as JSON. */
export function draftOf(field: Field, value: Value | undefined): Draft {
  if (value === undefined) return emptyDraft(bare(field));
  const text = leafOf(field, value);
  if (text !== undefined) return { kind: 'leaf', text };
  if (field.kind === 'object' && value instanceof Map) return objectOf(field, value);
  if (field.kind === 'list' && Array.isArray(value) && field.item !== null) {
    const { item } = field;
    return {
      kind: 'list',
      isGiven: true,
      items: value.map((one) => newItem(draftOf(item, one))),
    };
  }
  return { kind: 'json', text: write(value, 2) };
}

/** The field without what it presets, also below. */
function bare(field: Field): Field {
  return {
    ...field,
    preset: undefined,
    fields: field.fields.map(bare),
    isRequired: field.kind === 'constant' ? false : field.isRequired,
  };
}

function objectOf(field: Field, value: Fields): Draft {
  const others = new Map(value);
  const fields: Record<string, Draft> = {};
  for (const one of field.fields) {
    fields[one.name] = draftOf(one, value.get(one.name));
    others.delete(one.name);
  }
  return { kind: 'object', fields, others, isGiven: true };
}

function leafOf(field: Field, value: Value): string | null | undefined {
  if (value === null && field.isNullable && field.kind !== 'json') return null;
  if (field.kind === 'text' && typeof value === 'string') return value;
  if (field.kind === 'number' && value instanceof Digits) return value.text;
  if (field.kind === 'boolean' && typeof value === 'boolean') return String(value);
  if (field.kind === 'constant' && isSame(value, field.constant)) return 'true';
  const choice =
    field.kind === 'choice' ? field.choices.findIndex((one) => isSame(one, value)) : -1;
  return choice >= 0 ? String(choice) : undefined;
}

/* --- writing --- */

export type Faults = Map<string, string>; // by path, as the server names them: items[0].name
export type Filled = { value: Value | undefined; faults: Faults };

/** What is filled in. `faults` says what is missing or wrong; the server has the last word. */
export function filled(field: Field, draft: Draft): Filled {
  const faults: Faults = new Map();
  const value = valueOf(field, draft, '', faults);
  return { value, faults };
}

export const below = (path: string, name: string): string =>
  path === '' ? name : `${path}.${name}`;

function valueOf(field: Field, draft: Draft, path: string, faults: Faults): Value | undefined {
  const value = take(field, draft, path, faults);
  if (value === undefined && field.isRequired && !faults.has(path)) {
    if (field.isNullable) return null;
    faults.set(path, 'It is needed.');
  }
  return value;
}

function take(field: Field, draft: Draft, path: string, faults: Faults): Value | undefined {
  switch (draft.kind) {
    case 'json':
      return takeJson(draft.text, path, faults);
    case 'leaf':
      return takeLeaf(field, draft.text, path, faults);
    case 'list':
      return takeList(field, draft, path, faults);
    default:
      return takeObject(field, draft, path, faults);
  }
}

function takeJson(text: string, path: string, faults: Faults): Value | undefined {
  if (text.trim() === '') return undefined;
  try {
    return read(text);
  } catch (e) {
    if (!(e instanceof NotJson)) throw e;
    faults.set(path, `${e.message}.`);
    return undefined;
  }
}

function takeLeaf(
  field: Field,
  text: string | null | undefined,
  path: string,
  faults: Faults,
): Value | undefined {
  if (text === null || text === undefined) return text;
  const fault =
    field.kind === 'number'
      ? numberFault(field, text.trim())
      : field.kind === 'text'
        ? textFault(field, text)
        : '';
  if (fault !== '') faults.set(path, fault);
  switch (field.kind) {
    case 'number':
      return fault === '' || isNumber(text.trim()) ? new Digits(text.trim()) : undefined;
    case 'boolean':
      return text === 'true';
    case 'constant':
      return field.constant;
    case 'choice':
      return field.choices[Number(text)] ?? null;
    default:
      return text;
  }
}

function numberFault({ isWhole: mustBeWhole, least, most }: Field, text: string): string {
  if (!isNumber(text)) return 'This is no number, such as 12 or 1.5.';
  if (mustBeWhole && !isWhole(text)) return 'It must be a whole number.';
  if (least !== null && compareNumbers(text, least) < 0) return `It must be at least ${least}.`;
  if (most !== null && compareNumbers(text, most) > 0) return `It must be at most ${most}.`;
  return '';
}

function textFault({ least, most }: Field, text: string): string {
  const length = [...text].length;
  if (least !== null && length < Number(least))
    return `It must have at least ${least} characters.`;
  if (most !== null && length > Number(most)) return `It must have at most ${most} characters.`;
  return '';
}

function takeList(
  field: Field,
  draft: Draft & { kind: 'list' },
  path: string,
  faults: Faults,
): Value | undefined {
  const { item, least, most } = field;
  const count = draft.items.length;
  if (item === null || (count === 0 && !draft.isGiven && !field.isRequired)) return undefined;
  if (least !== null && count < Number(least)) faults.set(path, `At least ${least} are needed.`);
  if (most !== null && count > Number(most)) faults.set(path, `At most ${most} are taken.`);
  return draft.items.map((one, k) => valueOf(item, one.draft, `${path}[${k}]`, faults) ?? null);
}

/** An object that is not required, and has nothing in it, is left out, with what it would need. */
function takeObject(
  field: Field,
  draft: Draft & { kind: 'object' },
  path: string,
  faults: Faults,
): Value | undefined {
  const inner: Faults = new Map();
  const given: [string, Value][] = [];
  for (const one of field.fields) {
    const value = valueOf(
      one,
      draft.fields[one.name] ?? emptyDraft(one),
      below(path, one.name),
      inner,
    );
    if (value !== undefined) given.push([one.name, value]);
  }
  const isGiven = draft.isGiven || draft.others.size > 0 || isTouched(draft, emptyDraft(field));
  if (!isGiven && !field.isRequired) return undefined;
  inner.forEach((fault, at) => faults.set(at, fault));
  return new Map([...given, ...draft.others]);
}

/** Whether a reader has filled in anything: what the schema presets is nothing of his. */
function isTouched(draft: Draft, preset: Draft): boolean {
  if (draft.kind === 'list' && preset.kind === 'list')
    return (
      draft.items.length !== preset.items.length ||
      draft.items.some((one, k) => isTouched(one.draft, preset.items[k]?.draft ?? one.draft))
    );
  if (draft.kind === 'object' && preset.kind === 'object')
    return Object.entries(draft.fields).some(([name, one]) =>
      isTouched(one, preset.fields[name] ?? one),
    );
  return (
    draft.kind !== preset.kind ||
    ('text' in draft && 'text' in preset && draft.text !== preset.text)
  );
}
