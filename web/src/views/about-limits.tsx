// The limits in force, to be looked through.
import { useSignal } from '@preact/signals';
import type { Limit } from '../api/types';
import { setTerms, term } from '../route';
import { amount } from '../ui/amount';
import { Icon } from '../ui/icon';
import { Card } from '../ui/page';

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
              <td class="number" title={`${l.value} ${l.unit ?? ''}`}>
                {amount(l.value, l.unit)}</td></tr>
          ))}
        </tbody>
      </table>
      {shown.length === 0 && <p class="card-note">No limit is called so.</p>}
    </Card>
  );
}
