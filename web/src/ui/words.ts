// Events in plain words, for people who did not write the template.
import type { EventRecord } from '../api/types';

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

function changed(record: EventRecord, path: string): string {
  return text(record.changes?.find((c) => c.path === path)?.to);
}

function failure(record: EventRecord): string {
  const at = `tasks.${record.task ?? ''}`;
  const error = changed(record, `${at}.error`) || text(record.data?.error);
  const message = changed(record, `${at}.message`) || text(record.data?.message);
  const again = changed(record, `${at}.status`) === 'RETRYING' ? '; it is tried again' : '';
  return `${[error, message].filter(Boolean).join(': ') || 'no reason given'}${again}`;
}

const task = (r: EventRecord): string => r.task ?? 'a task';
const keyName = (r: EventRecord): string => text(r.data?.name) || text(r.data?.key_id);

const SENTENCES: Record<string, (r: EventRecord) => string> = {
  StartWorkflow: () => 'Started',
  TaskStarted: (r) => `Work on ${task(r)} began`,
  TaskHeartbeat: (r) => `${task(r)} goes on`,
  TaskCompleted: (r) => `${task(r)} is done`,
  TaskFailed: (r) => `${task(r)} failed: ${failure(r)}`,
  TaskPending: (r) => `${task(r)} was put back`,
  PauseWorkflow: () => 'Paused',
  ResumeWorkflow: () => 'Resumed',
  CancelWorkflow: () => 'Cancelled',
  ReplayTask: (r) => `${task(r)} is run again`,
  ReplayStage: (r) => `Stage ${r.stage ?? ''} is run again`,
  Wake: (r) => wake(r),
  MessageDeleted: (r) => `The message of ${task(r)} was deleted without an answer`,
  TemplateApplied: (r) => `Version ${String(r.data?.version ?? '')} was applied`,
  KeyCreated: (r) => `Access key ${keyName(r)} (${text(r.data?.role)}) was made`,
  KeyRevoked: (r) => `Access key ${keyName(r)} was revoked`,
  InstanceRemoved: () => 'Removed: it was kept long enough',
  InstanceImported: () => 'Came in from elsewhere',
  InstanceShared: () => 'A link that shows it was made',
};

/** A deadline or a retry that came, told by what it changed. */
function wake(record: EventRecord): string {
  const first = record.changes?.find((c) => /^tasks\..*\.(status|error)$/.test(c.path));
  if (first === undefined) return 'The time came';
  const name = first.path.replace(/^tasks\.(.*)\.\w+$/, '$1');
  const error = changed(record, `tasks.${name}.error`);
  if (error) return `${name}: ${error}`;
  return first.to === 'SCHEDULED' ? `${name} is tried again` : `${name}: ${String(first.to)}`;
}

/** What an event did: "make_food failed: OvenBusy"; one that was not applied did nothing. */
export function sentence(record: EventRecord): string {
  const tell = record.verdict === 'applied' ? SENTENCES[record.event] : undefined;
  if (record.verdict !== 'applied' && record.event && record.task)
    return `${record.event} ${record.task}`;
  return tell === undefined ? record.event || 'Something that is no event' : tell(record);
}

/** Why, as the sender said. */
export const whyOf = (record: EventRecord): string =>
  record.comment ?? (record.verdict === 'applied' && record.event !== 'Wake'
    ? record.reason ?? '' : '');

/** Who: the person, with the key he used behind him; else the address, else where it came from. */
export function whoOf(record: EventRecord): string {
  const who = record.actor ?? '';
  const slash = who.indexOf('/');
  return slash > 0 ? `${who.slice(slash + 1)} (${who.slice(0, slash)})` : who || record.source
    || '';
}
