// What the parts of the instance's view look at: the instance now or as of a record, its drawing
// with statuses, its events in brief, its timeline.
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { useSignal, type ReadonlySignal } from '@preact/signals';
import { get, instancePath, Refusal, withQuery } from '../api/client';
import { onEvent, onReconnect } from '../api/feed';
import type { Attempt, EventBrief, InstanceShown, Layout, Pause, Timeline } from '../api/instance';
import type { EventRecord } from '../api/types';
import { throttle } from '../throttle';
import { looksOf, paint, patch, type Looks } from '../ui/graph-looks';

const NEWS_MS = 400;
const REST = 10; // after an answer nothing is asked for news for so many times as long as it took
const TIMELINE_MS = 1500; // a page of records is more to work out
const TIMELINE_RECORDS = 500;
const EVENTS_PAGE = 200;

export type Answer<T> = { value: T | undefined; error: Refusal | undefined; path: string };

/**
 * The answer to `path`; while another one is asked for, the last one stays. One question at a time:
 * whoever drags through a thousand moments asks as often as the server can answer.
 */
export function useLatest<T>(path: string | null, isNews?: (r: EventRecord) => boolean,
  ms = NEWS_MS): { answer: ReadonlySignal<Answer<T>>; reload: () => void } {
  const answer = useSignal<Answer<T>>({ value: undefined, error: undefined, path: '' });
  const wanted = useRef(path);
  wanted.current = path;
  const asked = useRef('');
  const tookMs = useRef(0);
  const stop = useMemo(() => new AbortController(), []);
  const rest = (): number => Math.max(ms, REST * tookMs.current);
  const load = useMemo(() => throttle(rest, stop.signal, async () => {
    const asking = wanted.current;
    if (asking === null) return;
    asked.current = asking;
    const began = performance.now();
    try {
      const value = await get<T>(asking, stop.signal);
      tookMs.current = performance.now() - began;
      answer.value = { value, error: undefined, path: asking };
    } catch (e) {
      if (stop.signal.aborted) return;
      const error = e instanceof Refusal ? e : new Refusal(String(e), 0);
      answer.value = { value: answer.peek().value, error, path: asking };
    }
  }), []);
  useEffect(() => {
    if (path !== null && path !== asked.current) load.now();
  }, [path]);
  const news = useRef(isNews);
  news.current = isNews;
  useEffect(() => {
    const ends = [onReconnect(load.now), onEvent((r) => news.current?.(r) && load.soon())];
    return () => {
      ends.forEach((end) => end());
      stop.abort();
    };
  }, []);
  return { answer, reload: load.now };
}

export type Model = {
  id: string;
  /** As of `at`; 0: now. */
  at: number;
  shown: InstanceShown | undefined;
  error: Refusal | undefined;
  layout: Layout | undefined;
  looks: Looks | null;
  /** The number of the newest record. */
  revision: number;
  reload: () => void;
};

/** Records that came and are not painted yet: they are taken together, once per frame. */
function useLivePaint(id: string, at: number, looks: Looks | null, seen: (seq: number) => void) {
  useEffect(() => {
    let waiting: EventRecord[] = [];
    let frame = 0;
    const take = (): void => {
      frame = 0;
      const records = waiting;
      waiting = [];
      seen(Math.max(...records.map((r) => r.seq)));
      if (at === 0 && looks !== null) patch(looks, records.flatMap((r) => r.changes ?? []));
    };
    const end = onEvent((record) => {
      if (record.instance !== id) return;
      waiting.push(record);
      if (document.hidden) take();
      else frame ||= requestAnimationFrame(take);
    });
    return () => {
      end();
      cancelAnimationFrame(frame);
    };
  }, [id, at, looks]);
}

export function useInstance(id: string, at: number): Model {
  const path = withQuery(instancePath(id), { fields: 'brief', at: at || null });
  const isNews = (r: EventRecord): boolean => at === 0 && r.instance === id;
  const { answer, reload } = useLatest<InstanceShown>(path, isNews);
  const drawn = useLatest<Layout>(`${instancePath(id)}/graph.json`);
  const layout = drawn.answer.value.value;
  const looks = useMemo(() => (layout === undefined ? null : looksOf(layout)), [layout]);
  const newest = useSignal(0);
  const { value, error, path: answered } = answer.value;
  const revision = Math.max(newest.value, value?.revision ?? 0, at);
  useLivePaint(id, at, looks, (seq) => { newest.value = Math.max(newest.peek(), seq); });
  useEffect(() => { // what is seen of the past does not take back how far now is
    newest.value = Math.max(newest.peek(), value?.revision ?? 0);
    if (looks !== null && value !== undefined) paint(looks, value);
  }, [looks, value]);
  useEffect(() => { // an address may begin in the past: how far now is, is another question
    if (at !== 0) void get<InstanceShown>(withQuery(instancePath(id), { fields: 'brief' }))
      .then((now) => { newest.value = Math.max(newest.peek(), now.revision); }, () => undefined);
  }, [id]);
  return { id, at, shown: value, error: answered === path ? error : undefined, layout, looks,
    revision, reload };
}

/** The events in brief, by number: pages are read when somebody looks at them. */
export type EventPages = {
  find: (seq: number) => EventBrief | undefined;
  want: (first: number, last: number) => void;
};

