// What the server says has changed between two versions, by stage and task.
import { brief } from '../ui/json';
import { pretty } from '../api/json';
import type { Difference } from '../api/template';

/** `stages.prepare.tasks.cook.retry` -> prepare › cook › retry */
function Place({ path }: { path: string }) {
  const found = /^stages\.(.*?)(?:\.tasks\.(.*?))?(?:\.([a-z_]+))?$/.exec(path);
  const parts = found === null ? [path] : found.slice(1).filter((part) => part !== undefined);
  return (
    <b class="d-place" dir="auto">
      {parts.join(' › ')}
    </b>
  );
}

function Value({ sign, value }: { sign: 'gone' | 'new'; value: unknown }) {
  const isLong = typeof value === 'object' && value !== null && pretty(value).length > 90;
  return (
    <div class={`d-value c-${sign}`}>
      <span aria-hidden="true">{sign === 'gone' ? '−' : '+'}</span>
      <span class="hidden">{sign === 'gone' ? 'before: ' : 'now: '}</span>
      {isLong ? (
        <pre tabIndex={0}>{pretty(value)}</pre>
      ) : (
        <code dir="auto">{brief(value, 400)}</code>
      )}
    </div>
  );
}

export function Changes({ of }: { of: Difference[] }) {
  if (of.length === 0)
    return <p class="c-nothing">They mean the same: only the spelling differs.</p>;
  return (
    <ol class="d-list" aria-label="Changes">
      {of.map((one) => (
        <li key={one.path} class="d-change">
          <p>
            <span class={`d-sign d-${one.change}`}>{one.change}</span> <Place path={one.path} />
          </p>
          {one.from !== undefined && <Value sign="gone" value={one.from} />}
          {one.to !== undefined && <Value sign="new" value={one.to} />}
        </li>
      ))}
    </ol>
  );
}
