// JSON values that keep their numbers as they were written: what a form is made from and what it
// gives must not change on the way, beyond 2^53 and with every digit (1.50).

export class Digits {
  constructor(readonly text: string) {}
}
export type Fields = Map<string, Value>;
export type Value = null | boolean | string | Digits | Value[] | Fields;

/** Where a text stops being JSON, as a line and a column from 1. */
export class NotJson extends Error {
  constructor(
    what: string,
    readonly line: number,
    readonly column: number,
  ) {
    super(`${what}, at line ${line}, column ${column}`);
  }
}

const DIGITS = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const WORDS: [string, Value][] = [
  ['null', null],
  ['true', true],
  ['false', false],
];
const DEPTH_MAX = 128;

class Reader {
  at = 0;
  depth = 0;
  constructor(readonly text: string) {}

  fail(what: string): never {
    const lines = this.text.slice(0, this.at).split('\n');
    throw new NotJson(what, lines.length, (lines[lines.length - 1] ?? '').length + 1);
  }

  /** Skips blanks and says what comes. */
  next(): string {
    while (' \t\r\n'.includes(this.text[this.at] ?? 'x')) this.at += 1;
    return this.text[this.at] ?? '';
  }

  take(pattern: RegExp): string | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? null;
    this.at += found?.length ?? 0;
    return found;
  }

  string(): string {
    const found = this.take(STRING) ?? this.fail('A text is expected, in double quotes');
    return JSON.parse(found) as string;
  }

  value(): Value {
    const next = this.next();
    if (next === '{') return this.object();
    if (next === '[') return this.list();
    if (next === '"') return this.string();
    const word = WORDS.find(([name]) => this.text.startsWith(name, this.at));
    if (word !== undefined) {
      this.at += word[0].length;
      return word[1];
    }
    const digits = this.take(DIGITS);
    return digits === null
      ? this.fail(next === '' ? 'It ends too early' : 'A value is expected')
      : new Digits(digits);
  }

  /** What stands between brackets, one by one, with commas between. */
  inside(end: string, one: () => void): void {
    if (++this.depth > DEPTH_MAX) this.fail('It is nested too deeply');
    this.at += 1;
    if (this.next() !== end)
      for (;;) {
        one();
        if (this.next() !== ',') break;
        this.at += 1;
      }
    if (this.next() !== end) this.fail(`"," or "${end}" is expected`);
    this.at += 1;
    this.depth -= 1;
  }

  list(): Value[] {
    const items: Value[] = [];
    this.inside(']', () => items.push(this.value()));
    return items;
  }

  object(): Fields {
    const fields: Fields = new Map();
    this.inside('}', () => {
      this.next();
      const name = this.string();
      if (fields.has(name)) this.fail(`"${name}" is here a second time`);
      if (this.next() !== ':') this.fail('":" is expected');
      this.at += 1;
      fields.set(name, this.value());
    });
    return fields;
  }
}

/** Reads JSON. Throws NotJson. */
export function read(text: string): Value {
  const reader = new Reader(text);
  const value = reader.value();
  if (reader.next() !== '') reader.fail('Nothing is expected any more');
  return value;
}

/** A value that the client has read (numbers with too many digits are raw there). */
export const valueOf = (value: unknown): Value => read(JSON.stringify(value) ?? 'null');

/** Compact JSON, or laid out with `indent` blanks. */
export function write(value: Value, indent = 0): string {
  return put(value, indent, '\n');
}

function put(value: Value, indent: number, line: string): string {
  if (value instanceof Digits) return value.text;
  if (!Array.isArray(value) && !(value instanceof Map)) return JSON.stringify(value);
  const inner = line + ' '.repeat(indent);
  const parts = Array.isArray(value)
    ? value.map((item) => put(item, indent, inner))
    : [...value].map(
        ([name, item]) =>
          `${JSON.stringify(name)}:${indent > 0 ? ' ' : ''}${put(item, indent, inner)}`,
      );
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  if (parts.length === 0) return `${open}${close}`;
  return indent > 0
    ? `${open}${inner}${parts.join(`,${inner}`)}${line}${close}`
    : `${open}${parts.join(',')}${close}`;
}

export const isNumber = (text: string): boolean => new RegExp(`^${DIGITS.source}$`).test(text);

/* --- numbers by their digits --- */

type Decimal = { isNegative: boolean; digits: string; exponent: number };

/** digits × 10^exponent, the first and last of the digits not 0; zero has none. */
function decimalOf(text: string): Decimal {
  const [mantissa = '', power = '0'] = text.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const all = (whole + fraction).replace(/^0+/, '');
  const digits = all.replace(/0+$/, '');
  const exponent = Number(power) - fraction.length + (all.length - digits.length);
  return { isNegative: text.startsWith('-') && digits !== '', digits, exponent };
}

/** Below, at or above 0 as `a` is less than, equal to or more than `b`; both JSON numbers. */
export function compareNumbers(a: string, b: string): number {
  const [x, y] = [decimalOf(a), decimalOf(b)];
  if (x.isNegative !== y.isNegative) return x.isNegative ? -1 : 1;
  const size = compareSizes(x, y);
  return x.isNegative ? -size : size;
}

function compareSizes(x: Decimal, y: Decimal): number {
  if (x.digits === '' || y.digits === '') return x.digits.length - y.digits.length;
  const height = x.digits.length + x.exponent - (y.digits.length + y.exponent);
  if (height !== 0) return height;
  const length = Math.max(x.digits.length, y.digits.length);
  const [a, b] = [x.digits.padEnd(length, '0'), y.digits.padEnd(length, '0')];
  return a < b ? -1 : Number(a > b);
}

/** A number without a fraction, however it is written (1.0, 1e3). */
export const isWhole = (text: string): boolean =>
  decimalOf(text).exponent >= 0 || decimalOf(text).digits === '';

/** Whether two values are the same one; numbers by what they stand for. */
export function isSame(a: Value, b: Value): boolean {
  if (a instanceof Digits && b instanceof Digits) return compareNumbers(a.text, b.text) === 0;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, k) => isSame(item, b[k] as Value));
  if (a instanceof Map && b instanceof Map)
    return (
      a.size === b.size &&
      [...a].every(([name, item]) => b.has(name) && isSame(item, b.get(name) as Value))
    );
  return a === b;
}
