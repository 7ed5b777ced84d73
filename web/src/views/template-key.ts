// What a start's business key will be, worked out from the template's expression and the input: for
// looking at only, the server works it out itself. Plain paths of `.input`, as docs/templates.md
// tells them.
import { Digits, type Value, write } from '../ui/form/value';

const PART =
  /\s*(?:\.([A-Za-z_]\w*)|\.?\[\s*(-?\d+)\s*\]|\.?\[?\s*("(?:[^"\\]|\\.)*")\s*\]?)/y;
const KEY_BYTES_MAX = 256;

/** Undefined: it is no plain path, or leads nowhere. */
function follow(path: string, input: Value): Value | undefined {
  let value: Value | undefined = new Map([['input', input]]);
  PART.lastIndex = 0;
  let at = 0;
  while (at < path.trimEnd().length) {
    PART.lastIndex = at;
    const part = PART.exec(path);
    if (part === null || value === undefined) return undefined;
    at = PART.lastIndex;
    const [, word, index, quoted] = part;
    const name = word ?? (JSON.parse(quoted ?? 'null') as string | null);
    value =
      index !== undefined
        ? itemOf(value, Number(index))
        : value instanceof Map && name !== null
          ? value.get(name)
          : undefined;
  }
  return value;
}

const itemOf = (value: Value, index: number): Value | undefined =>
  Array.isArray(value) ? value[index < 0 ? value.length + index : index] : undefined;

function asText(value: Value | undefined): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : write(value);
}

/** The key; null: the input does not give one yet, or this cannot tell. */
export function keyOf(expression: string, input: Value | undefined): string | null {
  const parts = expression.split(/(\$?\$\{(?:[^}"]|"(?:[^"\\]|\\.)*")*\})/);
  const given = parts.filter((part) => part !== '');
  if (input === undefined || given.length === 0) return null;
  if (given.length === 1 && given[0]?.startsWith('${')) {
    const value = follow(given[0].slice(2, -1), input);
    return typeof value === 'string' || value instanceof Digits ? fit(asText(value)) : null;
  }
  const text = given
    .map((part) =>
      part.startsWith('${')
        ? asText(follow(part.slice(2, -1), input))
        : part.startsWith('$${')
          ? part.slice(1)
          : part,
    )
    .join('');
  return fit(text);
}

function fit(key: string): string | null {
  const bytes = new TextEncoder().encode(key).length;
  return bytes > 0 && bytes <= KEY_BYTES_MAX ? key : null;
}
