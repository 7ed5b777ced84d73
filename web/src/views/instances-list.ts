// The instances that match, page by page as the reader scrolls, kept true by the feed without
// moving under him: what changes is changed in place, what matches no more stays until he asks
// anew, what is new waits at the top.
import { useEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { get, instancePath, withQuery, type Query, type Refusal } from '../api/client';
import { onEvent, onReconnect } from '../api/feed';
import type { Summary } from '../api/types';
import { changesStatus, isOfInstance, movesInstances } from '../news';
import { throttle } from '../throttle';

export const PAGE = 100;
const NEWS_MS = 1000;
const PAGES_AT_ONCE = 3; // asked again for one round of news
const GONE_AT_ONCE = 20;

export type Row = Summary & { page: number; isGone?: boolean; changedAt?: number };
type Answer = { instances: Summary[]; next?: string | null };

export type List = {
  rows: Row[];
  /** New ones that wait above, newest first. */
  fresh: Summary[];
  /** There are so many new ones that there is a gap below them: the list must be read anew. */
  hasGap: boolean;
  isLoading: boolean;
  isEnd: boolean;
  error: Refusal | undefined;
};

const EMPTY: List = { rows: [], fresh: [], hasGap: false, isLoading: true, isEnd: false,
  error: undefined };

const isChanged = (a: Summary, b: Summary): boolean =>
  a.updated_at !== b.updated_at || a.status !== b.status;

/** A page as the server gives it now, put into what is shown. */
export function mergePage(list: List, page: number, now: Summary[], at: number): List {
  const found = new Map(now.map((s) => [s.instance, s]));
  const rows = list.rows.map((row): Row => {
    const s = found.get(row.instance);
    if (s === undefined) return row.page === page && !row.isGone ? { ...row, isGone: true } : row;
    if (!isChanged(row, s)) return row.isGone ? { ...row, isGone: false } : row;
    return { ...row, ...s, isGone: false, changedAt: at };
  });
  if (page !== 0) return { ...list, rows };
  const known = new Set(rows.map((r) => r.instance));
  const newest = rows[0]?.started_at ?? '';
  const fresh = now.filter((s) => !known.has(s.instance) && s.started_at >= newest);
  const waiting = list.fresh.filter((s) => !found.has(s.instance) && !known.has(s.instance));
  const hasGap = list.hasGap || (now.length === PAGE && fresh.length === now.length);
  return { ...list, rows, hasGap, fresh: [...fresh, ...waiting] };
}

class Loader {
  private list = EMPTY;
  private after: string[] = []; // where each page begins
  private next: string | null = '';
  private stale = new Set<number>();
  private isBusy = false;
  private readonly stop = new AbortController();
  private readonly ends: (() => void)[];
  private readonly news = throttle(NEWS_MS, this.stop.signal, () => this.refresh());

  constructor(private readonly query: Query, private readonly show: (list: List) => void) {
    this.ends = [onEvent((record) => {
      if (!isOfInstance(record) && !movesInstances(record)) return;
      const row = this.list.rows.find((r) => r.instance === record.instance);
      if (row === undefined && !changesStatus(record) && !movesInstances(record)) return;
      this.stale.add(row?.page ?? 0);
      this.news.soon();
    }), onReconnect(() => {
      this.after.forEach((_, page) => this.stale.add(page));
      if (this.after.length > 0) this.news.soon();
    })];
    void this.more();
  }

  end(): void {
    this.stop.abort();
    this.ends.forEach((end) => end());
  }

  private put(list: List): void {
    this.list = list;
    if (!this.stop.signal.aborted) this.show(list);
  }

  private read(after: string): Promise<Answer> {
    const path = withQuery('v1/instances', { ...this.query, limit: PAGE, after });
    return get<Answer>(path, this.stop.signal);
  }

  /** The next page, and where few match as many as it takes to have one row more. */
  more = async (): Promise<void> => {
    if (this.isBusy || this.next === null) return;
    this.isBusy = true;
    this.put({ ...this.list, isLoading: true, error: undefined });
    try {
      const known = new Set(this.list.rows.map((r) => r.instance));
      for (let got = 0; got === 0 && this.next !== null;) {
        const page = this.after.length;
        const answer = await this.read(this.next);
        this.after.push(this.next);
        this.next = answer.next ?? null;
        const rows = answer.instances.filter((s) => !known.has(s.instance))
          .map((s): Row => ({ ...s, page }));
        got = rows.length;
        this.put({ ...this.list, rows: [...this.list.rows, ...rows] });
      }
      this.put({ ...this.list, isLoading: false, isEnd: this.next === null });
    } catch (e) {
      this.put({ ...this.list, isLoading: false, error: e as Refusal });
    }
    this.isBusy = false;
  };

  private async refresh(): Promise<void> {
    const pages = [...this.stale].sort((a, b) => a - b).slice(0, PAGES_AT_ONCE);
    for (const page of pages) {
      this.stale.delete(page);
      const answer = await this.read(this.after[page] ?? '').catch(() => null);
      if (answer === null || this.stop.signal.aborted) return;
      this.put(mergePage(this.list, page, answer.instances, Date.now()));
    }
    await this.lookAfterGone(pages);
    if (this.stale.size > 0) this.news.soon();
  }

  /** What matches no more is still shown as it is. */
  private async lookAfterGone(pages: number[]): Promise<void> {
    const gone = this.list.rows.filter((r) => r.isGone && pages.includes(r.page))
      .slice(0, GONE_AT_ONCE);
    const now = await Promise.all(gone.map((r) =>
      get<Summary>(instancePath(r.instance), this.stop.signal).catch(() => null)));
    const found = new Map(now.filter((s) => s !== null).map((s) => [s.instance, s]));
    this.put({ ...this.list, rows: this.list.rows.map((row): Row => {
      const s = found.get(row.instance);
      return s && isChanged(row, s) ? { ...row, status: s.status, stage: s.stage,
        business_status: s.business_status, updated_at: s.updated_at } : row;
    }) });
  }

  showFresh = (): void => {
    const fresh = this.list.fresh.map((s): Row => ({ ...s, page: 0, changedAt: Date.now() }));
    this.put({ ...this.list, rows: [...fresh, ...this.list.rows], fresh: [] });
  };
}

/** `name` tells one question from another; a new `round` asks the same one anew. */
export function useList(name: string, query: () => Query, round: number) {
  const question = `${round} ${name}`;
  const shown = useSignal({ question, list: EMPTY });
  const loader = useRef<Loader | null>(null);
  useEffect(() => {
    const mine = new Loader(query(), (list) => { shown.value = { question, list }; });
    loader.current = mine;
    return () => mine.end();
  }, [question]);
  const list = shown.value.question === question ? shown.value.list : EMPTY;
  return { list, more: () => void loader.current?.more(),
    showFresh: () => loader.current?.showFresh() };
}
