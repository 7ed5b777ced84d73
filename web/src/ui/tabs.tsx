// Parts of a view of which one is shown; which one is in the address.
import { setTerms, term } from '../route';

export function Tabs({ name, tabs }: { name: string; tabs: [id: string, text: string][] }) {
  const chosen = term(name) || tabs[0]?.[0];
  return (
    <div class="tabs" role="tablist">
      {tabs.map(([id, text], k) => (
        <button key={id} type="button" role="tab" aria-selected={id === chosen} class="tab"
          tabIndex={id === chosen ? 0 : -1}
          onClick={() => setTerms({ [name]: k === 0 ? null : id })}
          onKeyDown={(event) => move(event, k, tabs.length)}>{text}</button>
      ))}
    </div>
  );
}

function move(event: KeyboardEvent, from: number, count: number): void {
  const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
  if (step === 0) return;
  event.preventDefault();
  const list = (event.currentTarget as HTMLElement).parentElement;
  const next = list?.children[(from + step + count) % count] as HTMLElement | undefined;
  next?.focus();
  next?.click();
}

/** The chosen one of Tabs with that name. */
export const chosenTab = (name: string, first: string): string => term(name) || first;
