// What the other parts share: elements, requests, times, JSON. It knows nothing of workflows.
import * as key from './key.js';

// An element with properties and children. Text goes in as text nodes only, so that no name can
// become markup.
export function h(tag, props, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) e.addEventListener(name.slice(2), value);
    else if (name === 'class') e.className = value;
    else e.setAttribute(name, value === true ? '' : value);
  }
  e.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return e;
}

// Replaces what is in `box`, and gives the focus back to the element with the same data-focus.
export function fill(box, ...children) {
  const focused = box.contains(document.activeElement) && document.activeElement.dataset.focus;
  box.replaceChildren(...children.flat(Infinity).filter(Boolean));
  if (focused) box.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
}

// Numbers that a double cannot hold keep the digits they came with.
export function parse(text) {
  return JSON.parse(text, (name, value, context) =>
    typeof value === 'number' && JSON.rawJSON && context?.source !== undefined &&
    String(value) !== context.source && !Number.isSafeInteger(value)
      ? JSON.rawJSON(context.source) : value);
}

export function pretty(value) {
  return JSON.stringify(value, null, 2);
}

export class Refusal extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function answer(response) {
  const text = await response.text();
  let body = null;
  try {
    body = parse(text);
  } catch {
    if (response.ok) throw new Refusal('The server sent something that is not JSON.');
  }
  if (response.ok) return body;
  const why = body?.error?.message ?? body?.error?.code ?? body?.reason ?? body?.verdict;
  throw new Refusal(why ? String(why) : `The server answered ${response.status}.`, response.status);
}

// Asks with the key that there is, and where the server wants another one, when that is given.
export async function ask(path, init = {}) {
  for (;;) {
    const used = key.current();
    const headers = used === null ? init.headers
      : { ...init.headers, Authorization: `Bearer ${used}` };
    let response;
    try {
      response = await fetch(path, { ...init, headers });
    } catch {
      throw new Refusal('The server cannot be reached.');
    }
    if (response.status !== 401) return response;
    await key.another(used);
  }
}

export async function get(path) {
  return answer(await ask(path, { headers: { Accept: 'application/json' } }));
}

export async function getText(path) {
  const response = await ask(path);
  return response.ok ? response.text() : answer(response);
}

export async function post(path, body) {
  return answer(await ask(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-SWM-Client': 'page' },
    body: JSON.stringify(body),
  }));
}

const UNITS = [['s', 1], ['min', 60], ['h', 3600], ['d', 86400]];

export function duration(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  const [name, size] = UNITS.findLast(([, unit]) => s >= unit) ?? UNITS[0];
  return `${Math.floor(s / size)} ${name}`;
}

function relative(at) {
  const ms = Date.now() - at;
  if (Math.abs(ms) < 1000) return 'now';
  return ms > 0 ? `${duration(ms)} ago` : `in ${duration(-ms)}`;
}

// A moment, told from now; the tick below keeps all of them right.
export function moment(at) {
  const e = h('time', {});
  setMoment(e, at);
  return e;
}

export function setMoment(e, at) {
  const ms = at ? Date.parse(at) : NaN;
  if (Number.isNaN(ms)) {
    e.removeAttribute('datetime');
    e.textContent = '';
    return;
  }
  if (e.dateTime !== at) {
    e.dateTime = at;
    e.title = new Date(ms).toLocaleString();
  }
  const words = relative(ms);
  if (e.textContent !== words) e.textContent = words;
}

export function tick() {
  for (const e of document.querySelectorAll('time[datetime]')) setMoment(e, e.dateTime);
}

// Calls `work` at most once per `ms`, and once more when it was asked for meanwhile.
export function throttle(ms, work) {
  let timer = 0, running = false, again = false;
  const run = async () => {
    timer = 0;
    running = true;
    try {
      await work();
    } finally {
      running = false;
      if (again) {
        again = false;
        timer = setTimeout(run, ms);
      }
    }
  };
  return () => {
    if (running) again = true;
    else timer ||= setTimeout(run, ms);
  };
}

const SIGNS = {
  PENDING: '○', SCHEDULED: '◷', RUNNING: '▶', ACTIVE: '▶', RETRYING: '↻', COMPLETED: '✓',
  FAILED: '✕', CANCELLED: '⊘', PAUSED: '❚❚',
};

export function pill(status) {
  return h('span', { class: `pill s-${status}` },
    h('span', { class: 'sign', 'aria-hidden': 'true' }, SIGNS[status] ?? '•'), String(status));
}

// The messages of an event stream, as they come: their data, and their id where they have one.
export async function* messages(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const blocks = (text + part.value).split('\n\n');
    text = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split('\n').map((line) => {
        const [name, ...value] = line.split(': ');
        return [name, value.join(': ')];
      }));
      if (fields.data !== undefined) yield fields;
    }
  }
}
