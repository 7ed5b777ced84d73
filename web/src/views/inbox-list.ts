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

export function useInbox(name: string, query: Query) {
  const list = useSignal<TaskList>(NOTHING);
  const place = useRef({ next: null as string | null, round: 0 });
  const read = async (after: string | null, limit: number): Promise<void> => {
    const round = ++place.current.round;
    try {
      const page = await get<Inbox>(withQuery('v1/tasks', { ...query, after, limit }));
      if (round !== place.current.round) return;
      const before = after === null ? [] : list.peek().tasks;
      place.current.next = page.next;
      list.value = { tasks: [...before, ...page.tasks], isEnd: page.next === null,
        count: page.count ?? (after === null ? undefined : list.peek().count),
        isMore: page.more ?? list.peek().isMore, isLoading: false, error: undefined };
    } catch (e) {
      if (round !== place.current.round) return;
      const error = e instanceof Refusal ? e : new Refusal(String(e), 0);
      list.value = { ...list.peek(), isLoading: false, error };
    }
  };
  const reload = useRef<() => void>(() => undefined);
  useEffect(() => {
    place.current = { next: null, round: 0 };
    list.value = NOTHING;
    const again = throttle(() => NEWS_MS, () =>
      read(null, Math.min(RELOADED_MAX, Math.max(PAGE, list.peek().tasks.length))));
    reload.current = again.now;
    again.now();
    const ends = [onReconnect(again.now), onEvent((r) => mayMatter(r) && again.soon())];
    return () => {
      ends.forEach((end) => end());
      place.current.round++;
    };
  }, [name]);
  const more = () => {
    if (list.peek().isLoading || list.peek().isEnd || list.peek().error) return;
    list.value = { ...list.peek(), isLoading: true };
    void read(place.current.next, PAGE);
  };
  return { list: list.value, more, reload: () => reload.current() };
}
