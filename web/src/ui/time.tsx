// Times for people: told from now where that says more, the exact moment when pointed at.
import { store } from '../store';

const UNITS: [string, number][] = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]];

/** "850 ms", "3.2 s", "12 min", "2 h 5 min". */
export function length(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 10000) return `${(ms / 1000).toFixed(1)} s`;
  const s = Math.round(ms / 1000);
  const k = UNITS.findIndex(([, size]) => s >= size);
  const [unit, size] = UNITS[k] ?? ['s', 1];
  const [small, smallSize] = UNITS[k + 1] ?? ['', 0];
  const rest = smallSize > 0 ? Math.floor((s % size) / smallSize) : 0;
  return `${Math.floor(s / size)} ${unit}${rest > 0 ? ` ${rest} ${small}` : ''}`;
}

/** "3 min": one unit, for a moment that goes on. */
function short(ms: number): string {
  const s = Math.max(1, Math.round(ms / 1000));
  const [unit, size] = UNITS.find(([, n]) => s >= n) ?? ['s', 1];
  return `${Math.floor(s / size)} ${unit}`;
}

export function fromNow(at: number, now: number): string {
  const ms = now - at;
  if (Math.abs(ms) < 1000) return 'now';
  return ms > 0 ? `${short(ms)} ago` : `in ${short(-ms)}`;
}

export function exact(at: string): string {
  const ms = Date.parse(at);
  if (Number.isNaN(ms)) return at;
  const style = { dateStyle: 'medium', timeStyle: 'medium' } as const;
  return new Intl.DateTimeFormat(undefined, style).format(ms);
}

export function Moment({ at }: { at: string | null | undefined }) {
  const ms = at ? Date.parse(at) : NaN;
  if (!at || Number.isNaN(ms)) return <span class="quiet">—</span>;
  return <time dateTime={at} title={exact(at)}>{fromNow(ms, store.now.value)}</time>;
}

/** How long from `from` until `to`, or until now. */
export function Elapsed({ from, to }: { from: string; to?: string | null }) {
  const end = to ? Date.parse(to) : store.now.value;
  return <span class="figures">{length(Math.max(0, end - Date.parse(from)))}</span>;
}

/** The local time in an input as the moment that the server takes, and back. */
export const momentOf = (local: string): string => (local ? new Date(local).toISOString() : '');
export function localOf(moment: string | undefined): string {
  const ms = Date.parse(moment ?? '');
  if (Number.isNaN(ms)) return '';
  return new Date(ms - new Date(ms).getTimezoneOffset() * 60e3).toISOString().slice(0, 16);
}
