// What waits for people: overdue first; one of them open, with its story, its form and the answer.
import { useEffect } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { setActor } from '../api/actor';
import type { Query } from '../api/client';
import type { PersonsTask } from '../api/types';
import { href, setTerms, term } from '../route';
import { store } from '../store';
import { closeDialog, openDialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { Page } from '../ui/page';
import { Empty, Failure, Loading } from '../ui/state';
import { Moment } from '../ui/time';
import { VirtualRows } from '../ui/virtual';
import { nameOf, useInbox, type TaskList } from './inbox-list';
import { OpenTask } from './inbox-task';
import { useTemplateNames } from './template-names';

const ROW_HEIGHT = 78;

function queryNow(): Query {
  return { assignee: term('mine') ? store.name.value : term('assignee'), group: term('group'),
    template: term('template'), overdue: term('overdue') ? true : null };
}

function NameForm() {
  const error = useSignal('');
  const submit = (event: Event) => {
    event.preventDefault();
    const name = String(new FormData(event.target as HTMLFormElement).get('name')).trim();
    if (!setActor(name)) {
      error.value = 'A name has plain letters, digits and signs, 128 at most.';
      return;
    }
    store.name.value = name;
    setTerms({ mine: name ? '1' : null, assignee: null, group: null, open: null });
    closeDialog();
  };
  return (
    <form onSubmit={submit}>
      <h2 id="dialog-title">Who are you?</h2>
      <p class="dialog-text">Your inbox has the tasks whose assignee has this name. It stays in this
        browser, and is kept with what you do.</p>
      <label class="field">Your name
        <input name="name" defaultValue={store.name.value} autofocus
          autocomplete="username" spellcheck={false} maxLength={128} /></label>
      {error.value && <p class="error" role="alert">{error.value}</p>}
      <div class="buttons">
        <button type="button" onClick={closeDialog}>Leave it</button>
        <button type="submit" class="primary">That is me</button>
      </div>
    </form>
  );
}

const askName = (): void => openDialog(() => <NameForm />);

function ForForm() {
  const submit = (event: Event) => {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    const read = (name: string) => String(form.get(name) ?? '').trim() || null;
    setTerms({ mine: null, assignee: read('assignee'), group: read('group'),
      template: read('template'), open: null });
    closeDialog();
  };
  const templates = useTemplateNames();
  return (
    <form onSubmit={submit}>
      <h2 id="dialog-title">Whose tasks?</h2>
      <label class="field">Assignee<input name="assignee" defaultValue={term('assignee')}
        autocomplete="off" spellcheck={false} autofocus placeholder="A person's name" /></label>
      <label class="field">Group<input name="group" defaultValue={term('group')}
        autocomplete="off" spellcheck={false} placeholder="A group's name" /></label>
      <label class="field">Template
        <select name="template">
          <option value="">any</option>
          {templates.map((name) => (
            <option key={name} selected={name === term('template')}>{name}</option>
          ))}
        </select></label>
      <div class="buttons">
        <button type="button" onClick={closeDialog}>Leave it</button>
        <button type="submit" class="primary">Show</button>
      </div>
    </form>
  );
}

function Bar() {
  const isMine = term('mine') !== '';
  const others = [['assignee', 'For'], ['group', 'Group'], ['template', 'Template']] as const;
  const asked = others.filter(([name]) => term(name) !== '');
  const isAll = !isMine && asked.length === 0;
  return (
    <div class="filter-bar inbox-bar">
      <div class="statuses" role="group" aria-label="Whose tasks">
        <button type="button" class="toggle v-toggle" aria-pressed={isAll} onClick={() =>
          setTerms({ mine: null, assignee: null, group: null, template: null, open: null })}>
          All</button>
        <button type="button" class="toggle v-toggle" aria-pressed={isMine} onClick={() =>
          (store.name.value ? setTerms({ mine: '1', assignee: null, group: null, open: null })
            : askName())}>
          Mine{store.name.value && ` (${store.name.value})`}</button>
        <button type="button" class="toggle v-toggle" aria-pressed={asked.length > 0}
          onClick={() => openDialog(() => <ForForm />)}>
          {asked.length === 0 ? 'Others…'
            : asked.map(([name, word]) => `${word} ${term(name)}`).join(', ')}</button>
        <button type="button" class="toggle v-toggle" aria-pressed={term('overdue') !== ''}
          onClick={() => setTerms({ overdue: term('overdue') ? null : '1', open: null })}>
          Overdue</button>
      </div>
      <button type="button" class="icon-button" aria-label="Change your name"
        title="Change your name"
        onClick={askName}><Icon name="person" /></button>
    </div>
  );
}

function Due({ task }: { task: PersonsTask }) {
  if (task.due_at === null)
    return <span class="quiet">since <Moment at={task.since} /></span>;
  const isLate = Date.parse(task.due_at) <= store.now.value;
  return <span class={isLate ? 'late' : 'quiet'}>due <Moment at={task.due_at} /></span>;
}

function Row({ task }: { task: PersonsTask }) {
  const { path, query } = store.route.value;
  const to = href(path, { ...Object.fromEntries(query), open: nameOf(task) });
  return (
    <span role="cell" class="todo-cell">
      <a class={`todo ${term('open') === nameOf(task) ? 'is-open' : ''}`} href={to}
        aria-current={term('open') === nameOf(task) ? 'true' : undefined}>
        <b dir="auto" class="todo-task">{task.task}</b>
        <span class="todo-due"><Due task={task} /></span>
        <span dir="auto" class="todo-key">{task.key ?? task.instance}{' '}
          <span class="quiet">{task.template}</span></span>
        <span dir="auto" class="todo-who quiet">{task.assignee ?? task.group ?? 'anybody'}</span>
      </a>
    </span>
  );
}

function Tasks({ list, more, reload }: { list: TaskList; more: () => void; reload: () => void }) {
  if (list.tasks.length === 0) {
    if (list.error) return <Failure error={list.error} retry={reload} />;
    if (list.isLoading) return <Loading />;
    if (!list.isEnd)
      return <Empty title="Nothing yet" action={<button type="button" onClick={more}>
        Look further</button>} />;
    return <Empty title="Nothing waits" text={term('mine')
      ? `No task is waiting for ${store.name.value}.` : 'No task is waiting for a person.'} />;
  }
  return (
    <VirtualRows rows={list.tasks} rowHeight={ROW_HEIGHT} keyOf={nameOf} onEnd={more}
      label="Tasks that wait for people" draw={(task) => <Row task={task} />} />
  );
}

/** The one after that which is answered, so that a reader works through them. */
function nextAfter(list: TaskList, name: string): string | null {
  const k = list.tasks.findIndex((t) => nameOf(t) === name);
  const next = list.tasks[k + 1] ?? list.tasks[k - 1];
  return next === undefined ? null : nameOf(next);
}

export default function View() {
  const query = queryNow();
  const { list, more, reload } = useInbox(JSON.stringify(query), query);
  const open = term('open');
  const task = list.tasks.find((t) => nameOf(t) === open);
  const isWide = matchMedia('(min-width: 961px)').matches;
  useEffect(() => { // a wide window has room for the first one beside the list
    const [first] = list.tasks;
    if (isWide && open === '' && first) setTerms({ open: nameOf(first) }, true);
  }, [open, list.tasks.length > 0]);
  return (
    <Page title="Inbox" isFull beside={list.count !== undefined && <span class="quiet figures"
      role="status">{list.count.toLocaleString()}{list.isMore ? ' or more' : ''}</span>}>
      <Bar />
      <div class={`inbox ${open ? 'has-open' : ''}`}>
        <section class="card card-plain inbox-list" aria-label="What waits">
          <Tasks list={list} more={more} reload={reload} />
        </section>
        {open !== '' && <OpenTask key={open} name={open} known={task} onDone={() => {
          setTerms({ open: isWide ? nextAfter(list, open) : null }, true);
          reload();
        }} />}
      </div>
    </Page>
  );
}
