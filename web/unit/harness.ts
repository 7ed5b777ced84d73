// What a test of the page's modules needs: cases by name, and two ways to be sure.

declare global {
  var swmTest: (name: string, work: () => void | Promise<void>) => void;
}

export const test = (name: string, work: () => void | Promise<void>): void =>
  globalThis.swmTest(name, work);

export function equal(have: unknown, want: unknown): void {
  const [a, b] = [JSON.stringify(have), JSON.stringify(want)];
  if (a !== b) throw new Error(`${a} instead of ${b}`);
}

export function must(is: unknown, what: string): void {
  if (!is) throw new Error(what);
}
