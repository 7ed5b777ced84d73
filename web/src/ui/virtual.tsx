// A list of any length that draws only what can be seen: rows of one height in a box that scrolls.
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';

const BEYOND = 8; // rows drawn above and below what can be seen

type Props<T> = {
  rows: readonly T[];
  /** How many there are when all are loaded; absent: as many as `rows`. */
  total?: number;
  rowHeight: number;
  keyOf: (row: T) => string;
  draw: (row: T, index: number) => ComponentChildren;
  /** Called when the end of what is loaded comes near. */
  onEnd?: () => void;
  /** Called with what is drawn now: from the index `first` up to, without, `last`. */
  onLook?: (first: number, last: number) => void;
  label: string;
  head?: ComponentChildren;
};

export function VirtualRows<T>(props: Props<T>) {
  const { rows, total, rowHeight, keyOf, draw, onEnd, onLook, label, head } = props;
  const box = useRef<HTMLDivElement>(null);
  const seen = useSignal({ top: 0, height: 800 });
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const look = () => { seen.value = { top: element.scrollTop, height: element.clientHeight }; };
    const watch = new ResizeObserver(look);
    watch.observe(element);
    element.addEventListener('scroll', look, { passive: true });
    return () => {
      watch.disconnect();
      element.removeEventListener('scroll', look);
    };
  }, []);
  const first = Math.max(0, Math.floor(seen.value.top / rowHeight) - BEYOND);
  const last = Math.min(rows.length,
    Math.ceil((seen.value.top + seen.value.height) / rowHeight) + BEYOND);
  useLayoutEffect(() => {
    if (last >= rows.length - BEYOND) onEnd?.();
  }, [last, rows.length, onEnd]);
  useLayoutEffect(() => onLook?.(first, last), [first, last, rows.length]);
  const shown = rows.slice(first, last);
  const height = `${rowHeight}px`;
  return (
    <div ref={box} class="virtual" role="table" aria-label={label} tabIndex={0}
      aria-rowcount={(total ?? rows.length) + (head ? 1 : 0)}>
      {head && <div class="virtual-head" role="rowgroup">{head}</div>}
      <div class="virtual-all" role="rowgroup" style={{ height: `${rows.length * rowHeight}px` }}>
        {shown.map((row, k) => (
          <div key={keyOf(row)} class="virtual-row" role="row" aria-rowindex={first + k + 2}
            style={{ transform: `translateY(${(first + k) * rowHeight}px)`, height }}>
            {draw(row, first + k)}
          </div>
        ))}
      </div>
    </div>
  );
}
