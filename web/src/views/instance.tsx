// One instance: how it stands and why, its graph, its timeline, its events, its data; as of now or
// of any event of its past.
import { useEffect } from 'preact/hooks';
import { get, instancePath, withQuery } from '../api/client';
import type { InstanceShown } from '../api/instance';
import { useData } from '../data';
import { href, setTerms, term } from '../route';
import { may } from '../store';
import { Copy } from '../ui/cli';
import { Graph } from '../ui/graph';
import { Icon } from '../ui/icon';
import { Json } from '../ui/json';
import { Page } from '../ui/page';
import { Failure, Loading } from '../ui/state';
import { Status } from '../ui/status';
import { chosenTab, Tabs } from '../ui/tabs';
import { Elapsed, exact, Moment } from '../ui/time';
import type { ViewProps } from '../views';
import { openCancel, openExport, openPause, openResume, openShare, ShowLine }
  from './instance-actions';
import { EventPanel, Events } from './instance-events';
import { useEventPages, useInstance, useLatest, useTimeline, type Attempts, type EventPages,
  type Model } from './instance-model';
import { beginPreview, PreviewBar, usePreview, type Preview } from './instance-replay';
import { Scrub } from './instance-scrub';
import { findTask, TaskPanel } from './instance-task';
import { TimelineView } from './instance-timeline';

const LINES_SHOWN = 4; // of why it waits
const LINES_MAX = 500;
const OPEN = ['RUNNING', 'PAUSED', 'COMPENSATING'];

/** What changes the instance, or makes another one or a link to it. */
function Deeds({ shown, preview }: { shown: InstanceShown; preview: Preview }) {
  const failed = shown.stages.flatMap((s) => s.tasks).find((t) => t.status === 'FAILED');
  return (
    <>
      {shown.status === 'FAILED' && failed && (
        <button type="button" class="primary"
          onClick={() => beginPreview(preview, { task: failed.id, only: false })}>
          <Icon name="replay" />Replay {failed.name}…</button>
      )}
      {shown.status === 'RUNNING' && (
        <button type="button" onClick={() => openPause(shown)}><Icon name="pause" />Pause…</button>
      )}
      {shown.status === 'PAUSED' && (
        <button type="button" class="primary" onClick={() => openResume(shown)}>
          <Icon name="play" />Resume…</button>
      )}
      {(OPEN.includes(shown.status) || shown.status === 'FAILED') && (
        <button type="button" onClick={() => openCancel(shown)}><Icon name="stop" />Cancel…</button>
      )}
      <a class="button" aria-label="Start again…"
        href={href(['templates', shown.template, 'start'], { again: shown.instance })}>
        <Icon name="play" /><span class="button-word">Start again…</span></a>
      <button type="button" aria-label="Share…" onClick={() => openShare(shown)}>
        <Icon name="share" /><span class="button-word">Share…</span></button>
    </>
  );
}

function Actions({ shown, preview, canAct }: {
  shown: InstanceShown; preview: Preview; canAct: boolean;
}) {
  return (
    <>
      {canAct && <Deeds shown={shown} preview={preview} />}
      <button type="button" aria-label="Export…" onClick={() => openExport(shown)}>
        <Icon name="download" /><span class="button-word">Export…</span></button>
    </>
  );
}

function Subtitle({ shown, isShared }: { shown: InstanceShown; isShared: boolean }) {
  const { template, version, instance, started_at, finished_at, updated_at } = shown;
  const name = `${template} v${version}`;
  return (
    <p class="subtitle quiet">
      {isShared ? <span dir="auto">{name}</span> : (
        <a href={href(['templates', template], { version })} dir="auto">{name}</a>
      )}
      <span class="id"><code>{instance}</code><Copy text={instance} label="Copy the id" /></span>
      <span>started <Moment at={started_at} /></span>
      <span>{finished_at ? 'took' : 'open for'}{' '}
        <Elapsed from={started_at} to={finished_at} /></span>
      <span>last event <Moment at={updated_at} /></span>
    </p>
  );
}

const TIME = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)/;

/** Moments in a sentence, told from now. */
function Sentence({ text }: { text: string }) {
  return <>{text.split(TIME).map((part, k) => (k % 2 === 1 ? <Moment key={k} at={part} />
    : part.replace(/ at $/, ' ')))}</>;
}

