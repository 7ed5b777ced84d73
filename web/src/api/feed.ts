// The server's feed of events: one stream for the whole page. What it says only marks what to ask
// for again; the server's answers are what is shown. A lost connection heals by itself, and goes on
// after the last event that came.
import { batch } from '@preact/signals';
import { store } from '../store';
import { ask, withQuery } from './client';
import { parse } from './json';
import { shared } from './share';
import type { EventRecord } from './types';

const RETRY_MS_MIN = 1000;
const RETRY_MS_MAX = 15000;

type Listener = (record: EventRecord) => void;
const listeners = new Set<Listener>();
const reconnected = new Set<() => void>();

/** Called with each event that comes. Returns what ends it. */
export function onEvent(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Called whenever the stream begins anew: what is shown may be old. Returns what ends it. */
export function onReconnect(listener: () => void): () => void {
  reconnected.add(listener);
  return () => reconnected.delete(listener);
}

type Message = { id?: string; data?: string; retry?: string };

function readMessage(block: string): Message {
  const fields = block.split('\n').map((line): [string, string] => {
    const colon = line.indexOf(':');
    return colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')];
  });
  return Object.fromEntries(fields);
}

/** The messages of an event stream, as they come. */
export async function* messages(body: ReadableStream<Uint8Array>): AsyncGenerator<Message> {
  const decoder = new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>;
  const reader = body.pipeThrough(decoder).getReader();
  let text = '';
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const blocks = (text + part.value).split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) yield readMessage(block);
  }
}

let last: string | undefined;
let retryMs = RETRY_MS_MIN;
let source: AbortController | null = null;

function take(message: Message): void {
  last = message.id ?? last;
  if (message.retry !== undefined) retryMs = Number(message.retry) || RETRY_MS_MIN;
  if (message.data === undefined) return;
  const record = parse(message.data) as EventRecord;
  batch(() => listeners.forEach((listener) => listener(record)));
}

// An EventSource cannot send the key, so that the stream is read as any other answer. Its first
// bytes tell that it lives. True: the server ended it in order, as AWS Lambda must after each
// answer; the next one goes on where it ended.
async function read(signal: AbortSignal): Promise<boolean> {
  const headers: Record<string, string> = { Accept: 'text/event-stream' };
  if (last !== undefined) headers['Last-Event-ID'] = last;
  const path = withQuery('v1/events', { instance: shared?.instance });
  const response = await ask(path, { headers, signal });
  if (!response.ok || response.body === null) return false;
  const isNew = store.link.value !== 'live';
  store.link.value = 'live';
  retryMs = RETRY_MS_MIN;
  if (isNew) reconnected.forEach((listener) => listener());
  for await (const message of messages(response.body)) take(message);
  return true;
}

async function follow(): Promise<void> {
  const mine = new AbortController();
  source = mine;
  const isEnded = await read(mine.signal).catch(() => false);
  if (source !== mine) return; // the page was left
  if (!isEnded) store.link.value = 'lost';
  setTimeout(() => source === mine && void follow(), retryMs);
  retryMs = Math.min(retryMs * 2, RETRY_MS_MAX);
}

function leave(): void {
  source?.abort();
  source = null;
}

export function followFeed(): void {
  window.addEventListener('pagehide', leave);
  window.addEventListener('pageshow', (event) => event.persisted && void follow());
  window.addEventListener('online', () => {
    if (store.link.value !== 'lost') return;
    leave();
    void follow();
  });
  void follow();
}
