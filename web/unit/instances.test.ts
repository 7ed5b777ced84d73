import { chipsOf, cliOf, joinValues, keyTerm, queryOf, readFilter, splitValues, toggleValue,
  typedKey } from '../src/views/instances-filter';
import { mergePage, PAGE, type List } from '../src/views/instances-list';
import type { InstanceStatus, Summary } from '../src/api/types';
import { marksOf, ticksOf } from '../src/ui/chart';
import { equal, test } from './harness';

const summary = (id: number, status: InstanceStatus = 'RUNNING', updated = 't0'): Summary => ({
  instance: `i${id}`, template: 'x', version: 1, key: null, status, stage: null,
  business_status: null, started_at: `s${String(id).padStart(4, '0')}`, updated_at: updated });
const listOf = (...ids: number[]): List => ({ rows: ids.map((n) => ({ ...summary(n), page: 0 })),
  fresh: [], hasGap: false, isLoading: false, isEnd: true, error: undefined });

test('values with commas and backslashes survive the address', () => {
  const values = ['a,b', 'c\\d', 'e'];
  equal(splitValues(joinValues(values)), values);
  equal(toggleValue('a,b', 'a'), 'b');
  equal(toggleValue('a', 'x,y'), 'a,x\\,y');
});

test('what is typed finds keys that begin so, and reads back the same', () => {
  for (const typed of ['ORD-1', 'a,b', '5*', '\\']) equal(typedKey(keyTerm(typed)), typed);
  equal(keyTerm('  '), '');
  equal(keyTerm('5*'), '5\\**');
});

test('lengths of time become moments of the question', () => {
  const now = Date.parse('2026-01-02T00:00:00Z');
  equal(queryOf({ started: '24h' }, now).started_since, '2026-01-01T00:00:00.000Z');
  equal(queryOf({ started_since: 'X', started: '24h' }, now).started_since, 'X');
  equal(Object.keys(queryOf({ changed: '1h' }, now)).includes('changed'), false);
});

test('a filter is told in words and as a command', () => {
  const query = new URLSearchParams('status=FAILED&template=a,b&key=O*&started=1h&x=1');
  const filter = readFilter(query);
  equal(chipsOf(filter).map((c) => c.words),
    ['Template a or b', 'Key begins with O', 'Started last hour']);
  equal(cliOf(filter), { words: ['--template', 'a,b', '--status', 'FAILED', '--key', 'O*'],
    isWhole: false });
});

test('what changed is changed in its place, what matches no more stays', () => {
  const list = mergePage(listOf(3, 2, 1), 0, [summary(3), summary(1, 'FAILED', 't1')], 5);
  equal(list.rows.map((r) => [r.instance, r.status, !!r.isGone]),
    [['i3', 'RUNNING', false], ['i2', 'RUNNING', true], ['i1', 'FAILED', false]]);
  const back = mergePage(list, 0, [summary(3), summary(2), summary(1, 'FAILED', 't1')], 6);
  equal(back.rows.map((r) => !!r.isGone), [false, false, false]);
});

test('what is new waits above, once', () => {
  let list = mergePage(listOf(2, 1), 0, [summary(3), summary(2), summary(1)], 5);
  list = mergePage(list, 0, [summary(4), summary(3), summary(2)], 6);
  equal(list.fresh.map((s) => s.instance), ['i4', 'i3']);
  equal(list.rows.length, 2);
});

test('a whole page of new ones leaves a gap', () => {
  const page = Array.from({ length: PAGE }, (_, k) => summary(1000 - k));
  equal(mergePage(listOf(1), 0, page, 5).hasGap, true);
  equal(mergePage(listOf(1), 0, [...page.slice(1), summary(1)], 5).hasGap, false);
});

test('the chart has round numbers, and times on the clock of its reader', () => {
  equal([0, 1, 5, 7, 34, 1000].map((n) => ticksOf(n).at(-1)), [1, 1, 6, 10, 40, 1000]);
  const half = 30 * 60e3;
  equal(marksOf(10 * 60e3, 70 * 60e3, 3, 0), [half, 2 * half]);
  equal(marksOf(0, 60 * 60e3, 3, 15 * 60e3)[0], 15 * 60e3);
});