function Why({ model }: { model: Model }) {
  const path = withQuery(`${instancePath(model.id)}/explain`, { at: model.at || null });
  const { value } = useLatest<{ lines: string[] }>(path,
    (r) => model.at === 0 && r.instance === model.id).answer.value;
  if (value === undefined) return <Loading rows={3} />;
  const [first = '', ...others] = value.lines;
  const sentence = (line: string) => <li key={line} dir="auto"><Sentence text={line} /></li>;
  return (
    <div class="why">
      <p dir="auto"><Sentence text={first} /></p>
      {others.length > 0 && (
        <ul>{others.slice(0, LINES_SHOWN).map(sentence)}</ul>
      )}
      {others.length > LINES_SHOWN && (
        <details class="more"><summary>{others.length - LINES_SHOWN} more</summary>
          <ul>{others.slice(LINES_SHOWN, LINES_MAX).map(sentence)}</ul></details>
      )}
    </div>
  );
}

function Summary({ model, shown }: { model: Model; shown: InstanceShown }) {
  const tasks = shown.stages.flatMap((s) => s.tasks);
  const done = tasks.filter((t) => t.status === 'COMPLETED').length;
  const rows: [string, preact.ComponentChildren][] = [
    ['Stage', shown.stage], ['Tasks done', `${done} of ${tasks.length}`],
    ['Events', shown.revision], ['Started', exact(shown.started_at)],
    ['Deadline', shown.deadline_at && <Moment at={shown.deadline_at} />],
    ['Resumes', shown.resume_at && <Moment at={shown.resume_at} />],
    ['Ended', shown.finished_at && exact(shown.finished_at)],
  ];
  return (
    <div class="panel-body panel-summary">
      <Why model={model} />
      <dl class="facts facts-narrow">{rows.filter(([, v]) => v !== null && v !== '')
        .map(([name, v]) => <div key={name}><dt>{name}</dt><dd dir="auto">{v}</dd></div>)}</dl>
      <ShowLine id={shown.instance} at={model.at} />
    </div>
  );
}

type PanelProps = {
  model: Model; shown: InstanceShown; timeline: Attempts; preview: Preview; canAct: boolean;
};

function Panel({ model, shown, timeline, preview, canAct }: PanelProps) {
  const [event, id] = [Number(term('event')), term('task')];
  const task = id ? findTask(shown, id) : undefined;
  const isChosen = event > 0 || task !== undefined;
  const title = event > 0 ? `Event ${event}` : task?.name
    ?? (model.at > 0 ? 'How it stood' : OPEN.includes(shown.status) ? 'What it waits for'
      : 'How it ended');
  const close = (): void => setTerms({ event: null, task: event > 0 ? id : null });
  return (
    <aside class={`card instance-panel ${isChosen ? 'is-chosen' : ''}`} aria-label={title}
      onKeyDown={(e) => e.key === 'Escape' && isChosen && close()}>
      <header class="card-head"><h2 dir="auto">{title}</h2>
        {isChosen && <button type="button" class="icon-button" aria-label="Close"
          onClick={close}><Icon name="close" /></button>}</header>
      {event > 0 ? <EventPanel model={model} seq={event} />
        : task ? <TaskPanel key={task.id} model={model} shown={shown} task={task}
          timeline={timeline} canAct={canAct}
          onReplay={() => beginPreview(preview, { task: task.id, only: false })} />
          : <Summary model={model} shown={shown} />}
    </aside>
  );
}

function DataTab({ model }: { model: Model }) {
  const path = withQuery(instancePath(model.id), { at: model.at || null });
  const data = useData<InstanceShown>(path, (r) => model.at === 0 && r.instance === model.id);
  if (data.error && !data.value) return <Failure error={data.error} retry={data.reload} />;
  if (data.value === undefined) return <Loading />;
  const { input, output, stages } = data.value;
  const tasks = stages.flatMap((s) => s.tasks).filter((t) => t.output !== null);
  return (
    <div class="data-tab">
      <h2 class="hidden">Data</h2>
      <Json value={input} label="Input" />
      {output === null ? <p class="quiet"><b>Output</b>: none yet</p>
        : <Json value={output} label="Output" />}
      {tasks.slice(0, 50).map((t) => (
        <Json key={t.id} value={t.output} label={`Output of ${t.name}`} />
      ))}
      {tasks.length > 50 && <p class="quiet">The outputs of {tasks.length - 50} more tasks are
        beside each of them.</p>}
    </div>
  );
}

