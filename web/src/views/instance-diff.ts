// What differs between two texts, by lines, one after the other.
import { steps } from '../ui/compare';

export type Line = { kind: 'same' | 'old' | 'new'; text: string };

const KINDS = { same: 'same', removed: 'old', added: 'new' } as const;

export function diffLines(before: string, after: string): Line[] {
  const [a, b] = [before.split('\n'), after.split('\n')];
  let [i, j] = [0, 0];
  return steps(a, b).map((step): Line => {
    const text = (step === 'added' ? b[j] : a[i]) ?? '';
    if (step !== 'added') i += 1;
    if (step !== 'removed') j += 1;
    return { kind: KINDS[step], text };
  });
}
