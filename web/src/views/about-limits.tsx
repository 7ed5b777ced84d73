// The limits in force, to be looked through.
import { useSignal } from '@preact/signals';
import type { Limit } from '../api/types';
import { setTerms, term } from '../route';
import { Icon } from '../ui/icon';
import { Card } from '../ui/page';
import { length } from '../ui/time';

const KIB = 1024;
const YEAR_MS = 365 * 24 * 3600 * 1000;

/** 1048576 bytes -> "1 MiB", 31536000000 ms -> "365 d", 1000 -> "1,000". */
export function tellLimit({ value, unit }: Pick<Limit, 'value' | 'unit'>): string {
  if (unit === 'ms' && value % YEAR_MS === 0) return `${value / YEAR_MS} years`;
  if (unit === 'ms') return length(value);
  if (unit === 's') return length(value * 1000);
  if (unit !== 'bytes') return value.toLocaleString();
  const sizes: [string, number][] = [['GiB', KIB ** 3], ['MiB', KIB ** 2], ['KiB', KIB]];
  const [word, size] = sizes.find(([, n]) => value >= n && value % n === 0) ?? ['bytes', 1];
  return `${(value / size).toLocaleString()} ${word}`;
}

export function Limits({ limits }: { limits: Limit[] }) {
  const typed = useSignal(term('limit'));
  const wanted = typed.value.trim().toLowerCase();
  const shown = limits.filter((l) => `${l.what} ${l.name}`.toLowerCase().includes(wanted));
  const look = (text: string) => {
    typed.value = text;
    setTerms({ limit: text }, true);
  };
  const search = (
    <label class="search"><Icon name="search" /><span class="hidden">Look for a limit</span>
      <input type="search" value={typed.value} placeholder="Look for a limit…" autocomplete="off"
        onInput={(e) => look(e.currentTarget.value)} /></label>
  );
  return (
    <Card title="Limits in force" aside={search} isPlain>
      <table class="table limits">
        <thead><tr><th>Of</th><th class="number">At most</th></tr></thead>
        <tbody>
          {shown.map((l) => (
            <tr key={l.name}><td title={l.name}>{l.what}</td>
              <td class="number" title={`${l.value} ${l.unit ?? ''}`}>{tellLimit(l)}</td></tr>
          ))}
        </tbody>
      </table>
      {shown.length === 0 && <p class="card-note">No limit is called so.</p>}
    </Card>
  );
}
