// Filters of instances: from the terms of the address to words for people, to what the server is
// asked, and to the command line. The terms are the server's own, and `started`, `changed`: lengths
// of time back from now, so that a saved view stays of use.
import type { Query } from '../api/client';
import type { InstanceStatus } from '../api/types';
import { allTerms, readTerms } from '../route';

export const STATUSES: InstanceStatus[] =
  ['RUNNING', 'PAUSED', 'FAILED', 'COMPLETED', 'CANCELLED'];

export const NAMES = ['status', 'template', 'version', 'stage', 'business_status', 'key', 'started',
  'started_since', 'started_until', 'changed', 'since', 'until'] as const;
export type Name = typeof NAMES[number];
export type Filter = Partial<Record<Name, string>>;

export const SPANS: [string, string, number][] = [['15m', 'last 15 minutes', 15 * 60e3],
  ['1h', 'last hour', 3600e3], ['24h', 'last 24 hours', 24 * 3600e3],
  ['7d', 'last 7 days', 7 * 24 * 3600e3], ['30d', 'last 30 days', 30 * 24 * 3600e3]];

const spanOf = (name: string | undefined) => SPANS.find(([id]) => id === name);

export const readFilter = (query: URLSearchParams): Filter => readTerms(NAMES, query);
export const termsOf = (filter: Filter): Record<Name, string | null> => allTerms(NAMES, filter);

export const isSame = (a: Filter, b: Filter): boolean =>
  NAMES.every((n) => (a[n] ?? '') === (b[n] ?? ''));

/* Values: `a,b` is either; a backslash before a character takes it as it is. */

export function splitValues(text: string | undefined): string[] {
  if (!text) return [];
  const values = [''];
  for (let k = 0; k < text.length; k++) {
    if (text[k] === ',') values.push('');
    else {
      if (text[k] === '\\' && k + 1 < text.length) k++;
      values[values.length - 1] += text[k];
    }
  }
  return values.filter((v) => v !== '');
}

const escape = (value: string): string => value.replace(/[\\,]/g, (c) => `\\${c}`);
export const joinValues = (values: string[]): string => values.map(escape).join(',');

export function toggleValue(text: string | undefined, value: string): string {
  const values = splitValues(text);
  return joinValues(values.includes(value) ? values.filter((v) => v !== value)
    : [...values, value]);
}

/** What a reader types finds keys that begin so. */
export const keyTerm = (typed: string): string =>
  typed.trim() === '' ? '' : `${escape(typed.trim()).replace(/\*$/, '\\*')}*`;

export function typedKey(term: string | undefined): string {
  if (!term) return '';
  const text = isPrefix(term) ? term.slice(0, -1) : term;
  return splitValues(text).join(',');
}

/** A star at the end that no backslash takes as it is. */
function isPrefix(term: string): boolean {
  return /(^|[^\\])(\\\\)*\*$/.test(term);
}

/** What the server is asked: lengths of time become moments, counted from `now`. */
export function queryOf(filter: Filter, now: number): Query {
  const { started, changed, ...others } = filter;
  const back = (name: string | undefined) => {
    const span = spanOf(name);
    return span ? new Date(now - span[2]).toISOString() : undefined;
  };
  return { ...others, started_since: others.started_since ?? back(started),
    since: others.since ?? back(changed) };
}

/* Words */

export type Chip = { words: string; names: Name[] };

const LABELS: Partial<Record<Name, string>> = { template: 'Template', version: 'Version',
  stage: 'Stage', business_status: 'Business status' };

function momentWords(at: string): string {
  const ms = Date.parse(at);
  return Number.isNaN(ms) ? at : new Intl.DateTimeFormat(undefined,
    { dateStyle: 'medium', timeStyle: 'short' }).format(ms);
}

function timeChip(word: string, names: [Name, Name, Name], filter: Filter): Chip[] {
  const [span, since, until] = names.map((n) => filter[n]);
  const words = [since ? `from ${momentWords(since)}` : spanOf(span)?.[1] ?? '',
    until ? `until ${momentWords(until)}` : ''].filter((w) => w !== '');
  return words.length > 0 ? [{ words: `${word} ${words.join(' ')}`, names }] : [];
}

/** One for each thing that is asked, but for the statuses, which are always seen. */
export function chipsOf(filter: Filter): Chip[] {
  const chips: Chip[] = [];
  for (const name of ['template', 'version', 'stage', 'business_status'] as const) {
    const values = splitValues(filter[name]);
    if (values.length > 0)
      chips.push({ words: `${LABELS[name]} ${values.join(' or ')}`, names: [name] });
  }
  if (filter.key) {
    const how = isPrefix(filter.key) ? 'begins with' : 'is';
    chips.push({ words: `Key ${how} ${typedKey(filter.key)}`, names: ['key'] });
  }
  return [...chips, ...timeChip('Started', ['started', 'started_since', 'started_until'], filter),
    ...timeChip('Changed', ['changed', 'since', 'until'], filter)];
}

/** `swm list` takes what most filters have; what it lacks is left out, which `isWhole` tells. */
export function cliOf(filter: Filter): { words: string[]; isWhole: boolean } {
  const words = (['template', 'status', 'stage', 'key'] as const)
    .flatMap((n) => (filter[n] ? [`--${n}`, filter[n]] : []));
  const since = filter.since ?? filter.changed;
  if (since) words.push('--since', since);
  const known = ['template', 'status', 'stage', 'key', 'since', 'changed'];
  return { words, isWhole: NAMES.every((n) => !filter[n] || known.includes(n)) };
}
