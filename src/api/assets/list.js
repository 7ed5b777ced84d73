// The table of instances: rows are made once and then only told what changed, so that the eye and
// the keyboard keep their place.
import { h, fill, moment, setMoment, pill } from './lib.js';

const STATUSES = ['RUNNING', 'PAUSED', 'COMPENSATING', 'FAILED', 'COMPLETED', 'CANCELLED',
  'TERMINATED', 'COMPENSATED'];
const rows = document.getElementById('rows');
const made = new Map(); // instance id -> { tr, cells, shown }

const link = (id) => `#/i/${encodeURIComponent(id)}`;

function make(row) {
  const c = {
    key: h('a', { href: link(row.instance), class: 'key', dir: 'auto' }),
    under: h('span', { class: 'under' }),
    template: h('td', { class: 'wide' }),
    version: h('td', { class: 'wide number' }),
    status: h('td', {}),
    stage: h('td', { class: 'mid' }),
    business: h('td', { class: 'mid' }),
    started: moment(row.started_at),
    updated: moment(row.updated_at),
  };
  const tr = h('tr', { 'data-instance': row.instance },
    h('td', {}, c.key, c.under), c.template, c.version, c.status, c.stage, c.business,
    h('td', { class: 'wide' }, c.started), h('td', {}, c.updated));
  tr.addEventListener('click', (event) => {
    if (event.target !== c.key && !String(getSelection())) location.hash = link(row.instance);
  });
  return { tr, cells: c, shown: {} };
}

function setText(e, text) {
  if (e.textContent !== text) e.textContent = text;
}

function update(entry, row) {
  const c = entry.cells;
  setText(c.key, row.key || row.instance);
  c.key.title = row.instance;
  setText(c.under, `${row.template} v${row.version}`);
  setText(c.template, row.template);
  setText(c.version, `v${row.version}`);
  setText(c.stage, row.stage ?? '');
  setText(c.business, row.business_status ?? '');
  if (entry.shown.status !== row.status) c.status.replaceChildren(pill(row.status));
  setMoment(c.started, row.started_at);
  setMoment(c.updated, row.updated_at);
  const isNews = entry.shown.updated_at && entry.shown.updated_at !== row.updated_at;
  entry.shown = { status: row.status, updated_at: row.updated_at };
  if (!isNews) return;
  entry.tr.classList.remove('news');
  requestAnimationFrame(() => entry.tr.classList.add('news'));
}

// Shows these rows in this order; `chosen` is the one whose detail is open.
export function showRows(list, chosen) {
  const keep = new Set(list.map((row) => row.instance));
  for (const [id, entry] of made) {
    if (keep.has(id)) continue;
    entry.tr.remove();
    made.delete(id);
  }
  let before = rows.firstElementChild;
  for (const row of list) {
    const entry = made.get(row.instance) ?? make(row);
    made.set(row.instance, entry);
    update(entry, row);
    entry.tr.classList.toggle('chosen', row.instance === chosen);
    if (row.instance === chosen) entry.cells.key.setAttribute('aria-current', 'true');
    else entry.cells.key.removeAttribute('aria-current');
    if (entry.tr === before) before = before.nextElementSibling;
    else rows.insertBefore(entry.tr, before);
  }
}

export function showLoading() {
  const cell = () => h('td', { colspan: 8 }, h('span', { class: 'bone' }));
  rows.replaceChildren(...Array.from({ length: 6 }, () => h('tr', { class: 'loading' }, cell())));
}

export function clearLoading() {
  for (const tr of rows.querySelectorAll('.loading')) tr.remove();
}

export function showNote(...content) {
  fill(document.getElementById('note'), ...content);
}

export function showChips(counts, chosen, choose) {
  const chip = (status, label, count) => h('button', {
    class: `chip s-${status ?? 'ALL'}`, type: 'button', 'data-focus': `chip-${status}`,
    'aria-pressed': String(chosen === status), onclick: () => choose(status),
  }, h('span', {}, label), h('b', {}, String(count)));
  const total = Object.values(counts).reduce((sum, n) => sum + Number(n), 0);
  fill(document.getElementById('chips'), chip(null, 'All', total),
    STATUSES.filter((s) => counts[s] || s === chosen).map((s) => chip(s, s, counts[s] ?? 0)));
}

// The arrow keys go from row to row.
rows.addEventListener('keydown', (event) => {
  const step = { ArrowDown: 'nextElementSibling', ArrowUp: 'previousElementSibling' }[event.key];
  const to = step && event.target.closest('tr')?.[step]?.querySelector('a');
  if (!to) return;
  event.preventDefault();
  to.focus();
});
