// What waits for people, page by page in the server's order, and again when the feed tells that
// something came or went.
import { useEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { get, Refusal, withQuery, type Query } from '../api/client';
import { onEvent, onReconnect } from '../api/feed';
import type { EventRecord, Inbox, PersonsTask } from '../api/types';
import { throttle } from '../throttle';

const PAGE = 50;
const RELOADED_MAX = 1000;
const NEWS_MS = 500;

export type TaskList = {
  tasks: PersonsTask[];
  count: number | undefined;
  isMore: boolean;
  isEnd: boolean;
  isLoading: boolean;
  error: Refusal | undefined;
};

const NOTHING: TaskList = { tasks: [], count: undefined, isMore: false, isEnd: false,
  isLoading: true, error: undefined };

export const nameOf = (t: PersonsTask): string => `${t.instance}/${t.task}`;

/** Something about a task, or a whole instance, is another one now. */
const mayMatter = (r: EventRecord): boolean => r.verdict === 'applied'
  && (r.changes?.some((c) => c.path === 'status' || /^tasks\..*\.status$/.test(c.path)) ?? false);

/** The pages of one question. */
class Pages {
  private list = NOTHING;
  private next: string | null = null;
  private round = 0; // of answers on their way only the one asked for last counts
  private readonly stop = new AbortController();
  private readonly ends: (() => void)[];
  private readonly news = throttle(NEWS_MS, this.stop.signal, () =>
    this.read(null, Math.min(RELOADED_MAX, Math.max(PAGE, this.list.tasks.length))));

  constructor(private readonly query: Query, private readonly show: (list: TaskList) => void) {
    this.ends = [onReconnect(this.news.now), onEvent((r) => mayMatter(r) && this.news.soon())];
    this.news.now();
  }

  end(): void {
    this.stop.abort();
    this.ends.forEach((end) => end());
  }

  reload = (): void => this.news.now();

  more = (): void => {
    if (this.list.isLoading || this.list.isEnd || this.list.error) return;
    this.put({ ...this.list, isLoading: true });
    void this.read(this.next, PAGE);
  };

  private put(list: TaskList): void {
    this.list = list;
    this.show(list);
  }

  private async read(after: string | null, limit: number): Promise<void> {
    const round = ++this.round;
    const isLate = (): boolean => this.stop.signal.aborted || round !== this.round;
    try {
      const path = withQuery('v1/tasks', { ...this.query, after, limit });
      const page = await get<Inbox>(path, this.stop.signal);
      if (isLate()) {
        if (after === null) this.news.soon(); // a page more was asked for meanwhile
        return;
      }
      const before = after === null ? [] : this.list.tasks;
      this.next = page.next;
      this.put({ tasks: [...before, ...page.tasks], isEnd: page.next === null,
        count: page.count ?? (after === null ? undefined : this.list.count),
        isMore: page.more ?? this.list.isMore, isLoading: false, error: undefined });
    } catch (e) {
      if (isLate()) return;
      const error = e instanceof Refusal ? e : new Refusal(String(e), 0);
      this.put({ ...this.list, isLoading: false, error });
    }
  }
}

/** The list of `name`: another one for another name. */
export function useInbox(name: string, query: Query) {
  const shown = useSignal({ name, list: NOTHING });
  const pages = useRef<Pages | null>(null);
  useEffect(() => {
    const mine = new Pages(query, (list) => { shown.value = { name, list }; });
    pages.current = mine;
    return () => mine.end();
  }, [name]);
  const list = shown.value.name === name ? shown.value.list : NOTHING;
  return { list, more: () => pages.current?.more(), reload: () => pages.current?.reload() };
}
