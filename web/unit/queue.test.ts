import type { EventRecord, QueueInfo } from '../src/api/types';
import { depthOf, isUnattended, movesMessages, sortQueues } from '../src/queue';
import { amount } from '../src/ui/amount';
import { equal, must, test } from './harness';

const queue = (name: string, visible: number, oldest: string | null, more = {}): QueueInfo => ({
  queue: name, visible, more: false, in_flight: 0, delayed: 0, waiting_receives: 0,
  oldest_at: oldest, created_at: null, attributes: null, serves: [], serves_count: 0, ...more });

const AT = '2026-11-23T12:00:00.000Z';
const LATER = '2026-11-23T12:00:01.000Z';

test('queues stand by name, by what waits, or by how long it has waited', () => {
  const all = [queue('c', 2, LATER), queue('a', 0, null, { in_flight: 1 }), queue('b', 2, AT),
    queue('d', 0, null)];
  const order = (by: 'name' | 'depth' | 'age') => sortQueues(all, by).map((q) => q.queue).join('');
  equal([order('name'), order('depth'), order('age')], ['abcd', 'bcad', 'bcad']);
  equal(all.map((q) => q.queue).join(''), 'cabd');
});

test('what is in a queue is what waits, is in flight and is delayed', () => {
  equal(depthOf(queue('a', 1, AT, { in_flight: 2, delayed: 4 })), 7);
});

test('nobody takes from a queue where messages wait for minutes and no receive does', () => {
  const now = Date.parse(AT) + 6 * 60e3;
  const is = (q: QueueInfo) => isUnattended(q, now);
  must(is(queue('a', 1, AT)), 'it waits');
  must(!is(queue('a', 1, AT, { waiting_receives: 1 })), 'somebody comes for it');
  must(!is(queue('a', 0, null)), 'nothing waits');
  must(!is(queue('a', 1, null)), 'how long is not known: Amazon SQS does not tell it');
  must(!isUnattended(queue('a', 1, AT), Date.parse(AT) + 60e3), 'not yet');
});

test('applied events and new templates move messages, others do not', () => {
  const is = (event: string, verdict: string, instance = 'i') =>
    movesMessages({ event, verdict, instance, seq: 1, at: AT } as EventRecord);
  must(is('TaskCompleted', 'applied') && is('TemplateApplied', 'applied', '_sys:n'), 'they do');
  must(!is('TaskCompleted', 'stale') && !is('KeyCreated', 'applied', '_sys:n'), 'they do not');
});

test('limits are told in the largest unit that holds them whole', () => {
  equal([[1048576, 'bytes'], [262144, 'bytes'], [80, 'bytes'], [60, 's'], [10000, null],
    [3650 * 24 * 3600 * 1000, 'ms']]
    .map(([value, unit]) => amount(value as number, unit as string | null)),
  ['1 MiB', '256 KiB', '80 bytes', '1 min', (10000).toLocaleString(), '10 years']);
});
