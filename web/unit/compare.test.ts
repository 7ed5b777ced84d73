import { compare, folded, steps, withinLine } from '../src/ui/compare';
import { equal, must, test } from './harness';

const said = (a: string, b: string): string[] =>
  compare(a, b).map(
    ({ kind, left, right }) => `${kind} ${left?.number ?? '-'}:${right?.number ?? '-'}`,
  );

test('lines are the same, gone, new or changed', () => {
  equal(said('a\nb\nc\n', 'a\nc\nd\n'), ['same 1:1', 'removed 2:-', 'same 3:2', 'added -:3']);
  equal(said('name: pizza\nx\n', 'name: pasta\nx\n'), ['changed 1:1', 'same 2:2']);
  equal(said('abc\n', 'xyz\n'), ['removed 1:-', 'added -:1']);
  equal(said('a\r\nb', 'a\nb\n'), ['same 1:1', 'same 2:2']);
  equal(said('', ''), ['same 1:1']);
});

test('the words that differ are marked', () => {
  const [left, right] = withinLine(
    '  timeout: {running: 10m}',
    '  timeout: {running: 20m, total: 1h}',
  ) ?? [[], []];
  equal(
    left.filter((one) => one.isOther).map((one) => one.text),
    ['10m'],
  );
  equal(
    right.filter((one) => one.isOther).map((one) => one.text),
    ['20m, total: 1h'],
  );
  equal(
    [left, right].map((side) => side.map((one) => one.text).join('')),
    ['  timeout: {running: 10m}', '  timeout: {running: 20m, total: 1h}'],
  );
  equal(withinLine('a', 'b'), null);
});

test('the steps make the one text from the other, with no step too many', () => {
  let seed = 3;
  const any = (most: number): number => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return Math.floor((seed / 2147483648) * most);
  };
  for (let round = 0; round < 300; round += 1) {
    const [a, b] = [0, 1].map(() => Array.from({ length: any(12) }, () => 'abc'[any(3)] ?? ''));
    if (a === undefined || b === undefined) return;
    const path = steps(a, b);
    const made: string[] = [];
    let [x, y] = [0, 0];
    for (const step of path) {
      if (step === 'added') made.push(b[y++] ?? '');
      else if (step === 'removed') x += 1;
      else {
        must(a[x] === b[y], 'the same is the same');
        made.push(a[x++] ?? '');
        y += 1;
      }
    }
    equal([made, x], [b, a.length]);
    equal(path.filter((step) => step === 'same').length, longest(a, b));
  }
});

/** The length of the longest common subsequence, the slow way. */
function longest(a: string[], b: string[]): number {
  const best = Array.from({ length: a.length + 1 }, () =>
    new Array<number>(b.length + 1).fill(0),
  );
  for (let i = 1; i <= a.length; i += 1)
    for (let k = 1; k <= b.length; k += 1)
      (best[i] as number[])[k] =
        a[i - 1] === b[k - 1]
          ? (best[i - 1]?.[k - 1] ?? 0) + 1
          : Math.max(best[i - 1]?.[k] ?? 0, best[i]?.[k - 1] ?? 0);
  return best[a.length]?.[b.length] ?? 0;
}

test('texts that have nothing in common are replaced, however long', () => {
  const many = (letter: string): string =>
    Array.from({ length: 5000 }, (_, k) => `${letter}${k}`).join('\n');
  equal(compare(many('a'), many('b')).length, 10000);
});

test('far from a change the same lines are folded', () => {
  const text = Array.from({ length: 30 }, (_, k) => `line ${k}`);
  const rows = compare(
    text.join('\n'),
    [...text.slice(0, 15), 'new', ...text.slice(15)].join('\n'),
  );
  equal(
    folded(rows, 2).map((one) => ('hidden' in one ? one.hidden.length : one.kind)),
    [13, 'same', 'same', 'added', 'same', 'same', 13],
  );
});
