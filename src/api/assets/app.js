// The page's one state and what moves it: the address, the filter, and the server's feed of events.
// Whatever the feed says only marks what to ask for again; the server's answers are what is shown.
import { h, ask, get, getText, messages, throttle, tick } from './lib.js';
import * as key from './key.js';
import { showRows, showLoading, clearLoading, showNote, showChips } from './list.js';
import { openDetail, closeDetail, showDetailError, showInstance, showGraph, showEvents }
  from './detail.js';
import * as actions from './actions.js';

const PAGE = 100;         // rows asked for at once
const REFRESH_MS = 300;   // the feed is followed at most so often
const DIRTY_MAX = 50;     // rows beyond the first page asked for one by one
const element = (id) => document.getElementById(id);

const state = {
  rows: new Map(), // instance id -> summary
  dirty: new Set(), // named by the feed since the last refresh
  status: null, filter: '', chosen: null, next: null, counts: {}, loaded: false,
};

/* The list */

const at = (id) => `/v1/instances/${encodeURIComponent(id)}`;
const byStart = (a, b) => (b.started_at ?? '').localeCompare(a.started_at ?? '')
  || b.instance.localeCompare(a.instance);

function matches(row) {
  if (state.status && row.status !== state.status) return false;
  const words = state.filter.toLowerCase().split(/\s+/).filter(Boolean);
  const text = [row.key, row.instance, row.template, row.stage, row.business_status, row.status]
    .join('\n').toLowerCase();
  return words.every((word) => text.includes(word));
}

function draw() {
  const list = [...state.rows.values()].filter(matches).sort(byStart);
  showRows(list, state.chosen);
  showChips(state.counts, state.status, chooseStatus);
  element('more').hidden = !state.next;
  if (!state.loaded) return;
  clearLoading();
  if (list.length > 0) showNote();
  else if (state.filter || state.status) showNote(h('p', {}, 'No instance matches.'),
    h('button', { type: 'button', onclick: clearFilter }, 'Show all'));
  else showNote(h('h2', {}, 'No instances yet'),
    h('p', {}, 'Start one with the button above, or with'), h('code', {}, 'swm start TEMPLATE'));
}

async function loadPage(after) {
  const query = new URLSearchParams({ limit: PAGE });
  if (state.status) query.set('status', state.status);
  if (after) query.set('after', after);
  const status = state.status;
  const reply = await get(`/v1/instances?${query}`);
  if (status !== state.status) return new Set(); // another chip was chosen meanwhile
  for (const row of reply.instances) state.rows.set(row.instance, row);
  if (after || !state.loaded) state.next = reply.next || null;
  state.loaded = true;
  return new Set(reply.instances.map((row) => row.instance));
}

async function loadOne(id) {
  try {
    const row = await get(at(id));
    state.rows.set(row.instance, row);
  } catch (e) {
    if (e.status === 404) state.rows.delete(id);
    else throw e;
  }
}

// Asks again for what the feed named: the first page, and rows further down that it does not hold.
async function refresh() {
  const dirty = state.dirty;
  state.dirty = new Set();
  try {
    const [stats, page] = await Promise.all([get('/v1/stats'), loadPage()]);
    state.counts = stats.instances ?? {};
    const rest = [...dirty].filter((id) => state.rows.has(id) && !page.has(id));
    await Promise.all(rest.slice(0, DIRTY_MAX).map(loadOne));
    draw();
  } catch (e) {
    for (const id of dirty) state.dirty.add(id);
    if (state.loaded) return; // the banner tells of a lost connection
    clearLoading();
    showNote(h('h2', {}, 'The instances cannot be shown'), h('p', {}, e.message),
      h('button', { type: 'button', onclick: refresh }, 'Try again'));
  }
}

function chooseStatus(status) {
  state.status = status;
  state.next = null;
  state.loaded = false;
  draw();
  refresh();
}

function clearFilter() {
  element('filter').value = '';
  state.filter = '';
  chooseStatus(null);
}

