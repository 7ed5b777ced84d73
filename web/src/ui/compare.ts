// Two texts side by side: which lines are the same, gone, new or changed, and within a changed line
// which words.

export type Piece = { text: string; isOther: boolean };
export type Row = {
  kind: 'same' | 'removed' | 'added' | 'changed';
  /** Numbers of the lines from 1; null: there is none at that side. */
  left: { number: number; pieces: Piece[] } | null;
  right: { number: number; pieces: Piece[] } | null;
};

type Step = 'same' | 'removed' | 'added';

const EDITS_MAX = 1000; // beyond, all that differs counts as replaced

/** The fewest removals and additions that make `b` from `a`: Myers' O(ND) algorithm. */
export function steps(a: readonly string[], b: readonly string[]): Step[] {
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (
    tail < a.length - head &&
    tail < b.length - head &&
    a[a.length - 1 - tail] === b[b.length - 1 - tail]
  )
    tail += 1;
  const middle = between(a.slice(head, a.length - tail), b.slice(head, b.length - tail));
  const same = (count: number): Step[] => Array.from({ length: count }, () => 'same');
  return [...same(head), ...middle, ...same(tail)];
}

function between(a: readonly string[], b: readonly string[]): Step[] {
  const trace: Map<number, number>[] = [];
  const most = Math.min(a.length + b.length, EDITS_MAX);
  const reach = new Map<number, number>([[1, 0]]);
  for (let edits = 0; edits <= most; edits += 1) {
    trace.push(new Map(reach));
    for (let k = -edits; k <= edits; k += 2) {
      const isDown =
        k === -edits || (k !== edits && (reach.get(k - 1) ?? 0) < (reach.get(k + 1) ?? 0));
      let x = isDown ? (reach.get(k + 1) ?? 0) : (reach.get(k - 1) ?? 0) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x += 1;
      reach.set(k, x);
      if (x >= a.length && x - k >= b.length) return walkBack(a.length, b.length, trace);
    }
  }
  return [...a.map((): Step => 'removed'), ...b.map((): Step => 'added')];
}

function walkBack(width: number, height: number, trace: Map<number, number>[]): Step[] {
  const back: Step[] = [];
  let [x, y] = [width, height];
  for (let edits = trace.length - 1; edits >= 0; edits -= 1) {
    const reach = trace[edits] ?? new Map<number, number>();
    const k = x - y;
    const isDown =
      k === -edits || (k !== edits && (reach.get(k - 1) ?? 0) < (reach.get(k + 1) ?? 0));
    const before = isDown ? k + 1 : k - 1;
    const fromX = edits === 0 ? 0 : (reach.get(before) ?? 0);
    const fromY = edits === 0 ? 0 : fromX - before;
    while (x > fromX && y > fromY) {
      back.push('same');
      [x, y] = [x - 1, y - 1];
    }
    if (edits > 0) back.push(isDown ? 'added' : 'removed');
    [x, y] = [fromX, fromY];
  }
  return back.reverse();
}

/* --- words within a line --- */

const WORDS = /[A-Za-z0-9_]+|\s+|[^]/gu;
const LIKE = 0.4; // of the letters the same: below, two lines are no versions of one another
const LINE_MAX = 2000;

function pieces(words: string[], isOther: boolean[]): Piece[] {
  const all: Piece[] = [];
  for (const [k, text] of words.entries()) {
    const last = all[all.length - 1];
    const other = isOther[k] ?? false;
    if (last !== undefined && last.isOther === other) last.text += text;
    else all.push({ text, isOther: other });
  }
  return all;
}

/** Both lines in pieces; null: they have too little in common. */
export function withinLine(a: string, b: string): [Piece[], Piece[]] | null {
  if (a.length > LINE_MAX || b.length > LINE_MAX) return null;
  const [left, right] = [a.match(WORDS) ?? [], b.match(WORDS) ?? []];
  const path = steps(left, right);
  const isOther = (kind: Step): boolean[] =>
    path.filter((step) => step === 'same' || step === kind).map((step) => step !== 'same');
  const [gone, come] = [isOther('removed'), isOther('added')];
  const kept = left
    .filter((_, k) => gone[k] === false)
    .join('')
    .replace(/\s/g, '').length;
  const most = Math.max(a.replace(/\s/g, '').length, b.replace(/\s/g, '').length);
  return most > 0 && kept / most >= LIKE ? [pieces(left, gone), pieces(right, come)] : null;
}

/* --- lines --- */

const whole = (text: string): Piece[] => [{ text, isOther: false }];

/** Lines that went and lines that came at one place: pairs that are alike are one changed line. */
function changed(gone: [number, string][], come: [number, string][]): Row[] {
  const rows: Row[] = [];
  let k = 0;
  for (; k < Math.min(gone.length, come.length); k += 1) {
    const [[number = 0, a = ''] = [], [other = 0, b = ''] = []] = [gone[k], come[k]];
    const both = withinLine(a, b);
    if (both === null) break;
    rows.push({
      kind: 'changed',
      left: { number, pieces: both[0] },
      right: { number: other, pieces: both[1] },
    });
  }
  const one = (kind: 'removed' | 'added', [number, text]: [number, string]): Row => {
    const side = { number, pieces: whole(text) };
    return kind === 'removed'
      ? { kind, left: side, right: null }
      : { kind, left: null, right: side };
  };
  return [
    ...rows,
    ...gone.slice(k).map((line) => one('removed', line)),
    ...come.slice(k).map((line) => one('added', line)),
  ];
}

const linesOf = (text: string): string[] =>
  text.replace(/\r\n/g, '\n').replace(/\n$/, '').split('\n');

export function compare(a: string, b: string): Row[] {
  const [left, right] = [linesOf(a), linesOf(b)];
  const rows: Row[] = [];
  let [x, y] = [0, 0];
  let gone: [number, string][] = [];
  let come: [number, string][] = [];
  const flush = (): void => {
    rows.push(...changed(gone, come));
    [gone, come] = [[], []];
  };
  for (const step of steps(left, right)) {
    if (step === 'removed') gone.push([x + 1, left[x++] ?? '']);
    else if (step === 'added') come.push([y + 1, right[y++] ?? '']);
    else {
      flush();
      const text = left[x] ?? '';
      rows.push({
        kind: 'same',
        left: { number: ++x, pieces: whole(text) },
        right: { number: ++y, pieces: whole(text) },
      });
    }
  }
  flush();
  return rows;
}

/** Rows that are shown, and runs of the same lines that are folded (how many). */
export function folded(rows: Row[], around: number): (Row | { hidden: Row[] })[] {
  const isNear = rows.map(() => false);
  rows.forEach((row, k) => {
    if (row.kind === 'same') return;
    for (let n = Math.max(0, k - around); n <= Math.min(rows.length - 1, k + around); n += 1)
      isNear[n] = true;
  });
  const out: (Row | { hidden: Row[] })[] = [];
  rows.forEach((row, k) => {
    const last = out[out.length - 1];
    if (isNear[k]) out.push(row);
    else if (last !== undefined && 'hidden' in last) last.hidden.push(row);
    else out.push({ hidden: [row] });
  });
  return out.flatMap((one) => ('hidden' in one && one.hidden.length < 3 ? one.hidden : [one]));
}
