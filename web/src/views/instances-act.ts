// Acting on many instances: events in arrays, each with an id of its own, so that what is sent
// twice counts once; what became of each is counted.
import { get, instancePath, post, Refusal, withQuery, type Query } from '../api/client';
import type { InstanceStatus, Summary, Verdict } from '../api/types';

export type Deed = 'pause' | 'resume' | 'cancel' | 'replay';

const EVENTS_AT_ONCE = 250;
const TRIES = 4;
const RETRY_MS = 1500;
const TOLD_MAX = 200;

const EVENT_OF: Record<Deed, string> = { pause: 'PauseWorkflow', resume: 'ResumeWorkflow',
  cancel: 'CancelWorkflow', replay: 'ReplayTask' };

/** Statuses in which a deed does something. */
export const SUITS: Record<Deed, InstanceStatus[]> = { pause: ['RUNNING'], resume: ['PAUSED'],
  cancel: ['RUNNING', 'PAUSED', 'FAILED'], replay: ['FAILED'] };

export type Chosen = { kind: 'some'; instances: Summary[] } | { kind: 'all'; query: Query };

export type Told = { instance: string; key: string | null; verdict: Verdict | 'failed';
  reason: string };
export type Progress = {
  looked: number; sent: number; counts: Partial<Record<Verdict | 'failed' | 'passed', number>>;
  told: Told[]; isDone: boolean; error: string;
};

export const BEGIN: Progress = { looked: 0, sent: 0, counts: {}, told: [], isDone: false,
  error: '' };

type Event = { event: string; event_id: string; instance: string; reason: string; task?: string;
  timers?: string };
type Result = { verdict?: Verdict; reason?: string; instance?: string;
  error?: { message?: string } };
type Task = { name: string; id?: string; status: string };
type Shown = { stages: { name: string; tasks: Task[] }[] };

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Repeats while the server is away or busy: ids make a repetition harmless. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (let n = 1; ; n++) {
    try {
      return await ask();
    } catch (e) {
      const isPassing = e instanceof Refusal && (e.status === 0 || e.status === 503);
      if (!isPassing || n === TRIES) throw e;
      await wait(RETRY_MS * n);
    }
  }
}

async function* pagesOf(chosen: Chosen): AsyncGenerator<Summary[]> {
  if (chosen.kind === 'some') {
    for (let k = 0; k < chosen.instances.length; k += EVENTS_AT_ONCE)
      yield chosen.instances.slice(k, k + EVENTS_AT_ONCE);
    return;
  }
  for (let after: string | null = ''; after !== null;) {
    const query: Query = { ...chosen.query, limit: EVENTS_AT_ONCE, after };
    const path: string = withQuery('v1/instances', query);
    const page: { instances: Summary[]; next?: string | null } = await patiently(() => get(path));
    after = page.next ?? null;
    yield page.instances;
  }
}

/** The tasks that failed, by the names that an event takes. */
async function failedTasks(instance: string): Promise<string[]> {
  const shown = await patiently(() => get<Shown>(instancePath(instance)));
  return shown.stages.flatMap((s) => s.tasks).filter((t) => t.status === 'FAILED')
    .map((t) => t.id ?? t.name);
}

export type Order = { deed: Deed; reason: string; timers?: string; run: string };

async function eventsFor(s: Summary, order: Order): Promise<Event[]> {
  const base: Event = { event: EVENT_OF[order.deed], instance: s.instance, reason: order.reason,
    event_id: `${order.run}/${s.instance}` };
  if (order.deed === 'pause' && order.timers) return [{ ...base, timers: order.timers }];
  if (order.deed !== 'replay') return [base];
  const tasks = await failedTasks(s.instance);
  return tasks.map((task) => ({ ...base, task, event_id: `${base.event_id}/${task}` }));
}

function count(p: Progress, name: keyof Progress['counts'], n = 1): void {
  p.counts = { ...p.counts, [name]: (p.counts[name] ?? 0) + n };
}

function tell(p: Progress, s: Summary | undefined, result: Result): void {
  const verdict = result.verdict ?? 'failed';
  count(p, verdict);
  if (verdict === 'applied' || p.told.length >= TOLD_MAX) return;
  p.told = [...p.told, { instance: s?.instance ?? result.instance ?? '', key: s?.key ?? null,
    verdict, reason: result.reason ?? result.error?.message ?? '' }];
}

async function sendPage(page: Summary[], order: Order, p: Progress): Promise<void> {
  const suits = page.filter((s) => SUITS[order.deed].includes(s.status));
  p.looked += page.length;
  if (suits.length < page.length) count(p, 'passed', page.length - suits.length);
  const events = (await Promise.all(suits.map((s) => eventsFor(s, order)))).flat();
  if (events.length === 0) return;
  const { results } = await patiently(() => post<{ results: Result[] }>('v1/events', events));
  const known = new Map(page.map((s) => [s.instance, s]));
  p.sent += events.length;
  results.forEach((r, k) => tell(p, known.get(events[k]?.instance ?? ''), r));
}

/** Does it to each, page by page, until all are done or `stop` says so. */
export async function carryOut(chosen: Chosen, order: Order, stop: AbortSignal,
  show: (p: Progress) => void): Promise<void> {
  const p: Progress = { ...BEGIN };
  try {
    for await (const page of pagesOf(chosen)) {
      if (stop.aborted) break;
      await sendPage(page, order, p);
      show({ ...p });
    }
  } catch (e) {
    p.error = (e as Error).message;
  }
  show({ ...p, isDone: true });
}
