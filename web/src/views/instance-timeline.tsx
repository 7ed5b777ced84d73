// The timeline: a row for each task, a bar for each attempt, from sending to its end. Queued,
// running, waiting for a retry, waiting for what it needs; pauses behind all of it.
import { useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import type { Attempt, InstanceShown, Layout, Pause } from '../api/instance';
import { setTerms } from '../route';
import { store } from '../store';
import { Icon } from '../ui/icon';
import { Empty, Failure, Loading } from '../ui/state';
import { length } from '../ui/time';
import { VirtualRows } from '../ui/virtual';
import type { Attempts, Model } from './instance-model';

const ROW_PX = 36;
const NEAR_PX = 3; // bars closer than this are drawn as one
const CHARACTER_PX = 7; // of the word in a bar, which stands there only where there is room
const BAR_INSET_PX = 16;
const LABEL_PX = 190;
const LABEL_PX_NARROW = 112;
const ZOOM_MAX = 64;
const PAUSES_MAX = 50; // drawn behind each row

export type Span = { from: number; to: number };
export type Piece = Span & { kind: 'queued' | 'running' | 'retrying' };
export type Bar = Span & { pieces: Piece[]; attempt: Attempt; count: number };

/** One attempt as pieces of time; what is not over goes on until `now`. */
export function barOf(a: Attempt, now: number): Bar {
  const ms = (at: string | null | undefined): number => (at ? Date.parse(at) : NaN);
  const end = a.ended_at ? ms(a.ended_at) : now;
  const sent = a.sent_at ? ms(a.sent_at) : end;
  const began = a.started_at ? ms(a.started_at) : NaN;
  const pieces: Piece[] = [];
  if (Number.isNaN(began)) pieces.push({ kind: 'queued', from: sent, to: end });
  else pieces.push({ kind: 'queued', from: sent, to: began },
    { kind: 'running', from: began, to: end });
  const retry = ms(a.retry_at);
  const shown = Math.min(retry, Math.max(now, end));
  if (retry > end) pieces.push({ kind: 'retrying', from: end, to: shown });
  return { from: sent, to: Math.max(end, pieces.at(-1)?.to ?? end), pieces, attempt: a, count: 1 };
}

/** Bars that would touch are one: a row has no more of them than it has room for. */
export function mergeBars(bars: Bar[], msPerPx: number): Bar[] {
  const merged: Bar[] = [];
  for (const bar of [...bars].sort((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    const isNear = last !== undefined && bar.from - last.to < NEAR_PX * msPerPx
      && bar.to - bar.from < NEAR_PX * msPerPx && last.to - last.from < 40 * msPerPx;
    if (isNear) merged[merged.length - 1] = { ...last, to: Math.max(last.to, bar.to),
      attempt: bar.attempt, count: last.count + bar.count };
    else merged.push(bar);
  }
  return merged;
}

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 15000, 30000, 60000,
  120000, 300000, 600000, 900000, 1800000, 3600000, 7200000, 21600000, 43200000, 86400000];

/** Moments for the scale, about every `px` of `width`. */
export function ticks(span: Span, width: number, px = 110): number[] {
  const least = ((span.to - span.from) / Math.max(1, width)) * px;
  const step = STEPS.find((s) => s >= least) ?? Math.ceil(least / 86400000) * 86400000;
  const count = Math.floor((span.to - span.from) / step);
  return Array.from({ length: count + 1 }, (_, k) => span.from + k * step);
}

const ENDED = { completed: 'completed', failed: 'failed', timed_out: 'timed out',
  cancelled: 'cancelled', put_back: 'put back', replayed: 'replayed' };

function wordsOf(bar: Bar): string {
  const { attempt: a, count } = bar;
  if (count > 1) return `${count} attempts of ${a.task} in ${length(bar.to - bar.from)}`;
  const how = a.ended ? ENDED[a.ended] : 'goes on';
  return `${a.task}, generation ${a.generation}, attempt ${a.attempt}: ${how}, `
    + `${length(bar.to - bar.from)}${a.error ? `, ${a.error}` : ''}`;
}

type Scale = { span: Span; width: number };
const place = ({ span, width }: Scale, at: number): number =>
  ((at - span.from) / Math.max(1, span.to - span.from)) * width;

function BarMark({ bar, scale }: { bar: Bar; scale: Scale }) {
  const left = place(scale, bar.from);
  const width = Math.max(4, place(scale, bar.to) - left);
  const { task, seq } = bar.attempt;
  const all = Math.max(1, bar.to - bar.from);
  const word = length(bar.to - bar.from);
  return (
    <button type="button" class={`bar-mark e-${bar.attempt.ended ?? 'open'}`} title={wordsOf(bar)}
      aria-label={wordsOf(bar)} style={{ left: `${left}px`, width: `${width}px` }}
      onClick={() => setTerms({ task, event: null, ...(seq ? { at: seq } : {}) })}>
      {bar.count > 1 ? <i class="piece piece-many" style={{ width: '100%' }} />
        : bar.pieces.map((p) => (
          <i key={p.kind} class={`piece piece-${p.kind}`}
            style={{ width: `${((p.to - p.from) / all) * 100}%` }} />
        ))}
      {width > word.length * CHARACTER_PX + BAR_INSET_PX && bar.count === 1
        && <span class="bar-word">{word}</span>}
    </button>
  );
}

type Row = { id: string; name: string; stage: string; bars: Bar[]; generations: number };

function rowsOf(layout: Layout, attempts: Attempt[], now: number): Row[] {
  const byTask = new Map<string, Bar[]>();
  for (const a of attempts) byTask.set(a.task, [...byTask.get(a.task) ?? [], barOf(a, now)]);
  return layout.tasks.map((t) => ({ id: t.id, name: t.name, stage: t.stage,
    bars: byTask.get(t.id) ?? [],
    generations: Math.max(1, ...(byTask.get(t.id) ?? []).map((b) => b.attempt.generation)) }));
}

function spanOf(shown: InstanceShown, rows: Row[], first: number, now: number): Span {
  const bars = rows.flatMap((r) => r.bars);
  const froms = bars.map((b) => b.from);
  const from = first <= 1 || froms.length === 0 ? Date.parse(shown.started_at)
    : froms.reduce((a, b) => Math.min(a, b));
  const to = bars.reduce((latest, b) => Math.max(latest, b.to),
    shown.finished_at ? Date.parse(shown.finished_at) : now);
  return { from, to: Math.max(to, from + 10) };
}

function Pauses({ scale, pauses, now }: { scale: Scale; pauses: Pause[]; now: number }) {
  return (
    <>{pauses.map((p) => {
      const left = place(scale, Date.parse(p.from));
      const right = place(scale, p.to ? Date.parse(p.to) : now);
      return <i key={p.from} class="timeline-pause" title="paused"
        style={{ left: `${left}px`, width: `${Math.max(2, right - left)}px` }} />;
    })}</>
  );
}

function Scaled({ scale }: { scale: Scale }) {
  return (
    <div class="timeline-scale" style={{ width: `${scale.width}px` }} aria-hidden="true">
      {ticks(scale.span, scale.width).map((at) => (
        <span key={at} class="timeline-tick" style={{ left: `${place(scale, at)}px` }}>
          {at === scale.span.from ? '0' : `+${length(at - scale.span.from)}`}</span>
      ))}
    </div>
  );
}

function Legend() {
  const parts: [string, string, string][] = [['open', 'queued', 'queued'],
    ['open', 'running', 'running'], ['completed', 'running', 'completed'],
    ['failed', 'running', 'failed'], ['cancelled', 'running', 'cancelled or replayed'],
    ['open', 'retrying', 'waits for a retry']];
  return (
    <p class="bar-legend quiet">{parts.map(([ended, kind, words]) => (
      <span key={words} class={`e-${ended}`}><i class={`piece piece-${kind}`} />{words}</span>
    ))}<span><i class="piece timeline-pause" />paused</span></p>
  );
}

type Props = { model: Model; shown: InstanceShown; layout: Layout; timeline: Attempts };

function Gantt({ shown, layout, timeline, zoom }: Omit<Props, 'model'> & { zoom: number }) {
  const box = useRef<HTMLDivElement>(null);
  const room = useSignal(0);
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const watch = new ResizeObserver(() => { room.value = element.clientWidth; });
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  const isOver = shown.finished_at !== null;
  const isLive = !isOver && timeline.attempts.some((a) => a.ended_at === null);
  const now = isLive ? store.now.value : Date.parse(shown.updated_at);
  const rows = useMemo(() => rowsOf(layout, timeline.attempts, now),
    [layout, timeline.attempts.length, now, shown]);
  const span = spanOf(shown, rows, timeline.first, now);
  const label = room.value < 560 ? LABEL_PX_NARROW : LABEL_PX;
  const width = Math.max(120, room.value - label - 24) * zoom;
  const scale = { span, width };
  const pauses = timeline.pauses.slice(-PAUSES_MAX);
  const msPerPx = (span.to - span.from) / width;
  const head = (
    <div class="timeline-row timeline-head" role="row" style={{ width: `${label + width + 24}px` }}>
      <span class="timeline-label" role="columnheader" style={{ width: `${label}px` }}>Task</span>
      <span role="columnheader" class="timeline-track">
        <span class="hidden">Attempts</span><Scaled scale={scale} /></span>
    </div>
  );
  return (
    <div ref={box} class="timeline-box">
      {room.value > 0 && (
        <VirtualRows rows={rows} rowHeight={ROW_PX} keyOf={(r) => r.id} label="Timeline" head={head}
          draw={(row, k) => (
            <div class={`timeline-row ${rows[k - 1]?.stage === row.stage ? '' : 'is-first'}`}
              style={{ width: `${label + width + 24}px` }}>
              <span class="timeline-label" role="cell" style={{ width: `${label}px` }}>
                <button type="button" class="link-button" dir="auto" title={row.name}
                  onClick={() => setTerms({ task: row.id, event: null })}>{row.name}</button></span>
              <span class="timeline-track" role="cell" style={{ width: `${width}px` }}>
                <Pauses scale={scale} pauses={pauses} now={now} />
                {mergeBars(row.bars, msPerPx).map((bar) => (
                  <BarMark key={`${bar.attempt.generation} ${bar.attempt.attempt} ${bar.from}`}
                    bar={bar} scale={scale} />
                ))}</span>
            </div>
          )} />
      )}
    </div>
  );
}

export function TimelineView({ shown, layout, timeline }: Props) {
  const zoom = useSignal(1);
  if (timeline.error && timeline.attempts.length === 0)
    return <Failure error={timeline.error} />;
  if (timeline.first === Infinity) return <Loading />;
  if (timeline.attempts.length === 0 && timeline.first <= 1)
    return <Empty title="No task has been sent yet" />;
  return (
    <div class="timeline">
      <div class="timeline-tools">
        <Legend />
        {timeline.first > 1 && (
          <button type="button" onClick={timeline.loadEarlier}>Load what was before event {' '}
            {timeline.first}</button>
        )}
        <button type="button" class="icon-button" aria-label="Wider" title="Wider"
          disabled={zoom.value >= ZOOM_MAX} onClick={() => { zoom.value *= 2; }}>
          <Icon name="plus" /></button>
        <button type="button" class="icon-button" aria-label="Narrower" title="Narrower"
          disabled={zoom.value <= 1} onClick={() => { zoom.value /= 2; }}>
          <Icon name="minus" /></button>
      </div>
      <Gantt shown={shown} layout={layout} timeline={timeline} zoom={zoom.value} />
    </div>
  );
}
