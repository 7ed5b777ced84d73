import { throttle } from '../src/throttle';
import { equal, test } from './harness';

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test('what is asked for while it runs runs once more, right after', async () => {
  let runs = 0;
  const load = throttle(1000, new AbortController().signal, async () => {
    runs += 1;
    await wait(5);
  });
  load.now();
  load.now();
  load.now();
  await wait(50);
  equal(runs, 2);
});

test('what was to come soon does not come after the end', async () => {
  const stop = new AbortController();
  let runs = 0;
  const load = throttle(5, stop.signal, () => { runs += 1; });
  load.soon();
  stop.abort();
  load.soon();
  load.now();
  await wait(50);
  equal(runs, 0);
});

test('what was asked for while it ran does not come after the end', async () => {
  const stop = new AbortController();
  let runs = 0;
  const load = throttle(5, stop.signal, async () => {
    runs += 1;
    await wait(5);
  });
  load.now();
  load.now();
  stop.abort();
  await wait(50);
  equal(runs, 1);
});
