// What happened over time: a column of stacked bars for each length of time, a line above them.
// Pointing at a column, or the arrow keys, tell its numbers.
import { useLayoutEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';

export type Column = { at: number; bars: number[]; line: number };
export type Series = { name: string; look: string };

type Props = {
  label: string;
  columns: Column[];
  width_ms: number;
  bars: Series[];
  line: Series;
  /** Columns before this moment have only a part of what happened. */
  wholeFrom?: number | null;
};

const HEIGHT = 200;
const PAD = { left: 40, right: 8, top: 10, bottom: 24 };
const MARK_ROOM = 30; // from a mark to the end of the picture
const MARKS_MS = [60e3, 300e3, 600e3, 900e3, 1800e3, 3600e3, 7200e3, 14400e3, 21600e3];

/** 0 and up to four round numbers above it. */
export function ticksOf(most: number): number[] {
  const rough = Math.max(1, most) / 3;
  const ten = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 5, 10].map((n) => n * ten).find((n) => n >= rough) ?? 10 * ten);
  return Array.from({ length: Math.ceil(Math.max(1, most) / step) + 1 }, (_, k) => k * step);
}

const sum = (numbers: number[]): number => numbers.reduce((a, b) => a + b, 0);

export const clock = (at: number): string =>
  new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' }).format(at);

/** Moments to name below: on the reader's own clock, not more than fit. */
export function marksOf(from: number, to: number, most: number, zone_ms: number): number[] {
  const step = MARKS_MS.find((ms) => (to - from) / ms <= most) ?? 43200e3;
  const first = Math.ceil((from - zone_ms) / step) * step + zone_ms;
  return Array.from({ length: Math.max(0, Math.ceil((to - first) / step)) },
    (_, k) => first + k * step);
}

function useWidth() {
  const box = useRef<HTMLDivElement>(null);
  const width = useSignal(600);
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const look = () => { width.value = Math.max(240, element.clientWidth); };
    const watch = new ResizeObserver(look);
    watch.observe(element);
    look();
    return () => watch.disconnect();
  }, []);
  return { box, width };
}

type Frame = { left: number; step: number; y: (n: number) => number; bottom: number };

function Bars({ column, k, frame, series }: {
  column: Column; k: number; frame: Frame; series: Series[];
}) {
  let below = 0;
  const gap = frame.step > 6 ? 2 : 1;
  return (
    <>
      {column.bars.map((n, b) => {
        if (n === 0) return null;
        const y = frame.y(below + n);
        const height = Math.max(1.5, frame.y(below) - y);
        below += n;
        return <rect key={b} class={`chart-bar look-${series[b]?.look ?? ''}`} y={y} height={height}
          x={frame.left + k * frame.step + gap / 2} width={Math.max(1, frame.step - gap)} rx={1} />;
      })}
    </>
  );
}

function linePath(columns: Column[], frame: Frame): string {
  return columns.map((c, k) => {
    const x = frame.left + k * frame.step;
    return `${k === 0 ? 'M' : 'L'}${x} ${frame.y(c.line)}H${x + frame.step}`;
  }).join('');
}

function Tip({ props, column, x, width }: {
  props: Props; column: Column; x: number; width: number;
}) {
  const isPart = props.wholeFrom != null && column.at < props.wholeFrom;
  return (
    <div class="chart-tip" style={{ left: `${Math.min(Math.max(x, 80), width - 80)}px` }}>
      <b>{clock(column.at)}–{clock(column.at + props.width_ms)}</b>
      <span class={`key look-${props.line.look}`}>{props.line.name} <b>{column.line}</b></span>
      {props.bars.map((s, k) => (
        <span key={s.name} class={`key look-${s.look}`}>{s.name} <b>{column.bars[k]}</b></span>
      ))}
      {isPart && <span>not all are counted</span>}
    </div>
  );
}

export function Chart(props: Props) {
  const { columns, width_ms, bars, line, label } = props;
  const { box, width } = useWidth();
  const chosen = useSignal<number | null>(null);
  const most = Math.max(...columns.map((c) => Math.max(c.line, sum(c.bars))), 0);
  const ticks = ticksOf(most);
  const top = ticks[ticks.length - 1] ?? 1;
  const bottom = HEIGHT - PAD.bottom;
  const step = (width.value - PAD.left - PAD.right) / Math.max(1, columns.length);
  const y = (n: number) => bottom - (n / top) * (bottom - PAD.top);
  const frame: Frame = { left: PAD.left, step, y, bottom };
  const from = columns[0]?.at ?? 0;
  const to = from + columns.length * width_ms;
  const zone = new Date(from).getTimezoneOffset() * 60e3;
  const x = (at: number) => PAD.left + ((at - from) / width_ms) * step;
  const point = (event: PointerEvent) => {
    const left = (event.currentTarget as HTMLElement).getBoundingClientRect().left;
    const k = Math.floor((event.clientX - left - PAD.left) / step);
    chosen.value = k >= 0 && k < columns.length ? k : null;
  };
  const move = (event: KeyboardEvent) => {
    const by = event.key === 'ArrowLeft' ? -1 : event.key === 'ArrowRight' ? 1 : 0;
    if (by === 0) return;
    event.preventDefault();
    const now = chosen.value ?? columns.length;
    chosen.value = Math.min(columns.length - 1, Math.max(0, now + by));
  };
  const column = chosen.value === null ? undefined : columns[chosen.value];
  return (
    <div class="chart" ref={box} tabIndex={0} role="group" aria-label={label} onKeyDown={move}
      onPointerMove={point} onPointerLeave={() => { chosen.value = null; }}
      onBlur={() => { chosen.value = null; }}>
      <svg width={width.value} height={HEIGHT} aria-hidden="true">
        {ticks.map((n) => (
          <g key={n}>
            <line class="chart-grid" x1={PAD.left} x2={width.value - PAD.right}
              y1={y(n)} y2={y(n)} />
            <text class="chart-text" x={PAD.left - 8} y={y(n) + 4} text-anchor="end">
              {n >= 10000 ? `${n / 1000}k` : n}</text>
          </g>
        ))}
        {marksOf(from, to, Math.max(2, width.value / 90), zone).filter((at) =>
          x(at) > MARK_ROOM && x(at) < width.value - MARK_ROOM).map((at) => (
          <text key={at} class="chart-text" x={x(at)} y={HEIGHT - 6} text-anchor="middle">
            {clock(at)}</text>
        ))}
        {chosen.value !== null && <rect class="chart-chosen" x={PAD.left + chosen.value * step}
          width={step} y={PAD.top} height={bottom - PAD.top} />}
        {columns.map((c, k) => <Bars key={c.at} column={c} k={k} frame={frame} series={bars} />)}
        <path class={`chart-line look-${line.look}`} d={linePath(columns, frame)} />
      </svg>
      <div aria-live="polite">
        {column && <Tip props={props} column={column} width={width.value}
          x={PAD.left + ((chosen.value ?? 0) + 0.5) * step} />}
      </div>
    </div>
  );
}

/** What the colours mean, each with how many there were. */
export function Legend({ series, numbers }: { series: Series[]; numbers: number[] }) {
  return (
    <ul class="legend">
      {series.map((s, k) => (
        <li key={s.name} class={`key look-${s.look}`}>
          {s.name} <b class="figures">{(numbers[k] ?? 0).toLocaleString()}</b></li>
      ))}
    </ul>
  );
}
