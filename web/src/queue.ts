// What the numbers of a queue mean, for the views that show them.
import type { EventRecord, QueueInfo } from './api/types';
import { isApplied, isOfInstance } from './news';

const UNATTENDED_MS = 5 * 60e3;

/** Queues are asked for again at most so often: one event moves messages of any of them. */
export const QUEUES_MS = 1000;

/** What an instance does sends, takes back and answers messages; a template may name a queue. A
 * receive is no event: what somebody only takes is seen with the next event of anything. */
export const movesMessages = (r: EventRecord): boolean =>
  isOfInstance(r) || isApplied(r);

/** Messages wait and nobody takes them. */
export function isUnattended(q: Pick<QueueInfo, 'visible' | 'waiting_receives' | 'oldest_at'>,
  now: number): boolean {
  return q.visible > 0 && q.waiting_receives === 0 && !!q.oldest_at
    && now - Date.parse(q.oldest_at) > UNATTENDED_MS;
}

/** All that is in it, seen or not. */
export const depthOf = (q: QueueInfo): number => q.visible + q.in_flight + q.delayed;

export type Order = 'name' | 'depth' | 'age';

const age = (q: QueueInfo): number => (q.oldest_at ? Date.parse(q.oldest_at) : Infinity);

export function sortQueues(queues: QueueInfo[], order: Order): QueueInfo[] {
  const byName = (a: QueueInfo, b: QueueInfo) => (a.queue < b.queue ? -1 : 1);
  const by: Record<Order, (a: QueueInfo, b: QueueInfo) => number> = {
    name: byName,
    depth: (a, b) => b.visible - a.visible || depthOf(b) - depthOf(a) || byName(a, b),
    age: (a, b) => (age(a) === age(b) ? byName(a, b) : age(a) - age(b)),
  };
  return [...queues].sort(by[order]);
}
