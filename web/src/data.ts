// What the server says about an address, kept as long as somebody looks at it, and asked for again
// when the feed says that it may have changed. There is no polling.
import { useEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { get, Refusal } from './api/client';
import { onEvent, onReconnect } from './api/feed';
import type { EventRecord } from './api/types';
import { store } from './store';
import { throttle } from './throttle';

const NEWS_MS = 300; // an address is asked again at most so often
const REST = 10; // and after an answer not for so many times as long as that took,
const REST_MS_MAX = 15000; // but for no longer than this
const KEPT_MAX = 60;
const MINUTE_MS = 60e3;

/** `value` may be of the time before; `error` says why there is nothing newer. */
export type Data<T> = { value: T | undefined; error: Refusal | undefined; isLoading: boolean };
export type IsNews = (record: EventRecord) => boolean;
export type Watched<T> = Data<T> & { reload: () => void };

const kept = new Map<string, unknown>(); // the last answers: going back shows them at once

function keep(path: string, value: unknown): void {
  kept.delete(path);
  kept.set(path, value);
  const oldest = kept.keys().next();
  if (kept.size > KEPT_MAX && !oldest.done) kept.delete(oldest.value);
}

function asRefusal(e: unknown): Refusal {
  return e instanceof Refusal ? e : new Refusal(String((e as Error).message ?? e), 0);
}

/**
 * The answer to `path` (null: none is wanted yet). `isNews` says which events of the feed make it
 * old; without it nothing does but the end of a lost connection. An answer that costs the server
 * more is asked for again at most once per `everyMs`.
 */
export function useData<T>(path: string | null, isNews?: IsNews, everyMs = NEWS_MS): Watched<T> {
  const shown = useSignal<Data<T> & { path: string | null }>({ path: null, ...start<T>(path) });
  const news = useRef(isNews);
  news.current = isNews;
  const reload = useRef<() => void>(() => undefined);
  useEffect(() => {
    if (path === null) return undefined;
    const stop = new AbortController();
    shown.value = { path, ...start<T>(path) };
    let tookMs = 0;
    const rest = () => Math.max(everyMs, Math.min(REST * tookMs, REST_MS_MAX));
    const load = throttle(rest, stop.signal, async () => {
      const began = performance.now();
      try {
        const value = await get<T>(path, stop.signal);
        keep(path, value);
        if (stop.signal.aborted) return;
        tookMs = performance.now() - began;
        shown.value = { path, value, error: undefined, isLoading: false };
      } catch (e) {
        if (stop.signal.aborted) return;
        shown.value = { path, value: shown.peek().value, error: asRefusal(e), isLoading: false };
      }
    });
    reload.current = load.now;
    load.now();
    const ends = [onReconnect(load.now),
      onEvent((record) => news.current?.(record) && load.soon())];
    return () => {
      ends.forEach((end) => end());
      stop.abort();
    };
  }, [path]);
  const data: Data<T> = shown.value.path === path ? shown.value : start<T>(path);
  return { ...data, reload: () => reload.current() };
}

/** Calls `work` with each new minute: what is due becomes overdue without an event. */
export function useMinutely(work: () => void): void {
  const minute = Math.floor(store.now.value / MINUTE_MS);
  const done = useRef(minute);
  useEffect(() => {
    if (minute !== done.current) work();
    done.current = minute;
  }, [minute]);
}

function start<T>(path: string | null): Data<T> {
  const value = path === null ? undefined : kept.get(path) as T | undefined;
  return { value, error: undefined, isLoading: path !== null && value === undefined };
}

