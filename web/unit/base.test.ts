import { isRaw, parse, pretty } from '../src/api/json';
import { command } from '../src/ui/cli';
import { fromNow, length } from '../src/ui/time';
import { equal, must, test } from './harness';

// Browsers keep the digits of numbers; older versions of Node, in which tests may run, do not.
const keepsDigits = 'rawJSON' in JSON;

test('numbers that a double cannot hold keep their digits', () => {
  if (!keepsDigits) return;
  const value = parse('{"a":12345678901234567890,"b":1.50,"c":7}') as Record<string, unknown>;
  must(isRaw(value['a']) && isRaw(value['b']) && value['c'] === 7, 'raw where it must be');
  equal(pretty(value), '{\n  "a": 12345678901234567890,\n  "b": 1.50,\n  "c": 7\n}');
});

test('a command line is quoted for the shell', () => {
  equal(command('replay', 'it\'s', '--task', 'make_food', undefined, '--reason', 'a b'),
    'swm replay \'it\'\\\'\'s\' --task make_food --reason \'a b\'');
});

test('lengths of time are told in at most two units', () => {
  equal([0, 999, 3200, 65000, 3600000, 7500000, 90000000].map(length),
    ['0 ms', '999 ms', '3.2 s', '1 min 5 s', '1 h', '2 h 5 min', '1 d 1 h']);
});

test('moments are told from now', () => {
  equal([fromNow(0, 500), fromNow(0, 61000), fromNow(7200000, 0)], ['now', '1 min ago', 'in 2 h']);
});
