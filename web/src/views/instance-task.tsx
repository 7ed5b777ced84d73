// One task: how it stands, what each generation took in and gave, its attempts, what can be done.
import { useEffect } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { get, instancePath, withQuery } from '../api/client';
import type { Attempt, InstanceShown, TaskShown } from '../api/instance';
import { pretty } from '../api/json';
import { setTerms } from '../route';
import { Icon } from '../ui/icon';
import { Json } from '../ui/json';
import { Failure, Loading } from '../ui/state';
import { Status } from '../ui/status';
import { Elapsed, Moment } from '../ui/time';
import { openComplete, openFail } from './instance-actions';
import { diffLines } from './instance-diff';
import type { Attempts, Model } from './instance-model';

const OUT = ['SCHEDULED', 'RUNNING', 'RETRYING'];
const ANSWERABLE = ['SCHEDULED', 'RUNNING'];

export const findTask = (shown: InstanceShown, id: string): TaskShown | undefined =>
  shown.stages.flatMap((s) => s.tasks).find((t) => t.id === id);

function Facts({ task }: { task: TaskShown }) {
  const time = (at: string | null) => (at ? <Moment at={at} /> : null);
  const isOut = OUT.includes(task.status);
  const rows: [string, preact.ComponentChildren][] = [
    [task.kind === 'queue' ? 'Queue' : 'For', task.kind === 'queue' ? task.queue
      : task.assignee ?? task.group ?? 'anyone'],
    ['Generation', task.generation],
    ['Attempt', task.attempt > 0 ? `${task.attempt} of ${task.max_attempts}` : null],
    ['Sent', time(task.sent_at)],
    ['Began', time(task.started_at)],
    ['Finished', time(task.finished_at)],
    ['Took', task.sent_at && task.finished_at
      ? <Elapsed from={task.started_at ?? task.sent_at} to={task.finished_at} /> : null],
    [task.status === 'RETRYING' ? 'Next attempt' : 'Timeout', isOut ? time(task.wake_at) : null],
    ['Due', time(task.due_at)],
  ];
  return (
    <dl class="facts facts-narrow">{rows.filter(([, value]) => value !== null && value !== '')
      .map(([name, value]) => <div key={name}><dt>{name}</dt><dd dir="auto">{value}</dd></div>)}
    </dl>
  );
}

/* Data by generation */

type Data = { input: unknown; output: unknown };

/** The record as of which an earlier generation's data can be seen; 0: it is not loaded. A replay
 * ends an attempt and forgets its data: they are as of the record before. */
function momentOf(attempts: Attempt[], generation: number): number {
  const ended = attempts.filter((a) => a.generation === generation && a.seq);
  const last = ended.reduce<Attempt | undefined>((a, b) =>
    ((a?.seq ?? 0) > (b.seq ?? 0) ? a : b), undefined);
  return last?.seq === undefined ? 0 : last.seq - (last.ended === 'replayed' ? 1 : 0);
}

function Diff({ before, after }: { before: unknown; after: unknown }) {
  const lines = diffLines(pretty(before), pretty(after));
  if (lines.every((line) => line.kind === 'same'))
    return <p class="quiet">The same as before.</p>;
  const signs = { same: ' ', old: '−', new: '+' };
  return (
    <pre class="data-diff" tabIndex={0}>{lines.map((line, k) => (
      <span key={k} class={`data-diff-${line.kind}`}>{`${signs[line.kind]} ${line.text}\n`}</span>
    ))}</pre>
  );
}

/** `at` null: nothing is asked. */
function useTaskData(model: Model, task: string, at: number | null,
  updated: string): Data | Error | null {
  const data = useSignal<Data | Error | null>(null);
  useEffect(() => {
    if (at === null) return undefined;
    const stop = new AbortController();
    const path = withQuery(instancePath(model.id), { task, at: at || null });
    get<InstanceShown>(path, stop.signal).then((shown) => {
      const found = findTask(shown, task);
      data.value = { input: found?.input ?? null, output: found?.output ?? null };
    }, (e: Error) => {
      if (!stop.signal.aborted) data.value = e;
    });
    return () => stop.abort();
  }, [model.id, task, at, updated]);
  return data.value;
}

