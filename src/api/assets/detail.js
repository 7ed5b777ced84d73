// The chosen instance: its head with what one can do, the live picture, stages and tasks, events
// with verdicts, data. Each part is drawn anew only when what it shows has changed.
import { h, fill, moment, pill, pretty, duration } from './lib.js';
import * as actions from './actions.js';

const box = document.getElementById('detail');
const EVENTS_SHOWN = 100;
const OUT = ['SCHEDULED', 'RUNNING', 'RETRYING'];
let parts = null;      // the sections of the instance that is shown
let opened = new Set(); // what the reader has unfolded
let shown = {};        // what each part was last drawn from
let showAll = false;
let lastEvents = [];

export function openDetail(id) {
  opened = new Set();
  shown = {};
  showAll = false;
  const part = (name, title) => {
    const body = h('div', { class: 'body' });
    return { body, section: h('section', { class: `part ${name}` }, h('h3', {}, title), body) };
  };
  parts = {
    id, head: h('header', { class: 'head' }), alert: h('div', {}),
    graph: h('div', { class: 'picture', tabindex: 0, role: 'region', 'aria-label': 'Graph' }),
    tasks: part('tasks', 'Tasks'), events: part('events', 'Events'), data: part('data', 'Data'),
  };
  fill(parts.head, h('p', { class: 'quiet' }, 'Loading…'));
  fill(box, parts.head, parts.alert, parts.graph, parts.tasks.section, parts.events.section,
    parts.data.section);
  for (const p of [parts.tasks, parts.events, parts.data]) p.section.hidden = true;
  box.hidden = false;
}

export function closeDetail() {
  parts = null;
  box.hidden = true;
  box.replaceChildren();
}

export function showDetailError(message, retry) {
  fill(parts.head, back(), h('h2', {}, 'This instance cannot be shown'));
  fill(parts.alert, h('p', { class: 'callout' }, message, ' ',
    h('button', { type: 'button', onclick: retry }, 'Try again')));
}

function changed(name, value) {
  const now = JSON.stringify(value);
  if (shown[name] === now) return false;
  shown[name] = now;
  return true;
}

// A fold that stays as the reader left it.
function fold(key, attributes, summary, ...content) {
  const e = h('details', { ...attributes, open: opened.has(key) },
    h('summary', { 'data-focus': key }, summary), ...content);
  e.addEventListener('toggle', () => (e.open ? opened.add(key) : opened.delete(key)));
  return e;
}

function button(label, key, onclick, extra) {
  return h('button', { type: 'button', 'data-focus': key, onclick, ...extra }, label);
}

function back() {
  return h('a', { class: 'back', href: '#/' }, '← All instances');
}

function json(label, value) {
  return value !== null && value !== undefined
    && h('div', { class: 'json' }, h('h4', {}, label), h('pre', { tabindex: 0 }, pretty(value)));
}

function controls(i) {
  const verbs = { RUNNING: ['pause', 'cancel'], PAUSED: ['resume', 'cancel'], FAILED: ['cancel'] };
  const names = { pause: 'Pause', resume: 'Resume', cancel: 'Cancel' };
  return (verbs[i.status] ?? []).map((verb) => button(names[verb], verb,
    () => actions.control(verb, i), { class: verb === 'cancel' ? 'danger quiet-button' : '' }));
}

function showHead(i) {
  const end = i.finished_at ?? (/RUNNING|PAUSED/.test(i.status) ? null : i.updated_at);
  const fact = (label, ...value) => h('div', {}, h('dt', {}, label), h('dd', {}, ...value));
  fill(parts.head, back(),
    h('div', { class: 'title' }, h('h2', { dir: 'auto' }, i.key || i.instance), pill(i.status),
      h('div', { class: 'buttons' }, controls(i))),
    h('dl', { class: 'facts' },
      fact('Template', `${i.template} v${i.version}`), fact('Stage', i.stage ?? '—'),
      fact('Business status', i.business_status ?? '—'), fact('Started', moment(i.started_at)),
      end ? fact('Took', duration(Date.parse(end) - Date.parse(i.started_at)))
        : fact('Updated', moment(i.updated_at)),
      fact('Revision', String(i.revision)), fact('Instance', h('code', {}, i.instance))));
  fill(parts.alert, i.error && h('p', { class: 'callout' }, h('b', {}, i.error), ' ',
    i.message ?? ''));
}

/* Tasks */

// A task's name where no other stage has it, else STAGE/NAME.
function idOf(instance, stage, task) {
  const same = instance.stages.flatMap((s) => s.tasks).filter((t) => t.name === task.name);
  return task.id ?? (same.length > 1 ? `${stage.name}/${task.name}` : task.name);
}

function taskNumbers(t) {
  return h('span', { class: 'numbers' }, t.generation > 1 && h('span', {}, `gen ${t.generation}`),
    t.attempt > 1 && h('span', {}, `try ${t.attempt}`),
    t.wake_at && h('span', { class: 'next' }, 'next ', moment(t.wake_at)),
    t.due_at && h('span', { class: 'next' }, 'due ', moment(t.due_at)));
}

function taskButtons(i, stage, t, id) {
  const isHers = t.kind === 'human' && OUT.includes(t.status) && i.status !== 'PAUSED';
  return h('span', { class: 'buttons' },
    isHers && button('Complete', `complete ${id}`,
      () => actions.complete(i, stage.name, t, id), { class: 'primary' }),
    button('Replay', `replay ${id}`, () => actions.replay(i, { task: id }, t.input),
      { 'aria-label': `Replay task ${t.name}` }));
}