export function useEventPages(id: string, revision: number): EventPages {
  const version = useSignal(0);
  const pages = useRef(new Map<number, EventBrief[]>());
  const asked = useRef(new Set<number>());
  const newest = useRef(revision);
  newest.current = revision;
  return useMemo(() => {
    const size = (page: number): number =>
      Math.min(EVENTS_PAGE, newest.current - page * EVENTS_PAGE);
    const read = async (page: number): Promise<void> => {
      if (asked.current.has(page)) return;
      asked.current.add(page);
      const path = withQuery(`${instancePath(id)}/events`,
        { fields: 'brief', after: page * EVENTS_PAGE, limit: EVENTS_PAGE });
      try {
        pages.current.set(page, (await get<{ events: EventBrief[] }>(path)).events);
        version.value += 1;
      } finally {
        asked.current.delete(page);
      }
    };
    const want = (first: number, last: number): void => {
      const [from, to] = [Math.max(1, first), Math.min(newest.current, last)];
      for (let page = Math.floor((from - 1) / EVENTS_PAGE); page * EVENTS_PAGE < to; page++)
        if ((pages.current.get(page)?.length ?? 0) < size(page))
          void read(page).catch(() => undefined);
    };
    const find = (seq: number): EventBrief | undefined => {
      void version.value;
      return pages.current.get(Math.floor((seq - 1) / EVENTS_PAGE))?.[(seq - 1) % EVENTS_PAGE];
    };
    return { find, want };
  }, [id]);
}

export type Attempts = {
  attempts: Attempt[];
  pauses: Pause[];
  marks: EventBrief[];
  /** Records before this one are not loaded; 1: all are. */
  first: number;
  loadEarlier: () => void;
  error: Refusal | undefined;
};

const keyOf = (a: Attempt): string => `${a.task} ${a.generation} ${a.attempt} ${a.seq ?? 0}`;

/** What is known of the timeline, which only grows: what ended stays as it was. */
class Known {
  readonly ended = new Map<string, Attempt>();
  readonly pauses = new Map<number, Pause>();
  readonly marks = new Map<number, EventBrief>();
  open: Attempt[] = [];
  openPauses: Pause[] = [];
  first = Infinity;
  last = 0;

  take(page: Timeline, isNewest: boolean): void {
    page.attempts.filter((a) => a.seq).forEach((a) => this.ended.set(keyOf(a), a));
    page.pauses.forEach((p) => p.seq && this.pauses.set(p.seq, p));
    page.marks.forEach((m) => this.marks.set(m.seq, m));
    if (isNewest) {
      this.open = page.attempts.filter((a) => !a.seq);
      this.openPauses = page.pauses.filter((p) => !p.seq);
    }
    this.first = Math.min(this.first, page.first);
    this.last = Math.max(this.last, page.last);
  }
}

/** As they were at a record whose time is `atMs`. */
export function attemptsAsOf(all: Attempt[], at: number, atMs: number): Attempt[] {
  const isLater = (time: string | null): boolean => time === null || Date.parse(time) > atMs;
  return all.flatMap((a) => {
    if (a.seq !== undefined && a.seq <= at) return [a];
    if (isLater(a.sent_at)) return [];
    const started_at = isLater(a.started_at) ? null : a.started_at;
    const { seq: _seq, error: _error, message: _message, retry_at: _retry, ...rest } = a;
    return [{ ...rest, started_at, ended_at: null, ended: null }];
  });
}

export function useTimeline(id: string, at: number, atTime: string | undefined): Attempts {
  const known = useMemo(() => new Known(), [id]);
  const version = useSignal(0);
  const path = withQuery(`${instancePath(id)}/timeline`,
    { newest_first: true, limit: TIMELINE_RECORDS });
  const newest = useLatest<Timeline>(path, (r) => r.instance === id, TIMELINE_MS);
  const { value, error } = newest.answer.value;
  const hasGap = (page: Timeline): boolean => known.last > 0 && page.first > known.last + 1;
  const read = async (after: number): Promise<void> => {
    const page = await get<Timeline>(withQuery(`${instancePath(id)}/timeline`,
      { newest_first: true, after }));
    known.take(page, false);
    version.value += 1;
  };
  useEffect(() => {
    if (value === undefined) return;
    const gap = hasGap(value) ? value.first : 0;
    known.take(value, true);
    version.value += 1;
    if (gap > 0) void read(gap).catch(() => undefined);
  }, [value]);
  const isBefore = at > 0 && at < known.first && known.first < Infinity;
  const past = useLatest<Timeline>(isBefore ? withQuery(`${instancePath(id)}/timeline`,
    { newest_first: true, at }) : null).answer.value.value;
  void version.value;
  const marks = [...known.marks.values()].sort((a, b) => a.seq - b.seq);
  const rest = { marks, error, first: known.first,
    loadEarlier: () => void read(known.first).catch(() => undefined) };
  if (isBefore && past) return { ...rest, attempts: past.attempts, pauses: past.pauses,
    first: past.first };
  const all = [...known.ended.values(), ...known.open];
  const pauses = [...known.pauses.values(), ...known.openPauses];
  const atMs = at > 0 && atTime ? Date.parse(atTime) : NaN;
  if (Number.isNaN(atMs)) return { ...rest, attempts: all, pauses };
  return { ...rest, attempts: attemptsAsOf(all, at, atMs),
    pauses: pauses.filter((p) => Date.parse(p.from) <= atMs) };
}
