import { type Draft, draftOf, emptyDraft, filled } from '../src/ui/form/draft';
import { type Field, formOf, inOrder } from '../src/ui/form/model';
import { compareNumbers, isWhole, NotJson, read, write } from '../src/ui/form/value';
import { equal, must, test } from './harness';

const form = (schema: string): Field => formOf(read(schema));
const again = (field: Field, value: string): string => {
  const { value: out, faults } = filled(field, draftOf(field, read(value)));
  return faults.size > 0 ? [...faults].join(';') : write(out ?? null);
};
const leaf = (text: string): Draft => ({ kind: 'leaf', text });

test('JSON is read and written with every digit', () => {
  for (const text of [
    '{"a":1.50,"b":[12345678901234567890,-0,1E+400],"c":{"":null}}',
    '[]',
    '"\\u00e9\\n"',
    '{}',
    '0.10',
    'true',
  ])
    equal(write(read(text)), text.replace('\\u00e9', 'é'));
  equal(
    write(read('{"a":[1,{"b":2}],"c":{}}'), 2),
    '{\n  "a": [\n    1,\n    {\n      "b": 2\n    }\n  ],\n  "c": {}\n}',
  );
});

test('what is no JSON is told with its place', () => {
  const cases: [string, string][] = [
    ['{"a":1,}', '1:8'],
    ['{\n"a" 1}', '2:5'],
    ['[1 2]', '1:4'],
    ['01', '1:2'],
    ['', '1:1'],
    ['{"a":1,"a":2}', '1:11'],
    ['"a\nb"', '1:1'],
    ['nul', '1:1'],
    ['[', '1:2'],
    ['[1]x', '1:4'],
    ['.5', '1:1'],
    ['"\\x"', '1:1'],
    ['['.repeat(200), '1:129'],
  ];
  for (const [text, place] of cases) {
    try {
      read(text);
      throw new Error(`${text} was read`);
    } catch (e) {
      if (!(e instanceof NotJson)) throw e;
      equal([text, `${e.line}:${e.column}`], [text, place]);
    }
  }
});