function taskItem(i, stage, t) {
  const id = idOf(i, stage, t);
  const summary = h('span', { class: 'line' },
    h('span', { class: 'who' }, h('b', { dir: 'auto' }, t.name),
      h('span', { class: 'quiet' }, t.queue ?? t.assignee ?? t.kind)),
    pill(t.status), taskNumbers(t));
  return h('li', { class: 'task', 'data-task': id, 'data-status': t.status },
    fold(`task ${id}`, {}, summary,
      t.error && h('p', { class: 'callout' }, h('b', {}, t.error), ' ', t.message ?? ''),
      h('div', { class: 'pair' }, json('Input', t.input), json('Output', t.output)),
      !t.error && !t.input && !t.output && h('p', { class: 'quiet' }, 'Nothing yet.')),
    taskButtons(i, stage, t, id));
}

function showTasks(i) {
  parts.tasks.section.hidden = false;
  fill(parts.tasks.body, i.stages.map((stage) => h('div', { class: 'stage' },
    h('div', { class: 'stage-head' }, h('h4', { dir: 'auto' }, stage.name), pill(stage.status),
      button('Replay stage', `stage ${stage.name}`,
        () => actions.replay(i, { stage: stage.name }),
        { 'aria-label': `Replay stage ${stage.name}` })),
    stage.tasks.length > 0 ? h('ul', {}, stage.tasks.map((t) => taskItem(i, stage, t)))
      : h('p', { class: 'quiet' }, 'No tasks: passes through.'))));
}

/* The picture */

// Unfolds a task and brings it into view.
function reveal(id) {
  const e = parts.tasks.body.querySelector(`[data-task="${CSS.escape(id)}"] details`);
  if (!e) return;
  e.open = true;
  e.scrollIntoView({ block: 'center' });
  e.querySelector('summary').focus({ preventScroll: true });
}

export function showGraph(text) {
  if (!parts || !changed('graph', text)) return;
  // Its own style is for where it stands alone; the page's policy forbids it here, and app.css has it.
  const bare = text.replace(/<style>.*?<\/style>/s, '');
  const svg = new DOMParser().parseFromString(bare, 'image/svg+xml').documentElement;
  if (svg.nodeName !== 'svg') {
    fill(parts.graph, h('p', { class: 'quiet' }, 'The picture cannot be drawn.'));
    return;
  }
  svg.setAttribute('role', 'group');
  for (const e of svg.querySelectorAll('.g-task')) {
    e.setAttribute('tabindex', '0');
    e.setAttribute('role', 'button');
    e.setAttribute('data-focus', `graph ${e.dataset.task}`);
  }
  const drawn = document.importNode(svg, true);
  drawn.style.minWidth = `${Math.round(svg.getAttribute('width') * 0.8)}px`;
  const { scrollLeft } = parts.graph;
  fill(parts.graph, drawn);
  parts.graph.scrollLeft = scrollLeft;
}

box.addEventListener('click', (event) => {
  const e = event.target.closest('.g-task');
  if (e) reveal(e.dataset.task);
});
box.addEventListener('keydown', (event) => {
  const e = event.target.closest('.g-task');
  if (!e || (event.key !== 'Enter' && event.key !== ' ')) return;
  event.preventDefault();
  reveal(e.dataset.task);
});

/* Events */

const short = (value) => (typeof value === 'string' ? value : JSON.stringify(value) ?? 'null');

function eventItem(e) {
  const changes = e.changes ?? [];
  const line = h('span', { class: 'line' },
    h('span', { class: 'seq' }, String(e.seq)), h('b', {}, e.event),
    h('span', { class: `verdict v-${e.verdict}` }, e.verdict),
    h('span', { class: 'of' }, e.task ?? '', e.task && e.generation > 1 && ` gen ${e.generation}`,
      e.task && e.attempt > 1 && ` try ${e.attempt}`),
    h('span', { class: 'reason' }, e.reason ?? ''),
    h('span', { class: 'from' }, [e.actor, e.source].filter(Boolean).join(' · ')), moment(e.at));
  const table = changes.length > 0 && h('table', {}, h('tbody', {}, changes.map((c) => h('tr', {},
    h('th', { scope: 'row' }, short(c.path)), h('td', {}, short(c.from ?? null)),
    h('td', { 'aria-hidden': 'true' }, '→'), h('td', {}, short(c.to ?? null))))));
  return h('li', { 'data-seq': String(e.seq) }, fold(`event ${e.seq}`, {}, line,
    h('div', { class: 'changes' }, table || h('p', { class: 'quiet' }, 'Nothing changed.')),
    e.hash && h('p', { class: 'hash' }, `SHA-256 ${e.hash}`)));
}

export function showEvents(events) {
  lastEvents = events;
  if (!parts || !changed('events', [events.length, events.at(-1)?.hash, events.at(-1)?.seq, showAll]))
    return;
  const newest = events.toReversed();
  const some = showAll ? newest : newest.slice(0, EVENTS_SHOWN);
  parts.events.section.hidden = false;
  fill(parts.events.body, h('ol', { class: 'log' }, some.map(eventItem)),
    some.length < newest.length && button(`Show all ${newest.length}`, 'all-events', () => {
      showAll = true;
      showEvents(lastEvents);
    }));
}

export function showInstance(i) {
  if (!parts) return;
  if (changed('head', { ...i, stages: 0, input: 0, output: 0 })) showHead(i);
  if (changed('tasks', [i.stages, i.status])) showTasks(i);
  if (!changed('data', [i.input, i.output])) return;
  parts.data.section.hidden = false;
  fill(parts.data.body, h('div', { class: 'pair' }, json('Input', i.input ?? {}),
    json('Output', i.output)));
}
