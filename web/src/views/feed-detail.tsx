// One event, whole: what it did, who sent it, what it changed, and its record as it is.
import type { EventRecord } from '../api/types';
import { href } from '../route';
import { openDialog, closeDialog } from '../ui/dialog';
import { Json, brief } from '../ui/json';
import { VerdictMark } from '../ui/status';
import { exact } from '../ui/time';
import { sentence, whoOf, whyOf } from '../ui/words';

const isSys = (record: EventRecord): boolean => record.instance.startsWith('_sys:');

/** The instance at this event; null: it is about none. */
export function placeOf(record: EventRecord): string | null {
  if (!isSys(record)) return href(['instances', record.instance], { at: record.seq });
  return record.about ? href(['instances', record.about]) : null;
}

/** What people call that which it is about. */
export function aboutOf(record: EventRecord): string {
  if (record.key) return record.key;
  if (isSys(record)) return record.about ?? record.template ?? '';
  return record.instance;
}

function Facts({ record }: { record: EventRecord }) {
  const facts: [string, string | number | null | undefined][] = [['When', exact(record.at)],
    ['Who', whoOf(record)], ['From', record.source], ['Template', record.template],
    ['Key', record.key], ['Task', record.task], ['Generation', record.generation],
    ['Attempt', record.attempt], ['Times', record.count], ['Event id', record.event_id]];
  return (
    <dl class="facts">
      {facts.filter(([, value]) => value !== null && value !== undefined && value !== '')
        .map(([name, value]) => <div key={name}><dt>{name}</dt><dd dir="auto">{value}</dd></div>)}
    </dl>
  );
}

function Detail({ record }: { record: EventRecord }) {
  const place = placeOf(record);
  const changes = record.changes ?? [];
  return (
    <div class="event-detail">
      <h2 id="dialog-title" dir="auto">{sentence(record)} <VerdictMark of={record.verdict} /></h2>
      {whyOf(record) !== '' && <p dir="auto">“{whyOf(record)}”</p>}
      {record.verdict !== 'applied' && record.reason && (
        <p class="callout" dir="auto">{record.reason}</p>)}
      <Facts record={record} />
      {changes.length > 0 && (
        <table class="table"><caption class="hidden">What it changed</caption>
          <thead><tr><th>What</th><th>Is now</th></tr></thead>
          <tbody>{changes.map((c) => (
            <tr key={c.path}><td dir="auto"><code>{c.path}</code></td>
              <td dir="auto">{brief(c.to)}</td></tr>))}</tbody></table>
      )}
      <details><summary>The record</summary><Json value={record} label="The record" /></details>
      <div class="buttons">
        <button type="button" onClick={closeDialog}>Close</button>
        {place && <a class="button primary" href={place} onClick={closeDialog}>
          Go to the instance at this event</a>}
      </div>
    </div>
  );
}

export function openEvent(record: EventRecord): void {
  openDialog(() => <Detail record={record} />);
}
