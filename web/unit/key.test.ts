import { read } from '../src/ui/form/value';
import { keyOf } from '../src/views/template-key';
import { equal, test } from './harness';

const INPUT = read(
  '{"id":12345678901234567890,"o":{"a b":"x","n":1.50},"list":["p",{"q":"r"}],"null":null}',
);

test('the key is worked out from the input as it was written', () => {
  const cases: [string, string | null][] = [
    ['${ .input.id }', '12345678901234567890'],
    ['${.input.o["a b"]}', 'x'],
    ['${ .input.o."a b" }', 'x'],
    ['${ .input.o.n }', '1.50'],
    ['${ .input.list[0] }', 'p'],
    ['${ .input.list[-1].q }', 'r'],
    ['A-${ .input.id }-${ .input.list[0] }', 'A-12345678901234567890-p'],
    ['$${x}-${ .input.o.n }', '${x}-1.50'],
    ['${ .input.missing }', null],
    ['${ .input.o }', null],
    ['${ .input.null }', null],
    ['${ .input.list[9] }', null],
    ['x${ .input.missing }', 'x'],
    ['${ .input | length }', null],
    ['', null],
  ];
  for (const [expression, key] of cases)
    equal([expression, keyOf(expression, INPUT)], [expression, key]);
  equal(keyOf('${ .input.id }', undefined), null);
  equal(keyOf('${ .input }', read(`"${'x'.repeat(256)}"`))?.length, 256);
  equal(keyOf('${ .input }', read(`"${'x'.repeat(257)}"`)), null);
});
