// Events from the newest back, page by page, and those that come meanwhile before them. What is
// rare is looked for in steps: the list says how far back it has come, until it is told to stop.
import { useEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { get, Refusal, withQuery, type Query } from '../api/client';
import { onEvent } from '../api/feed';
import type { EventRecord, Feed } from '../api/types';

const PAGE = 100;
const STEPS_MAX = 25; // pages without a match before the reader is asked
const ROWS_MAX = 5000;
const FLUSH_MS = 200;

export type FeedList = {
  rows: EventRecord[];
  /** They came while the list stood still. */
  fresh: EventRecord[];
  isEnd: boolean;
  isLoading: boolean;
  /** Nothing was found for so long that the reader is asked whether to go on. */
  isHalted: boolean;
  searchedTo: string | null;
  error: Refusal | undefined;
};

const NOTHING: FeedList = { rows: [], fresh: [], isEnd: false, isLoading: true, isHalted: false,
  searchedTo: null, error: undefined };

export const nameOf = (r: EventRecord): string => `${r.instance}:${r.seq}`;

type Options = {
  path: string;
  query: Query;
  /** Whether an event that has come belongs to the list. */
  isWanted: (record: EventRecord) => boolean;
  /** What comes is shown at once. */
  isLive: boolean;
};

/** How far one question has come. */
class Place {
  next: string | null = null;
  known = new Set<string>();
  isHalted = false;
  readonly stop = new AbortController();
}

/** The list of `name`: another one for another name. */
export function useFeed(name: string, { path, query, isWanted, isLive }: Options) {
  const list = useSignal<FeedList>(NOTHING);
  const shownName = useRef(name);
  const state = useRef(new Place());
  const live = useRef(isLive);
  live.current = isLive;

  const take = (records: EventRecord[]): EventRecord[] => records.filter((r) => {
    const isNew = !state.current.known.has(nameOf(r));
    state.current.known.add(nameOf(r));
    return isNew;
  });

  const load = async () => {
    const mine = state.current;
    list.value = { ...list.peek(), isLoading: true, isHalted: false, error: undefined };
    try {
      for (let step = 0; step < STEPS_MAX; step++) {
        const asked = withQuery(path, { ...query, limit: PAGE, after: mine.next });
        const page = await get<Feed>(asked, mine.stop.signal);
        if (mine.stop.signal.aborted) return;
        mine.next = page.next;
        const found = take(page.events);
        const isEnd = page.next === null;
        const isDone = isEnd || found.length > 0 || mine.isHalted;
        list.value = { ...list.peek(), rows: [...list.peek().rows, ...found], isEnd,
          isLoading: !isDone, searchedTo: page.searched_to ?? list.peek().searchedTo };
        if (isDone) break;
      }
      const isShort = list.peek().isLoading || mine.isHalted;
      mine.isHalted = false;
      list.value = { ...list.peek(), isLoading: false, isHalted: isShort };
    } catch (e) {
      if (mine.stop.signal.aborted) return;
      const error = e instanceof Refusal ? e : new Refusal(String(e), 0);
      list.value = { ...list.peek(), isLoading: false, error };
    }
  };

  const show = () => {
    const { rows, fresh } = list.peek();
    const all = [...fresh, ...rows];
    const kept = all.slice(0, ROWS_MAX);
    const last = kept[kept.length - 1];
    if (all.length > ROWS_MAX && last?.position !== undefined)
      state.current.next = String(last.position); // what is left out is read again when asked for
    if (all.length > ROWS_MAX) state.current.known = new Set(kept.map(nameOf));
    list.value = { ...list.peek(), rows: kept, fresh: [],
      isEnd: list.peek().isEnd && all.length <= ROWS_MAX };
  };

  useEffect(() => {
    const mine = new Place();
    state.current = mine;
    shownName.current = name;
    list.value = NOTHING;
    void load();
    let came: EventRecord[] = [];
    let timer: number | undefined;
    const flush = () => {
      timer = undefined;
      const found = take(came).reverse();
      came = [];
      if (found.length === 0) return;
      list.value = { ...list.peek(), fresh: [...found, ...list.peek().fresh].slice(0, ROWS_MAX) };
      if (live.current) show();
    };
    const end = onEvent((record) => {
      if (!isWanted(record)) return;
      came.push(record);
      timer ??= window.setTimeout(flush, FLUSH_MS);
    });
    return () => {
      mine.stop.abort();
      end();
      clearTimeout(timer);
    };
  }, [name]);
  useEffect(() => { if (isLive) show(); }, [isLive]);

  const more = () => {
    const { isLoading, isEnd, error, isHalted } = list.peek();
    if (!isLoading && !isEnd && !error && !isHalted) void load();
  };
  const halt = () => { state.current.isHalted = true; };
  const now = list.value; // looked at in any case, so that the next one is drawn
  return { list: shownName.current === name ? now : NOTHING, more, again: () => void load(), show,
    halt };
}
