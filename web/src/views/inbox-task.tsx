// One task of a person: what it is about, what happened before, the form, and the answer.
import { useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { instancePath, post, postText, templatePath, withQuery } from '../api/client';
import { whyNot } from '../api/me';
import { pretty } from '../api/json';
import type { EventRecord, InstanceStatus, PersonsTask, TaskStatus } from '../api/types';
import { useData } from '../data';
import { href, setTerms } from '../route';
import { store } from '../store';
import { Cli, command } from '../ui/cli';
import { openAction } from '../ui/dialog';
import { filledIn, SchemaForm, useForm } from '../ui/form/form';
import { write } from '../ui/form/value';
import { Icon } from '../ui/icon';
import { Json } from '../ui/json';
import { Shown } from '../ui/state';
import { Status } from '../ui/status';
import { Moment } from '../ui/time';
import { say } from '../ui/toast';
import { sentence, whoOf, whyOf } from '../ui/words';

const STORY = 50;

type ShownTask = { name: string; status: TaskStatus; kind: string; generation: number;
  attempt: number; input: unknown; error?: string | null };
type Instance = { instance: string; template: string; version: number; key: string | null;
  status: InstanceStatus;
  input: unknown; stages: { name: string; tasks: ShownTask[] }[] };
type Events = { events: EventRecord[]; next: string | null };

const isOut = (status: TaskStatus): boolean => status === 'SCHEDULED' || status === 'RUNNING';

/** A task's name has its stage before it where two stages have one of that name. */
function findTask(instance: Instance, id: string): ShownTask | undefined {
  const [stage, name] = id.includes('/') ? id.split(/\/(.*)/s) : [undefined, id];
  return instance.stages.filter((s) => stage === undefined || s.name === stage)
    .flatMap((s) => s.tasks).find((t) => t.name === name || t.name === id);
}

/** An object's members as a list; what is nested is told as JSON. */
function Values({ value }: { value: unknown }) {
  if (value === null || value === undefined) return null;
  if (typeof value !== 'object' || Array.isArray(value)) return <Json value={value} />;
  return (
    <dl class="values">
      {Object.entries(value).map(([name, one]) => (
        <div key={name}><dt dir="auto">{name}</dt>
          <dd dir="auto">{typeof one === 'string' ? one : <code>{pretty(one)}</code>}</dd></div>
      ))}
    </dl>
  );
}

function About({ instance, task }: { instance: Instance; task: ShownTask }) {
  const input = task.input ?? instance.input;
  const isNothing = input === null || input === undefined
    || (typeof input === 'object' && Object.keys(input).length === 0);
  return (
    <section class="todo-part" aria-label="What it is about">
      <h3>What it is about</h3>
      {isNothing ? <p class="quiet">Nothing was given with it.</p>
        : <Values value={input} />}
    </section>
  );
}

function Story({ id }: { id: string }) {
  const events = useData<Events>(
    withQuery(`${instancePath(id)}/events`, { newest_first: true, limit: STORY }),
    (r) => r.instance === id);
  return (
    <section class="todo-part" aria-label="What happened so far">
      <h3>What happened so far</h3>
      <Shown data={events} rows={3}>{(page) => (
        <ol class="story">
          {page.next !== null && <li class="quiet">
            <a href={href(['instances', id], { tab: 'events' })}>All that happened before</a></li>}
          {page.events.filter((e) => e.verdict === 'applied' && e.event !== 'TaskHeartbeat')
            .map((e) => (
              <li key={e.seq}><span class="quiet"><Moment at={e.at} /></span>
                <span dir="auto">{sentence(e)}{e.act || whyOf(e) ? ` · ${whoOf(e)}` : ''}
                  {whyOf(e) && <q class="quiet">{whyOf(e)}</q>}</span></li>
            ))}
        </ol>
      )}</Shown>
    </section>
  );
}

type Answering = { instance: Instance; task: ShownTask; id: string; form: unknown;
  onDone: () => void };

function failAction({ instance, task, id, onDone }: Answering): void {
  const name = instance.key ?? instance.instance;
  openAction({
    title: `Fail ${id} of ${name}`,
    text: <p>The task ends without an output. What the template says about failures happens then:
      it may be tried again, or the instance fails.</p>,
    confirm: 'Fail it', isDanger: true, reason: 'required',
    body: <><label class="field">Error<input name="error" required maxLength={128} pattern="\S+"
      placeholder="OutOfStock" autocomplete="off" spellcheck={false} /></label>
    <label class="field">Message<input name="message" maxLength={1000} autocomplete="off"
      placeholder="In a sentence" /></label></>,
    cli: (form) => command('task', 'fail', instance.instance, '--task', id, '--error',
      String(form.get('error') || 'ERROR'), form.get('message') ? '--message' : null,
      String(form.get('message') ?? ''), form.get('reason') ? '--reason' : null,
      String(form.get('reason') ?? '')),
    send: async (form) => {
      await post('v1/tasks/fail', { instance: instance.instance, task: id,
        generation: task.generation, attempt: task.attempt, error: form.get('error'),
        message: form.get('message') || undefined, reason: form.get('reason') });
      onDone();
      return `${id} of ${name} has failed.`;
    },
  });
}

function Answer(answering: Answering) {
  const { instance, task, id, onDone } = answering;
  const form = useForm(answering.form);
  const isBusy = useSignal(false);
  const error = useSignal('');
  const why = whyNot('operator');
  const isFree = answering.form === null || answering.form === undefined;
  const { value, faults } = filledIn(form);
  const output = value === undefined ? undefined : write(value);
  const complete = async (event: Event) => {
    event.preventDefault();
    form.isChecked.value = true;
    if (faults.size > 0) return;
    isBusy.value = true;
    error.value = '';
    try {
      await postAnswer(instance.instance, id, task, output);
      say(`${id} of ${instance.key ?? instance.instance} is done.`);
      onDone();
    } catch (e) {
      error.value = (e as Error).message;
    }
    isBusy.value = false;
  };
  return (
    <form class="todo-answer" onSubmit={complete} noValidate>
      <section class="todo-part" aria-label="Your answer">
        <h3>Your answer</h3>
        {isFree ? <details><summary>Give something along, as JSON</summary>
          <SchemaForm form={form} id="answer" /></details>
          : <SchemaForm form={form} id="answer" />}
        <details><summary>As a command</summary>
          <Cli line={command('task', 'complete', instance.instance, '--task', id,
            output !== undefined && '--output', output)} /></details>
        {error.value && <p class="error" role="alert">{error.value}</p>}
        {why && <p class="callout">{why}</p>}
      </section>
      <div class="todo-buttons">
        <button type="button" disabled={why !== null} onClick={() => failAction(answering)}>
          Not possible</button>
        <button type="submit" class="primary" disabled={isBusy.value || why !== null}>
          <Icon name="check" />Done</button>
      </div>
    </form>
  );
}

/** The output goes as it was typed, with every digit. */
function postAnswer(instance: string, id: string, task: ShownTask, output: string | undefined) {
  const { generation, attempt } = task;
  const head = JSON.stringify({ instance, task: id, generation, attempt });
  const text = output === undefined ? head : `${head.slice(0, -1)},"output":${output}}`;
  return postText('v1/tasks/complete', 'application/json', text);
}

type Content = { content: { stages: { name: string; tasks?: { name: string;
  human?: { form?: unknown } }[] }[] } };

/** The form of a task that is not among the loaded ones: the template has it. */
function formOf(template: Content | undefined, id: string): unknown {
  const [stage, name] = id.includes('/') ? id.split(/\/(.*)/s) : [undefined, id];
  return template?.content.stages.filter((s) => stage === undefined || s.name === stage)
    .flatMap((s) => s.tasks ?? []).find((t) => t.name === name || t.name === id)?.human?.form;
}

function Over({ task, onDone }: { task: ShownTask | undefined; onDone: () => void }) {
  return (
    <div class="todo-part">
      <p class="callout">{task === undefined ? 'There is no such task.'
        : <>It waits no more: it is <Status of={task.status} />. Somebody answered it, or it was
          taken back.</>}</p>
      <div class="buttons"><button type="button" onClick={onDone}>To the next one</button></div>
    </div>
  );
}

export function OpenTask({ name, known, onDone }: {
  name: string; known: PersonsTask | undefined; onDone: () => void;
}) {
  const [id = '', task = ''] = name.split(/\/(.*)/s);
  const data = useData<Instance>(instancePath(id), (r) => r.instance === id);
  const form = useRef(known?.form);
  const { template, version } = data.value ?? {};
  const content = useData<Content>(known || template === undefined ? null
    : `${templatePath(template)}/versions/${version}`).value;
  form.current ??= known?.form ?? formOf(content, task);
  return (
    <section class="card card-plain inbox-task" aria-label={task}>
      <header class="todo-head">
        <button type="button" class="icon-button todo-back" aria-label="Back to the list"
          onClick={() => setTerms({ open: null })}><Icon name="left" /></button>
        <div><h2 dir="auto">{task}</h2>
          <p class="quiet" dir="auto">{known?.template ?? data.value?.template}{' · '}
            <a href={href(['instances', id])}>{known?.key ?? data.value?.key ?? id}</a></p></div>
        {known && <TellDue task={known} />}
      </header>
      <div class="todo-body">
        <Shown data={data}>{(instance) => {
          const found = findTask(instance, task);
          return (
            <>
              {instance.status === 'PAUSED'
                && <p class="callout">The instance is paused: your answer
                is taken, what follows waits.</p>}
              {found && <About instance={instance} task={found} />}
              <Story id={id} />
              {found && isOut(found.status)
                ? <Answer instance={instance} task={found} id={task} form={form.current}
                  onDone={onDone} />
                : <Over task={found} onDone={onDone} />}
            </>
          );
        }}</Shown>
      </div>
    </section>
  );
}

function TellDue({ task }: { task: PersonsTask }) {
  const isLate = task.due_at !== null && Date.parse(task.due_at) <= store.now.value;
  return (
    <p class={`todo-when ${isLate ? 'late' : 'quiet'}`}>
      {task.due_at === null ? <>waits since <Moment at={task.since} /></>
        : <>due <Moment at={task.due_at} /></>}
      <br /><span class="quiet" dir="auto">{task.assignee ?? task.group ?? 'for anybody'}</span></p>
  );
}
