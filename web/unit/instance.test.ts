import type { Attempt, LayoutTask } from '../src/api/instance';
import { readShare } from '../src/api/share';
import { nextTask } from '../src/ui/graph';
import { looksOf, paint, patch, readPath } from '../src/ui/graph-looks';
import { diffLines } from '../src/views/instance-diff';
import { attemptsAsOf } from '../src/views/instance-model';
import { barOf, mergeBars, ticks } from '../src/views/instance-timeline';
import { equal, must, test } from './harness';

const at = (s: number): string => new Date(s * 1000).toISOString();
const attempt = (more: Partial<Attempt>): Attempt => ({ task: 'cook', generation: 1, attempt: 1,
  sent_at: at(10), started_at: at(12), ended_at: at(20), ended: 'completed', seq: 5, ...more });

test('an attempt is queued, then runs, then waits for its retry', () => {
  const bar = barOf(attempt({ ended: 'failed', retry_at: at(30) }), 40000);
  equal(bar.pieces.map((p) => [p.kind, p.from / 1000, p.to / 1000]),
    [['queued', 10, 12], ['running', 12, 20], ['retrying', 20, 30]]);
  equal([bar.from, bar.to], [10000, 30000]);
});

test('an attempt that goes on reaches until now', () => {
  const bar = barOf(attempt({ started_at: null, ended_at: null, ended: null }), 40000);
  equal(bar.pieces.map((p) => [p.kind, p.to]), [['queued', 40000]]);
});

test('an attempt that ended unstarted was queued to its end', () => {
  equal(barOf(attempt({ started_at: null }), 40000).pieces.map((p) => p.kind), ['queued']);
});

test('bars that would touch are one, long ones stay', () => {
  const bars = Array.from({ length: 1000 }, (_, k) => barOf(attempt({ sent_at: at(k),
    started_at: at(k), ended_at: at(k + 0.5) }), 0));
  const merged = mergeBars(bars, 1000);
  must(merged.length < 60, `${merged.length} bars`);
  equal(merged.reduce((sum, b) => sum + b.count, 0), 1000);
  equal(mergeBars(bars.slice(0, 3), 10).length, 3);
});

test('the scale has round steps and as many as there is room for', () => {
  equal(ticks({ from: 0, to: 10000 }, 600), [0, 2000, 4000, 6000, 8000, 10000]);
  must(ticks({ from: 0, to: 1e12 }, 600).length < 10, 'years');
});

test('a moment of the past knows nothing of what came later', () => {
  const all = [attempt({}), attempt({ task: 'pack', sent_at: at(20), started_at: at(22), seq: 9 }),
    attempt({ task: 'bring', sent_at: at(30), seq: 12 })];
  const past = attemptsAsOf(all, 6, 21000);
  equal(past.map((a) => [a.task, a.ended, a.started_at]),
    [['cook', 'completed', at(12)], ['pack', null, null]]);
});

test('lines that differ are told, in order', () => {
  equal(diffLines('a\nb\nc', 'a\nx\nc').map((l) => [l.kind, l.text]),
    [['same', 'a'], ['old', 'b'], ['new', 'x'], ['same', 'c']]);
  equal(diffLines('same', 'same').every((l) => l.kind === 'same'), true);
});

test('a path may name a task with dots', () => {
  equal(readPath('tasks.a.b.status'), { scope: 'tasks', name: 'a.b', field: 'status' });
  equal(readPath('status'), null);
});

const task = (id: string, x: number, y: number): LayoutTask => ({ id, name: id, stage: 's',
  kind: 'queue', queue: null, assignee: null, group: null, business_status: null, x, y,
  width: 10, height: 10, status: 'PENDING', generation: 1, attempt: 0 });

test('arrow keys go to what lies straight ahead', () => {
  const tasks = [task('a', 0, 0), task('b', 100, 60), task('c', 200, 0), task('d', 0, 100)];
  const [a, b] = tasks as [LayoutTask, LayoutTask];
  equal(nextTask(tasks, a, 'ArrowRight')?.id, 'c');
  equal(nextTask(tasks, a, 'ArrowDown')?.id, 'd');
  equal(nextTask(tasks, b, 'ArrowLeft')?.id, 'd');
  equal(nextTask(tasks, a, 'ArrowUp'), null);
});

test('records change the looks they are about, and no others', () => {
  const looks = looksOf({ width: 1, height: 1, edges: [], tasks: [task('a', 0, 0), task('b', 0, 0)],
    stages: [{ name: 's', status: 'ACTIVE', x: 0, y: 0, width: 1, height: 1 }] });
  if (looks === null) throw new Error('it has statuses');
  const b = looks.tasks.get('b')?.value;
  patch(looks, [{ path: 'tasks.a.status', to: 'RUNNING' }, { path: 'tasks.a.attempt', to: 2 },
    { path: 'stages.s.status', to: 'COMPLETED' }, { path: 'tasks.none.status', to: 'FAILED' }]);
  equal(looks.tasks.get('a')?.value, { status: 'RUNNING', generation: 1, attempt: 2 });
  must(looks.tasks.get('b')?.value === b, 'b is the same');
  equal(looks.stages.get('s')?.value, 'COMPLETED');
  paint(looks, { stages: [{ name: 's', status: 'ACTIVE',
    tasks: [{ id: 'a', status: 'FAILED', generation: 3, attempt: 1 }] }] });
  equal(looks.tasks.get('a')?.value, { status: 'FAILED', generation: 3, attempt: 1 });
});

test('a link names its instance', () => {
  const token = `swms_${btoa('1\x1f1\x1fabc\x1f99MAC').replaceAll('=', '')}`;
  equal(readShare(token)?.instance, 'abc');
  equal([readShare('swms_!'), readShare('other')], [null, null]);
});