const TABS: [string, string][] = [['graph', 'Graph'], ['timeline', 'Timeline'],
  ['events', 'Events'], ['data', 'Data']];

type BodyProps = PanelProps & { pages: EventPages };

function Body({ model, shown, timeline, preview, pages, canAct }: BodyProps) {
  const { layout, looks } = model;
  const tab = chosenTab('tab', 'graph');
  if (tab === 'events') return <Events model={model} pages={pages} />;
  if (tab === 'data') return <DataTab model={model} />;
  if (layout === undefined) return <Loading rows={8} />;
  if (tab === 'timeline')
    return <TimelineView model={model} shown={shown} layout={layout} timeline={timeline} />;
  const choose = (id: string): void =>
    setTerms({ task: id === term('task') ? null : id, event: null });
  return (
    <>
      <PreviewBar shown={shown} preview={preview} />
      <Graph layout={layout} looks={looks} label="Graph of the instance" chosen={term('task')}
        marked={preview.marked} onChoose={choose}
        {...canAct && { stageAction: { icon: 'replay' as const,
          label: (stage: string) => `Replay stage ${stage}`,
          run: (stage: string) => beginPreview(preview, { stage, only: false }) } }} />
    </>
  );
}

/** As of a time (`at=2026-…Z`) is as of the last event until then. */
function useMoment(id: string): number {
  const text = term('at');
  const isTime = /\D/.test(text);
  useEffect(() => {
    if (!isTime) return undefined;
    const stop = new AbortController();
    const put = (at: number | null) => stop.signal.aborted || setTerms({ at }, true);
    const path = withQuery(instancePath(id), { at: text, fields: 'brief' });
    get<InstanceShown>(path, stop.signal).then((shown) => put(shown.revision), () => put(null));
    return () => stop.abort();
  }, [text]);
  return isTime ? 0 : Number(text) || 0;
}

export function Instance({ id, isShared = false }: { id: string; isShared?: boolean }) {
  const at = useMoment(id);
  const model = useInstance(id, at);
  const { shown, error } = model;
  const pages = useEventPages(shown?.instance ?? id, model.revision);
  const timeline = useTimeline(id, at, shown?.revision === at ? shown.updated_at : undefined);
  const preview = usePreview();
  const trail: [string, string][] = isShared ? [] : [['Instances', href(['instances'])]];
  if (shown === undefined)
    return (
      <Page title={id} trail={trail}>
        {error ? <Failure error={error} retry={model.reload} /> : <Loading />}</Page>
    );
  const isNow = !isShared && at === 0;
  const canAct = isNow && may('operator');
  const known = { ...model, id: shown.instance };
  const parts = { model: known, shown, timeline, preview, canAct };
  return (
    <Page title={shown.key ?? shown.instance} trail={trail} isFull
      beside={<><Status of={shown.status} />{shown.business_status
        && <span class="business" dir="auto">{shown.business_status}</span>}</>}
      actions={isNow && <Actions shown={shown} preview={preview} canAct={canAct} />}>
      <Subtitle shown={shown} isShared={isShared} />
      {shown.error && (
        <div class="callout callout-bad" dir="auto"><b>{shown.error}</b> {shown.message}</div>
      )}
      {error && <div class="callout" role="alert">{error.message}</div>}
      <Scrub model={known} pages={pages} marks={timeline.marks} />
      <div class={`instance tab-${chosenTab('tab', 'graph')}`}>
        <section class="card card-plain instance-main" aria-label="The instance">
          <Tabs name="tab" tabs={TABS} />
          <Body {...parts} pages={pages} />
        </section>
        <Panel {...parts} />
      </div>
    </Page>
  );
}

export default function View({ params }: ViewProps) {
  return <Instance id={params['id'] ?? ''} />;
}
