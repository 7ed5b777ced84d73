export type Throttled = { soon: () => void; now: () => void };

/** Work that runs one at a time: `soon` at most once per `ms`, `now` at once or right after. */
export function throttle(ms: number | (() => number), work: () => Promise<void>): Throttled {
  let timer: number | undefined;
  let isRunning = false;
  let again: 'no' | 'soon' | 'now' = 'no';
  const run = async (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    isRunning = true;
    try {
      await work();
    } finally {
      isRunning = false;
      const next = again;
      again = 'no';
      if (next === 'now') void run();
      else if (next === 'soon') soon();
    }
  };
  const soon = (): void => {
    if (isRunning) again = again === 'now' ? 'now' : 'soon';
    else timer ??= window.setTimeout(() => void run(), typeof ms === 'number' ? ms : ms());
  };
  const now = (): void => {
    if (isRunning) again = 'now';
    else void run();
  };
  return { soon, now };
}
