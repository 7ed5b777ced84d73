// JSON without loss: a number that a double cannot hold, or that was written in another way
// (1.50), keeps the digits it came with, so that what is shown, edited and sent back is the same.

type Source = { source?: string };
type RawJson = { rawJSON: string };
const json = JSON as typeof JSON & {
  rawJSON?: (text: string) => RawJson;
  isRawJSON?: (value: unknown) => value is RawJson;
  parse(text: string, revive: (name: string, value: unknown, context?: Source) => unknown): unknown;
};

export function parse(text: string): unknown {
  return json.parse(text, (_name: string, value: unknown, context?: Source) => {
    const digits = context?.source;
    return typeof value === 'number' && digits !== undefined && String(value) !== digits
      && json.rawJSON ? json.rawJSON(digits) : value;
  });
}

export function pretty(value: unknown): string {
  return JSON.stringify(value, null, 2) ?? '';
}

/** A number whose digits were kept. */
export function isRaw(value: unknown): value is RawJson {
  return json.isRawJSON?.(value) ?? false;
}
