// The frame of one view: its title, what one can do there, and the content below.
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';

type Props = {
  title: string;
  /** Links that lead up: [text, address]. */
  trail?: [string, string][];
  actions?: ComponentChildren;
  /** Beside the title: a status, a version. */
  beside?: ComponentChildren;
  /** The content scrolls by itself and fills the height (lists, graphs). */
  isFull?: boolean;
  children: ComponentChildren;
};

export function Page({ title, trail, actions, beside, isFull, children }: Props) {
  useEffect(() => {
    document.title = `${title} · swm`;
  }, [title]);
  return (
    <div class={`view ${isFull ? 'view-full' : ''}`}>
      <header class="view-head">
        <div class="view-title">
          {trail?.map(([text, to]) => <a key={to} class="trail" href={to}>{text}</a>)}
          <h1 dir="auto">{title}</h1>
          {beside}
        </div>
        {actions && <div class="view-actions">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

/** A card with a heading; `aside` stands at its right end. */
export function Card({ title, aside, children, isPlain }: {
  title?: string; aside?: ComponentChildren; children: ComponentChildren; isPlain?: boolean;
}) {
  return (
    <section class={`card ${isPlain ? 'card-plain' : ''}`} aria-label={title}>
      {title !== undefined && <header class="card-head"><h2>{title}</h2>{aside}</header>}
      {children}
    </section>
  );
}