// A key beyond the loaded rows is asked for by name.
const findKey = throttle(300, async () => {
  const key = state.filter.trim();
  if (!key || [...state.rows.values()].some(matches)) return;
  try {
    const reply = await get(`/v1/instances?${new URLSearchParams({ key, limit: PAGE })}`);
    for (const row of reply.instances) state.rows.set(row.instance, row);
  } catch {
    return; // the note says that nothing matches
  }
  draw();
});

/* The chosen one */

async function showChosen() {
  const id = state.chosen;
  if (!id) return;
  const isChosen = () => id === state.chosen;
  try {
    const [instance, graph, log] = await Promise.all(
      [get(at(id)), getText(`${at(id)}/graph.svg`), get(`${at(id)}/events`)]);
    if (!isChosen()) return;
    showInstance(instance);
    showGraph(graph);
    showEvents(log.events);
    document.title = `${instance.key || instance.instance} · swm`;
  } catch (e) {
    if (isChosen() && (!state.shown || e.status === 404)) showDetailError(e.message, showChosen);
    return;
  }
  state.shown = true;
}

function route() {
  const id = decodeURIComponent(location.hash.match(/^#\/i\/(.+)$/)?.[1] ?? '') || null;
  if (id === state.chosen) return;
  state.chosen = id;
  state.shown = false;
  document.body.classList.toggle('has-chosen', id !== null);
  draw();
  if (id) {
    openDetail(id);
    element('detail').scrollTop = 0;
    showChosen();
  } else {
    closeDetail();
    document.title = 'swm';
  }
}

/* The feed */

const refreshSoon = throttle(REFRESH_MS, refresh);
const showChosenSoon = throttle(REFRESH_MS, showChosen);
let source = null; // stops the stream
let last = null; // the id of the last message that came
let retryMs = 1000;

function connected(is) {
  const link = element('link');
  link.textContent = is ? 'live' : 'offline';
  link.className = `link ${is ? 'live' : 'lost'}`;
  const banner = element('banner');
  banner.hidden = is;
  banner.textContent = is ? '' : 'The connection to the server is lost. What you see may be old; '
    + 'the page tries again by itself.';
}

function take(record) {
  state.dirty.add(record.instance);
  refreshSoon();
  if (record.instance === state.chosen) showChosenSoon();
}

// An EventSource cannot send the key, so that the stream is read as any other answer.
async function read(signal) {
  const headers = { Accept: 'text/event-stream' };
  if (last !== null) headers['Last-Event-ID'] = last;
  const response = await ask('/v1/events', { headers, signal });
  if (!response.ok) return;
  retryMs = 1000;
  connected(true);
  element('leave').hidden = key.current() === null;
  refreshSoon();
  showChosenSoon();
  for await (const message of messages(response.body)) {
    last = message.id ?? last;
    take(JSON.parse(message.data));
  }
}

async function follow() {
  const mine = new AbortController();
  source = mine;
  await read(mine.signal).catch(() => {});
  if (source !== mine) return; // the page was left
  connected(false);
  setTimeout(follow, retryMs);
  retryMs = Math.min(retryMs * 2, 15000);
}

/* What the reader does */

element('filter').addEventListener('input', (event) => {
  state.filter = event.target.value;
  draw();
  findKey();
});
element('more').addEventListener('click', async (event) => {
  event.target.disabled = true;
  await loadPage(state.next).catch(actions.tellFailure);
  event.target.disabled = false;
  draw();
});
element('start').addEventListener('click', () => actions.start().catch(actions.tellFailure));
document.addEventListener('keydown', (event) => {
  if (document.querySelector('dialog[open]')) return;
  const isTyping = event.target.matches('input, textarea, select');
  if (event.key === '/' && !isTyping) {
    event.preventDefault();
    element('filter').focus();
  } else if (event.key === 'Escape' && state.chosen && !isTyping) {
    location.hash = '#/';
  }
});
window.addEventListener('hashchange', route);
element('leave').addEventListener('click', key.forget);
window.addEventListener('pagehide', () => {
  source?.abort();
  source = null;
});
window.addEventListener('pageshow', (event) => event.persisted && follow());

setInterval(tick, 1000);
showLoading();
route();
refresh();
follow();
