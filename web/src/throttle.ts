export type Throttled = { soon: () => void; now: () => void };

/**
 * Work that runs one at a time: `soon` at most once per `ms`, `now` at once or right after. With
 * `stop` it ends: whoever asked another question since wants nothing more of this one, and what
 * still runs sees in `stop` that its answer is of no use.
 */
export function throttle(ms: number | (() => number), stop: AbortSignal,
  work: () => Promise<void> | void): Throttled {
  const rest = (): number => (typeof ms === 'number' ? ms : ms());
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isRunning = false;
  let again: 'no' | 'soon' | 'now' = 'no';
  const run = async (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    if (stop.aborted) return;
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
    else timer ??= setTimeout(() => void run(), rest());
  };
  const now = (): void => {
    if (isRunning) again = 'now';
    else void run();
  };
  return { soon, now };
}
