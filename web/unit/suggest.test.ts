import { type Schema } from '../src/editor/schema';
import { helpAt, meant, suggestAt } from '../src/editor/suggest';
import schemaText from '../../docs/template.schema.json';
import { equal, must, test } from './harness';

const SCHEMA = schemaText as unknown as Schema;
const at = (text: string) => suggestAt(SCHEMA, text.replace('|', ''), text.indexOf('|'));
const labels = (text: string): string[] => at(text)?.options.map((one) => one.label) ?? [];
const first = (text: string) => at(text)?.options[0];

test('keys of each place are offered, needed ones first, those that are there not', () => {
  equal(labels('name: x\n|').slice(0, 2), ['stages', 'description']);
  equal(labels('|').slice(0, 2), ['name', 'stages']);
  equal(labels('name: a\nstages:\n  - name: s\n    |'), ['tasks']);
  equal(
    labels('stages:\n  - name: s\n    tasks:\n      - name: t\n        retry:\n          |'),
    ['max_attempts', 'delay', 'backoff', 'max_delay', 'jitter', 'total', 'not_on'],
  );
  equal(labels('stages:\n  - tasks: [{name: t, human: {|}}]'), [
    'assignee',
    'group',
    'due',
    'form',
  ]);
  must(
    labels('input:\n  properties:\n    a:\n      |').includes('minLength'),
    'of a schema in a schema',
  );
  equal(labels('input:\n  properties:\n    |'), []);
});

test('a key comes with what follows it', () => {
  const insert = (text: string, label: string) =>
    at(text)?.options.find((one) => one.label === label)?.insert;
  equal(insert('na|', 'name'), 'name: ');
  equal(insert('name: a\nst|', 'stages'), 'stages:\n  - ');
  equal(insert('stages:\n  - name: s\n    |', 'tasks'), 'tasks:\n      - ');
  equal(insert('stages:\n  - tasks:\n      - name: t\n        |', 'retry'), 'retry:\n          ');
  equal(insert('stages:\n  - tasks:\n      - name: t\n        |', 'needs'), 'needs: []');
  equal(insert('{"name": "a", |}', 'stages'), '"stages": ');
  equal(insert('{"name": "a", "st|"}', 'stages'), 'stages');
  equal(insert('desc|: x', 'description'), 'description');
});

test('values are offered: words, defaults, examples, names of the text', () => {
  equal(labels('on_duplicate: |'), ['return', 'reject', 'start']);
  equal(first('on_duplicate: |')?.isDefault, true);
  equal(labels('timeout: |'), ['none', '2h']);
  equal(labels('input: {type: |}').includes('array'), true);
  equal(labels('input:\n  additionalProperties: |'), ['true', 'false']);
  equal(
    labels('stages:\n  - tasks:\n      - {name: a, queue: q}\n      - {name: b, needs: [|]}'),
    ['a'],
  );
  equal(labels('input:\n  required: [|]\n  properties: {x: {}, y: {}}'), ['x', 'y']);
  equal(first('{"on_duplicate": |}')?.insert, '"return"');
  equal(first('{"on_duplicate": "|"}')?.insert, 'return');
});

const TASKS =
  'input:\n  properties: {order: {properties: {id: {}}}, "a b": {}}\nstages:\n  - tasks:\n' +
  '      - {name: one, queue: q}\n      - {name: two-b, queue: q}\noutput: ';

test('expressions know the input and the tasks', () => {
  equal(labels(`${TASKS}\${ |`), ['.input', '.tasks']);
  equal(labels(`${TASKS}\${ .in|`), ['.input', '.tasks']);
  equal(labels(`${TASKS}\${ .input.|`), ['.order', '.a b']);
  equal(at(`${TASKS}\${ .input.|`)?.options[1]?.insert, '["a b"]');
  equal(labels(`${TASKS}\${ .input.order.|`), ['.id']);
  equal(labels(`${TASKS}\${ .tasks.|`), ['.one', '.two-b']);
  equal(labels(`${TASKS}\${ .tasks.one.o|`), ['.output']);
  equal(labels(`${TASKS}{a: '\${ .tasks["two-b"].| }'}`), ['.output']);
  equal(at(`${TASKS}"\${ .tasks.|"`)?.options[1]?.insert, '[\\"two-b\\"]');
  equal(labels(`${TASKS}\${ .input.x } and |`), []);
  equal(labels('stages:\n  - tasks:\n      - {name: a, business_status: "${ |"}'), [
    'FOOD ON THE WAY',
  ]);
});

test('what is under the pointer is explained', () => {
  const text =
    'name: a\nstages:\n  - name: s\n    tasks:\n      - {name: t, queue: q, retry: {backoff: 2}}\n';
  const help = (word: string) => helpAt(SCHEMA, text, text.indexOf(word) + 1);
  equal(
    [help('backoff')?.schema.description, help('backoff')?.kind],
    ['How many times longer each further delay is.', 'number, 1 to 1000'],
  );
  equal(help('queue')?.path, ['stages', 0, 'tasks', 0, 'queue']);
  equal(text.slice(help('retry')?.from, help('retry')?.to), 'retry');
  equal(helpAt(SCHEMA, 'nothing: 1', 2), null);
});

test('the earlier form has keys of its own', () => {
  equal(labels('{"workflow_name": "x", |}'), []);
  equal(helpAt(SCHEMA, '{"workflow_name": "x", "stages": []}', 25), null);
});

test('a suggestion of the server is found in its words', () => {
  equal(meant('unknown key "quue" in a task; did you mean "queue"?'), 'queue');
  equal(meant('a task needs a name'), null);
});