test('numbers are compared by their digits', () => {
  const order = [
    '-1e400',
    '-2',
    '-1.5',
    '-0',
    '1e-400',
    '0.1',
    '0.10000000000000000001',
    '9007199254740993',
    '9007199254740993.5',
    '1e400',
  ];
  order.forEach((a, i) =>
    order.forEach((b, k) =>
      equal([a, b, Math.sign(compareNumbers(a, b))], [a, b, Math.sign(i - k)]),
    ),
  );
  equal(
    [compareNumbers('1.50', '1.5'), compareNumbers('0', '-0.0'), compareNumbers('10e1', '100')],
    [0, 0, 0],
  );
  equal(['1.0', '1e3', '-0.0', '1.5', '15e-1', '1e-1'].map(isWhole), [
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});

test('a schema says what is asked for', () => {
  const field = form(
    '{"type":"object","required":["id","free"],"properties":{"id":{"type":"string","minLength":2,' +
      '"title":"Number","description":"As printed"},"size":{"enum":["s","l"],"default":"s"},' +
      '"n":{"type":["integer","null"],' +
      '"maximum":9007199254740993},"ok":{"type":"boolean"},' +
      '"tags":{"type":"array","items":{"type":"string"},' +
      '"maxItems":2},"any":{"type":["string","number"]},' +
      '"map":{"type":"object"},"v":{"const":1.50}}}',
  );
  equal(
    field.fields.map((f) => `${f.name}:${f.kind}${f.isRequired ? '!' : ''}`),
    [
      'id:text!',
      'size:choice',
      'n:number',
      'ok:boolean',
      'tags:list',
      'any:json',
      'map:json',
      'v:constant',
      'free:json!',
    ],
  );
  const [id, , n, , tags] = field.fields;
  equal(
    [
      id?.title,
      id?.description,
      id?.least,
      n?.most,
      n?.isWhole,
      n?.isNullable,
      tags?.most,
      tags?.item?.kind,
    ],
    ['Number', 'As printed', '2', '9007199254740993', true, true, '2', 'text'],
  );
  equal(
    [formOf(undefined).kind, form('{}').kind, form('{"required":["a"]}').kind],
    ['json', 'json', 'object'],
  );
});

test('what is nested too deeply is asked for as JSON', () => {
  const field = form('{"properties":{"a":'.repeat(12) + '{"type":"string"}' + '}}'.repeat(12));
  let [one, depth] = [field, 0];
  for (; one.fields[0] !== undefined; depth += 1) one = one.fields[0];
  equal([one.kind, depth], ['json', 9]);
});

const ORDER = form(
  '{"type":"object","required":["id","to"],"properties":{"id":{"type":"integer","minimum":1},' +
    '"to":{"type":"object","required":["city"],' +
    '"properties":{"city":{"type":"string"},"zip":{"type":"string"}}},' +
    '"gift":{"type":"object","required":["from"],"properties":{"from":{"type":"string"},' +
    '"wrap":{"type":"string"}}},"items":{"type":"array","minItems":1,"items":{"type":"object",' +
    '"properties":{"price":{"type":"number"}}}},"tip":{"type":"number","default":1.50}}}',
);

test('a value goes through a form unchanged', () => {
  for (const value of [
    '{"id":12345678901234567890,"to":{"city":"","zip":"0"},"items":[{"price":1.50},{}],"tip":0.10}',
    '{"id":1,"to":{"city":"a"},"further":[1.0,{"x":null}]}',
  ])
    equal(again(ORDER, value), value);
  equal(
    again(form('{"properties":{"a":{"type":["string","null"]}}}'), '{"a":null}'),
    '{"a":null}',
  );
  equal(again(form('{"properties":{"a":{"enum":[1.0,"x"]}}}'), '{"a":1}'), '{"a":1.0}');
  equal(
    again(form('{"type":"array","items":{"type":"boolean"}}'), '[true,false]'),
    '[true,false]',
  );
  equal(again(form('{}'), '[1.50]'), '[1.50]');
});

test('a value that does not fit its field stays, as JSON', () => {
  const draft = draftOf(ORDER, read('{"id":"x","to":7}'));
  must(
    draft.kind === 'object' &&
      draft.fields['id']?.kind === 'json' &&
      draft.fields['to']?.kind === 'json',
    'JSON',
  );
  equal(again(ORDER, '{"id":"x","to":7}'), '{"id":"x","to":7}');
});

test('what is not filled in is left out, what is needed is said', () => {
  const { value, faults } = filled(ORDER, emptyDraft(ORDER));
  equal(
    [write(value ?? null), [...faults]],
    [
      '{"to":{},"tip":1.50}',
      [
        ['id', 'It is needed.'],
        ['to.city', 'It is needed.'],
      ],
    ],
  );
});

test('an object that is not needed needs nothing until something is in it', () => {
  const draft = emptyDraft(ORDER);
  must(draft.kind === 'object', 'an object');
  if (draft.kind !== 'object') return;
  const filledIn: Draft = {
    ...draft,
    fields: {
      ...draft.fields,
      id: leaf('3'),
      to: draftOf(ORDER.fields[1] as Field, read('{"city":"a"}')),
      gift: { kind: 'object', isGiven: false, others: new Map(), fields: { wrap: leaf('red') } },
    },
  };
  equal([...filled(ORDER, filledIn).faults], [['gift.from', 'It is needed.']]);
});

test('what a schema presets does not make an object that is not needed', () => {
  const field = form(
    '{"properties":{"gift":{"type":"object","required":["from"],"properties":{' +
      '"from":{"type":"string"},"wrap":{"type":"string","default":"red"}}}}}',
  );
  const { value, faults } = filled(field, emptyDraft(field));
  equal([write(value ?? null), faults.size], ['{}', 0]);
});

test('limits are told where they are broken', () => {
  const faults = (field: Field, value: string): unknown => [
    ...filled(field, draftOf(field, read(value))).faults,
  ];
  equal(faults(ORDER, '{"id":0,"to":{"city":"a"},"items":[]}'), [
    ['id', 'It must be at least 1.'],
    ['items', 'At least 1 are needed.'],
  ]);
  equal(faults(ORDER, '{"id":1.5,"to":{"city":"a"}}'), [['id', 'It must be a whole number.']]);
  equal(faults(form('{"type":"string","minLength":2,"maxLength":2}'), '"😀"'), [
    ['', 'It must have at least 2 characters.'],
  ]);
  equal(faults(form('{"type":"string","maxLength":2}'), '"😀😀"'), []);
  equal(
    [...filled(ORDER.fields[0] as Field, leaf('1,5')).faults],
    [['', 'This is no number, such as 12 or 1.5.']],
  );
  equal(
    [...filled(form('{}'), { kind: 'json', text: '{"a"}' }).faults],
    [['', '":" is expected, at line 1, column 5.']],
  );
});

test('a needed value that may be null is null', () => {
  const field = form('{"required":["a"],"properties":{"a":{"type":["string","null"]}}}');
  const { value, faults } = filled(field, emptyDraft(field));
  equal([write(value ?? null), faults.size], ['{"a":null}', 0]);
});

test('constants are there where they are needed', () => {
  const field = form('{"required":["a"],"properties":{"a":{"const":1.50},"b":{"const":2}}}');
  equal(write(filled(field, emptyDraft(field)).value ?? null), '{"a":1.50}');
  equal(again(field, '{"a":1.5,"b":2}'), '{"a":1.50,"b":2}');
});

test('fields stand in the order that is given', () => {
  const field = inOrder(ORDER, (path) =>
    path === '' ? ['tip', 'to'] : path === 'to' ? ['zip'] : [],
  );
  equal(
    [field.fields.map((f) => f.name), field.fields[1]?.fields.map((f) => f.name)],
    [
      ['tip', 'to', 'id', 'gift', 'items'],
      ['zip', 'city'],
    ],
  );
});
