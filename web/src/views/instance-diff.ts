// What differs between two texts, by lines: the shortest way from one to the other.

export type Line = { kind: 'same' | 'old' | 'new'; text: string };

const LINES_MAX = 2000; // beyond, old and new are shown whole, one after the other

/** Lengths of the longest common tails: `table[i][j]` of a from i and b from j. */
function tails(a: string[], b: string[]): Uint16Array[] {
  const table = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      table[i]![j] = a[i] === b[j] ? table[i + 1]![j + 1]! + 1
        : Math.max(table[i + 1]![j]!, table[i]![j + 1]!);
  return table;
}

export function diffLines(before: string, after: string): Line[] {
  const [a, b] = [before.split('\n'), after.split('\n')];
  const old = (text: string): Line => ({ kind: 'old', text });
  const fresh = (text: string): Line => ({ kind: 'new', text });
  if (a.length > LINES_MAX || b.length > LINES_MAX) return [...a.map(old), ...b.map(fresh)];
  const table = tails(a, b);
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      lines.push({ kind: 'same', text: a[i]! });
      i += 1;
      j += 1;
    } else if (table[i + 1]![j]! >= table[i]![j + 1]!) {
      lines.push(old(a[i++]!));
    } else {
      lines.push(fresh(b[j++]!));
    }
  }
  return [...lines, ...a.slice(i).map(old), ...b.slice(j).map(fresh)];
}
