// The events of one instance, newest first: as many as there are, drawn where one looks. With a
// filter the server looks for them, a page at a time.
import { useCallback, useEffect, useMemo, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { get, instancePath, withQuery } from '../api/client';
import type { EventBrief } from '../api/instance';
import type { Change, EventRecord, Verdict } from '../api/types';
import { setTerms, term } from '../route';
import { brief, Json } from '../ui/json';
import { Empty, Failure, Loading } from '../ui/state';
import { VerdictMark } from '../ui/status';
import { exact, Moment } from '../ui/time';
import { VirtualRows } from '../ui/virtual';
import { goTo } from './instance-scrub';
import type { EventPages, Model } from './instance-model';

const ROW_PX = 44;
const FOUND_PAGE = 200;
const VERDICTS: Verdict[] = ['applied', 'duplicate', 'stale', 'refused', 'invalid', 'unknown'];

/** Where they tell something apart. */
const numbers = (event: EventBrief | undefined): string =>
  [['gen', event?.generation], ['try', event?.attempt]].filter(([, n]) => Number(n) > 1)
    .map(([what, n]) => ` ${what} ${n}`).join('');

function Row({ event, seq, at }: { event: EventBrief | undefined; seq: number; at: number }) {
  const isChosen = term('event') === String(seq);
  const open = (): void => setTerms({ event: seq });
  return (
    <div class={`event-row ${isChosen ? 'is-chosen' : ''} ${at > 0 && seq > at ? 'is-later' : ''}`}>
      <span role="cell" class="figures quiet">{seq}</span>
      <span role="cell"><button type="button" class="link-button event-name" onClick={open}
        aria-label={`Event ${seq}${event ? `, ${event.event}` : ''}`}>
        {event?.event ?? '…'}</button></span>
      <span role="cell" class="event-task" dir="auto">{event?.task}
        <small class="quiet">{numbers(event)}</small></span>
      <span role="cell">{event && <VerdictMark of={event.verdict} />}
        {event?.count ? <small class="quiet"> ×{event.count}</small> : null}</span>
      <span role="cell" class="event-why quiet" dir="auto" title={event?.reason ?? ''}>
        {event?.reason}</span>
      <span role="cell" class="event-who quiet">{event?.actor ?? event?.source}</span>
      <span role="cell" class="quiet event-at">{event && <Moment at={event.at} />}</span>
    </div>
  );
}

function Head() {
  return (
    <div class="event-row event-head" role="row">
      {['No.', 'Event', 'Task', 'Verdict', 'Reason', 'By', 'When'].map((name) => (
        <span key={name} role="columnheader">{name}</span>
      ))}
    </div>
  );
}

function AllEvents({ model, pages }: { model: Model; pages: EventPages }) {
  const { revision, at } = model;
  const seqs = useMemo(() => Array.from({ length: revision }, (_, k) => revision - k), [revision]);
  const draw = useCallback((seq: number) => {
    const event = pages.find(seq);
    return <Row event={event} seq={seq} at={at} />;
  }, [pages, at]);
  const look = useCallback((first: number, last: number) => pages.want(first, last), [pages]);
  return (
    <VirtualRows rows={seqs} rowHeight={ROW_PX} keyOf={String} draw={draw} label="Events"
      head={<Head />} onLook={(first, last) => look(revision - last + 1, revision - first)} />
  );
}

type Found = { events: EventBrief[]; next: string | null; isReading: boolean; error?: Error };

function FoundEvents({ model, verdict, task }: { model: Model; verdict: string; task: string }) {
  const found = useSignal<Found>({ events: [], next: '', isReading: false });
  const stop = useRef(new AbortController());
  const query = `${model.id} ${verdict} ${task}`;
  const read = useCallback(async () => {
    const { events, next, isReading } = found.peek();
    if (next === null || isReading) return;
    found.value = { events, next, isReading: true };
    const path = withQuery(`${instancePath(model.id)}/events`, { fields: 'brief', verdict, task,
      newest_first: true, after: next, limit: FOUND_PAGE });
    const { signal } = stop.current;
    try {
      const page = await get<{ events: EventBrief[]; next: string | null }>(path, signal);
      found.value = { events: [...events, ...page.events.reverse()], next: page.next,
        isReading: false };
    } catch (e) {
      if (!signal.aborted)
        found.value = { events, next, isReading: false, error: e as Error };
    }
  }, [query]);
  useEffect(() => {
    stop.current = new AbortController();
    found.value = { events: [], next: '', isReading: false };
    void read();
    return () => stop.current.abort();
  }, [query]);
  const { events, next, isReading, error } = found.value;
  const isLooking = Boolean(next) && (isReading || events.length < 30);
  useEffect(() => { // pages may be empty: a few among many
    if (isLooking && !isReading && !error) void read();
  }, [isReading, next, events.length]);
  if (error) return <Failure error={error} retry={() => void read()} />;
  const foot = isLooking && (
    <p class="list-foot quiet" role="status">Looking before event {next}…</p>
  );
  if (events.length === 0)
    return next === null ? <Empty title="There are no such events" /> : <><Loading />{foot}</>;
  return (
    <>
      <VirtualRows rows={events} rowHeight={ROW_PX} keyOf={(e) => String(e.seq)} label="Events"
        head={<Head />} onEnd={() => void read()}
        draw={(e) => <Row event={e} seq={e.seq} at={model.at} />} />
      {foot}
    </>
  );
}

export function Events({ model, pages }: { model: Model; pages: EventPages }) {
  const [verdict, task] = [term('verdict'), term('of')];
  const tasks = model.layout?.tasks ?? [];
  return (
    <div class="event-view">
      <div class="event-filter">
        <label class="hidden" for="events-verdict">Verdict</label>
        <select id="events-verdict" value={verdict}
          onChange={(e) => setTerms({ verdict: (e.target as HTMLSelectElement).value })}>
          <option value="">Every verdict</option>
          {VERDICTS.map((v) => <option key={v} value={v}>{v}</option>)}
        </select>
        <label class="hidden" for="events-task">Task</label>
        <select id="events-task" value={task}
          onChange={(e) => setTerms({ of: (e.target as HTMLSelectElement).value })}>
          <option value="">Every task</option>
          {tasks.map((t) => <option key={t.id} value={t.name}>{t.name}</option>)}
        </select>
      </div>
      {verdict || task ? <FoundEvents model={model} verdict={verdict} task={task} />
        : <AllEvents model={model} pages={pages} />}
    </div>
  );
}

/* One event as a whole */

function Changes({ changes }: { changes: Change[] }) {
  if (changes.length === 0) return <p class="quiet">It changed nothing.</p>;
  return (
    <ul class="event-changes">{changes.map((c, k) => (
      <li key={`${c.path} ${k}`}>{c.path}
        <p><span class="hidden">from </span><del>{brief(c.from, 200)}</del>{' → '}
          <span class="hidden">to </span><ins>{brief(c.to, 200)}</ins></p></li>
    ))}</ul>
  );
}

export function EventPanel({ model, seq }: { model: Model; seq: number }) {
  const record = useSignal<EventRecord | Error | null>(null);
  useEffect(() => {
    record.value = null;
    const stop = new AbortController();
    const path = withQuery(`${instancePath(model.id)}/events`, { after: seq - 1, limit: 1 });
    get<{ events: EventRecord[] }>(path, stop.signal).then((page) => {
      record.value = page.events[0] ?? new Error(`There is no event ${seq}.`);
    }, (e: Error) => {
      if (!stop.signal.aborted) record.value = e;
    });
    return () => stop.abort();
  }, [model.id, seq]);
  const shown = record.value;
  if (shown === null) return <Loading rows={5} />;
  if (shown instanceof Error) return <Failure error={shown} />;
  const rows: [string, unknown][] = [['When', exact(shown.at)], ['By', shown.actor],
    ['Came by', shown.source], ['Task', shown.task], ['Generation', shown.generation],
    ['Attempt', shown.attempt], ['Reason', shown.reason]];
  return (
    <div class="panel-body">
      <p class="panel-line"><VerdictMark of={shown.verdict} /> <b>{shown.event}</b></p>
      <button type="button" onClick={() => goTo(seq, false)} disabled={model.at === seq}>
        Show everything as of this event</button>
      <dl class="facts facts-narrow">{rows
        .filter(([, value]) => value !== null && value !== undefined).map(([name, value]) => (
          <div key={name}><dt>{name}</dt><dd dir="auto">{String(value)}</dd></div>
        ))}</dl>
      <h3>What it changed</h3>
      <Changes changes={shown.changes ?? []} />
      <details class="more"><summary>The record as JSON</summary><Json value={shown} /></details>
    </div>
  );
}
