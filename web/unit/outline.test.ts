import { entryAt, orderOf, outline, type Spot, spotAt } from '../src/editor/outline';
import { equal, test } from './harness';

/** The spot at the | of the text. */
const at = (text: string): Spot | null => spotAt(text.replace('|', ''), text.indexOf('|'));
const said = (text: string): string => {
  const spot = at(text);
  return spot === null
    ? 'nothing'
    : `${spot.kind} ${spot.path.join('.')} "${spot.before}" [${spot.keys}]`;
};

const TEMPLATE = `# a comment: with a colon
name: order   # behind
description: >
  first: line
  second
key: "\${ .input.id }"
input:
  type: object
  required: [id]
  properties: {id: {type: string}, at: {type: string}}
stages:
- name: first
  tasks:
    - {name: a, queue: a_queue}
    - name: b
      queue: b_queue
      needs: [a]
  "quoted": 'it''s'
- name: second
`;

test('the outline has every key with its value', () => {
  equal(
    outline(TEMPLATE).map((e) => `${e.path.join('.')}=${e.text ?? ''}`),
    [
      'name=order',
      'description=',
      'key=${ .input.id }',
      'input=',
      'input.type=object',
      'input.required=',
      'input.required.0=id',
      'input.properties=',
      'input.properties.id=',
      'input.properties.id.type=string',
      'input.properties.at=',
      'input.properties.at.type=string',
      'stages=',
      'stages.0=',
      'stages.0.name=first',
      'stages.0.tasks=',
      'stages.0.tasks.0=',
      'stages.0.tasks.0.name=a',
      'stages.0.tasks.0.queue=a_queue',
      'stages.0.tasks.1=',
      'stages.0.tasks.1.name=b',
      'stages.0.tasks.1.queue=b_queue',
      'stages.0.tasks.1.needs=',
      'stages.0.tasks.1.needs.0=a',
      "stages.0.quoted=it's",
      'stages.1=',
      'stages.1.name=second',
    ],
  );
});

test('JSON has the same outline', () => {
  equal(
    outline('{"name": "a",\n "stages": [{"name": "s", "n": 1.50, "o": {}}, "x"]}').map(
      (e) => `${e.path.join('.')}=${e.text ?? ''}`,
    ),
    ['name=a', 'stages=', 'stages.0.name=s', 'stages.0.n=1.50', 'stages.0.o=', 'stages.1=x'],
  );
});

test('a key that is being written is among those of its mapping', () => {
  equal(said('name: x\nsta|\nkey: y\n'), 'key  "sta" [name,key]');
  equal(said('name: x\n|\n'), 'key  "" [name]');
  equal(said('|'), 'open  "" []');
  equal(said('na|'), 'open  "na" []');
  equal(said('name: a\nstages:\n  - name: s\n    ta|\n'), 'key stages.0 "ta" [name]');
  equal(said('stages:\n- name: s\n  |\n- name: t\n'), 'key stages.0 "" [name]');
  equal(said('a:\n  b: 1\n|\n'), 'key  "" [a]');
  equal(said('a: {b: 1, c|}'), 'key a "c" [b]');
  equal(said('a: {b: 1, |}'), 'key a "" [b]');
  equal(said('a: [|]'), 'value a.0 "" []');
  equal(said('{"a": 1, "b|"}'), 'key  "b" [a]');
  equal(said('na|me: x\nkey: y'), 'key  "na" [key]');
});

test('below a key without a value anything may begin', () => {
  equal(said('retry:\n  |\n'), 'open retry "" []');
  equal(said('retry:\n  ma|\n'), 'open retry "ma" []');
  equal(said('stages:\n  - |\n'), 'open stages.0 "" []');
  equal(said('stages:\n  - name: s\n    tasks:\n      - na|\n'), 'open stages.0.tasks.0 "na" []');
  equal(said('a:\n  b: 1\n    |\n'), 'open a.b "" []');
});

test('a value that is being written knows its key', () => {
  equal(said('on_duplicate: re|\n'), 'value on_duplicate "re" []');
  equal(said('on_duplicate: |\n'), 'value on_duplicate "" []');
  equal(said('a: {b: x|, c: 1}'), 'value a.b "x" []');
  equal(said('a: [x, y|]'), 'value a.1 "y" []');
  equal(said('a: "${ .input.i| }"'), 'value a "${ .input.i" []');
  equal(said('{"a": "x|"}'), 'value a "x" []');
  equal(said('a: |b\n'), 'value a "" []');
  equal(said('a: >\n  one\n  tw|o\nb: 1'), 'value a "  tw" []');
});

test('a comment is nothing', () => {
  equal(
    [said('# na|\n'), said('a: 1 # na|\n'), said('a: {b: 1} # |')],
    ['nothing', 'nothing', 'nothing'],
  );
});

test('no text makes it fail', () => {
  const pieces = [
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    '- ',
    '\n',
    '  ',
    '"',
    "'",
    'a',
    '#',
    '|',
    '>',
    '&x ',
    '\\',
    '?',
  ];
  let seed = 7;
  for (let k = 0; k < 3000; k += 1) {
    let text = '';
    for (let n = 0; n < 14; n += 1) {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      text += pieces[Math.floor((seed / 2147483648) * pieces.length)] ?? '';
    }
    outline(text);
    spotAt(text, Math.floor(text.length / 2));
  }
});

test('what is under a place is found', () => {
  const entries = outline(TEMPLATE);
  const path = (word: string): string =>
    entryAt(entries, TEMPLATE.indexOf(word) + 1)?.path.join('.') ?? 'nothing';
  equal(
    [path('queue: b'), path('b_queue'), path('required'), path('a comment')],
    ['stages.0.tasks.1.queue', 'stages.0.tasks.1.queue', 'input.required', 'nothing'],
  );
});

test('properties are in the order of the text', () => {
  const order = orderOf(
    'input:\n  properties:\n    z: {type: string}\n    a:\n      properties: {y: {}, b: {}}\n' +
      '    m: {items: {properties: {q: {}, c: {}}}}\n',
    ['input'],
  );
  equal(
    [order(''), order('a'), order('m[]'), order('none')],
    [['z', 'a', 'm'], ['y', 'b'], ['q', 'c'], []],
  );
});