function DataOf({ model, task, attempts }: {
  model: Model; task: TaskShown; attempts: Attempt[];
}) {
  const chosen = useSignal(0);
  const isDiff = useSignal(false);
  const generation = Math.min(chosen.value || task.generation, task.generation);
  const past = generation === task.generation ? model.at : momentOf(attempts, generation);
  const updated = `${task.status} ${task.generation} ${task.attempt}`;
  const data = useTaskData(model, task.id, past, updated);
  const before = generation > 1 ? momentOf(attempts, generation - 1) : 0;
  const hasEarlier = before > 0;
  const earlier = useTaskData(model, task.id, hasEarlier ? before : null, updated);
  const known = Array.from({ length: task.generation }, (_, k) => task.generation - k)
    .filter((g) => g === task.generation || momentOf(attempts, g) > 0);
  if (data === null) return <Loading rows={4} />;
  if (data instanceof Error) return <Failure error={data} />;
  const isCompared = isDiff.value && hasEarlier && earlier !== null && !(earlier instanceof Error);
  const parts: ['input' | 'output', string][] = [['input', 'Input'], ['output', 'Output']];
  return (
    <>
      {task.generation > 1 && (
        <div class="generations">
          <label class="hidden" for="generation">Generation</label>
          <select id="generation" value={generation}
            onChange={(e) => { chosen.value = Number((e.target as HTMLSelectElement).value); }}>
            {known.map((g) => <option key={g} value={g}>Generation {g}
              {g === task.generation ? ' (current)' : ''}</option>)}
          </select>
          <label class="check"><input type="checkbox" checked={isDiff.value} disabled={!hasEarlier}
            onChange={(e) => { isDiff.value = (e.target as HTMLInputElement).checked; }} />
          Compare with generation {generation - 1}</label>
        </div>
      )}
      {parts.map(([name, label]) => (isCompared ? (
        <div key={name} class="json"><h3>{label}</h3>
          <Diff before={(earlier as Data)[name]} after={data[name]} /></div>
      ) : data[name] === null
        ? <p key={name} class="quiet"><b>{label}</b>: none{name === 'output' ? ' yet' : ''}</p>
        : <Json key={name} value={data[name]} label={label} />))}
    </>
  );
}

/* Attempts */

const HOW: Record<string, string> = { completed: 'completed', failed: 'failed',
  timed_out: 'timed out', cancelled: 'cancelled', put_back: 'put back', replayed: 'replayed' };

function AttemptList({ attempts }: { attempts: Attempt[] }) {
  if (attempts.length === 0) return <p class="quiet">It has not been sent.</p>;
  const newest = [...attempts].sort((a, b) => b.generation - a.generation || b.attempt - a.attempt);
  return (
    <ol class="attempt-list">{newest.slice(0, 100).map((a) => (
      <li key={`${a.generation} ${a.attempt} ${a.seq}`}>
        <span class="attempt-name">
          {a.generation > 1 && `gen ${a.generation}, `}try {a.attempt}</span>
        <span class={`attempt-how e-${a.ended ?? 'open'}`}>
          {a.ended ? HOW[a.ended] : 'goes on'}</span>
        {a.sent_at && <span class="quiet"><Elapsed from={a.sent_at} to={a.ended_at} /></span>}
        {a.seq ? (
          <button type="button" class="link-button" aria-label={`Show everything as of its end`}
            onClick={() => setTerms({ at: a.seq })}>event {a.seq}</button>
        ) : <span />}
        {a.error && <p class="attempt-error" dir="auto"><b>{a.error}</b>
          {a.message && <> {a.message}</>}</p>}
      </li>
    ))}</ol>
  );
}

type Props = {
  model: Model;
  shown: InstanceShown;
  task: TaskShown;
  timeline: Attempts;
  canAct: boolean;
  onReplay: () => void;
};

export function TaskPanel({ model, shown, task, timeline, canAct, onReplay }: Props) {
  const attempts = timeline.attempts.filter((a) => a.task === task.id);
  const isAnswerable = ANSWERABLE.includes(task.status)
    && (shown.status === 'RUNNING' || shown.status === 'PAUSED' || shown.status === 'FAILED');
  return (
    <div class="panel-body">
      <p class="panel-line"><Status of={task.status} />
        {task.generation > 1 && <span class="g-count">gen {task.generation}</span>}
        {task.attempt > 1 && <span class="g-count">try {task.attempt}</span>}</p>
      {task.error && (
        <div class="callout callout-bad" dir="auto"><b>{task.error}</b>
          {task.message && <p>{task.message}</p>}</div>
      )}
      {canAct && (
        <div class="panel-actions">
          {task.status !== 'PENDING' && <button type="button" onClick={onReplay}>
            <Icon name="replay" />Replay…</button>}
          {isAnswerable && <button type="button" onClick={() => openComplete(shown, task)}>
            <Icon name="check" />Complete…</button>}
          {isAnswerable && <button type="button" onClick={() => openFail(shown, task)}>
            <Icon name="close" />Fail…</button>}
        </div>
      )}
      <Facts task={task} />
      <DataOf key={task.id} model={model} task={task} attempts={attempts} />
      <h3>Attempts</h3>
      <AttemptList attempts={attempts} />
      {timeline.first > 1 && (
        <button type="button" onClick={timeline.loadEarlier}>Load earlier attempts</button>
      )}
      <button type="button" class="link-button"
        onClick={() => setTerms({ tab: 'events', of: task.name, event: null })}>
        All events of this task</button>
    </div>
  );
}
