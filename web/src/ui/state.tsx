// What stands where there is nothing to show: nothing there, not there yet, went wrong.
import type { ComponentChildren } from 'preact';

export function Empty({ title, text, action }: {
  title: string; text?: ComponentChildren; action?: ComponentChildren;
}) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {text !== undefined && <p>{text}</p>}
      {action}
    </div>
  );
}

/** Grey bones of `rows` lines. */
export function Loading({ rows = 6 }: { rows?: number }) {
  return (
    <div class="loading" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, k) => <span key={k} class={`bone bone-${k % 4}`} />)}
    </div>
  );
}

export function Failure({ error, retry, title = 'This cannot be shown' }: {
  error: Error; retry?: () => void; title?: string;
}) {
  return (
    <div class="empty failure" role="alert">
      <h2>{title}</h2>
      <p>{error.message}</p>
      {retry && <button type="button" onClick={retry}>Try again</button>}
    </div>
  );
}

/** Draws the answer, or what stands in for it. What was known stays while it is asked again. */
export function Shown<T>({ data, rows, children }: {
  data: { value: T | undefined; error: Error | undefined; reload: () => void };
  rows?: number;
  children: (value: T) => ComponentChildren;
}) {
  if (data.value !== undefined) return <>{children(data.value)}</>;
  if (data.error !== undefined) return <Failure error={data.error} retry={data.reload} />;
  return <Loading rows={rows ?? 6} />;
}
