// Sizes, times and numbers of things, for people.
import { length } from './time';

const KIB = 1024;
const YEAR_MS = 365 * 24 * 3600 * 1000;

/** 1048576 bytes -> "1 MiB", 315360000000 ms -> "10 years", 1000 -> "1,000". */
export function amount(value: number, unit: string | null): string {
  if (unit === 'ms' && value % YEAR_MS === 0) return `${value / YEAR_MS} years`;
  if (unit === 'ms') return length(value);
  if (unit === 's') return length(value * 1000);
  if (unit !== 'bytes') return value.toLocaleString();
  const sizes: [string, number][] = [['GiB', KIB ** 3], ['MiB', KIB ** 2], ['KiB', KIB]];
  const [word, size] = sizes.find(([, n]) => value >= n && value % n === 0) ?? ['bytes', 1];
  return `${(value / size).toLocaleString()} ${word}`;
}
