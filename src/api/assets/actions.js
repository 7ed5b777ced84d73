// What an operator can do, each as a dialog that says what will happen before it happens. Everything
// goes to the server as an event; what came of it arrives with the feed.
import { h, fill, get, post, parse, pretty } from './lib.js';

const dialog = document.getElementById('dialog');
const said = document.getElementById('said');
let saidTimer = 0;

function say(text) {
  said.textContent = text;
  said.classList.add('shown');
  clearTimeout(saidTimer);
  saidTimer = setTimeout(() => said.classList.remove('shown'), 4000);
}

// Opens the dialog. `send` gets the form's data and resolves to what to say when all went well; its
// errors are shown and leave the dialog open.
function open({ title, text, body, confirm, danger, send }) {
  const error = h('p', { class: 'error', role: 'alert', hidden: true });
  const go = h('button', { class: danger ? 'danger' : 'primary', type: 'submit' }, confirm);
  const cancel = h('button', { type: 'button', onclick: () => dialog.close() }, 'Leave it');
  const form = h('form', { method: 'dialog' },
    h('h2', { id: 'dialog-title' }, title), text && h('p', {}, text), body, error,
    h('div', { class: 'buttons' }, cancel, go));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    go.disabled = true;
    error.hidden = true;
    try {
      const words = await send(new FormData(form));
      dialog.close();
      say(words);
    } catch (e) {
      error.textContent = e.message;
      error.hidden = false;
    }
    go.disabled = false;
  });
  fill(dialog, form);
  dialog.showModal();
}

dialog.addEventListener('close', () => dialog.replaceChildren());

function reasonField() {
  return h('label', { class: 'field' }, 'Reason',
    h('input', { name: 'reason', required: true, maxlength: 500, autocomplete: 'off',
      autofocus: true, placeholder: 'Kept with the event' }));
}

function jsonField(name, label, value) {
  return h('label', { class: 'field' }, label,
    h('textarea', { name, rows: 6, spellcheck: 'false' }, value));
}

function readJson(text, what) {
  try {
    return parse(text);
  } catch (e) {
    throw new Error(`${what} is not valid JSON: ${e.message}`);
  }
}

const at = (instance) => `/v1/instances/${encodeURIComponent(instance.instance)}`;
const nameOf = (instance) => instance.key || instance.instance;

const CONTROLS = {
  pause: {
    title: 'Pause', confirm: 'Pause it',
    text: 'Nothing new starts until it is resumed, and its timers stand still. Answers to work '
      + 'that is already out are still taken.',
    done: 'Paused',
  },
  resume: {
    title: 'Resume', confirm: 'Resume it',
    text: 'Its timers go on and what is ready starts.', done: 'Resumed',
  },
  cancel: {
    title: 'Cancel', confirm: 'Cancel it', danger: true,
    text: 'It ends here: tasks that are out are withdrawn and later answers change nothing. What '
      + 'is done stays done. A replay with all later tasks can open it again.',
    done: 'Cancelled',
  },
};

export function control(verb, instance) {
  const c = CONTROLS[verb];
  open({
    ...c, title: `${c.title} ${nameOf(instance)}?`, body: reasonField(),
    send: async (data) => {
      await post(`${at(instance)}/${verb}`, { reason: data.get('reason') });
      return `${c.done}: ${nameOf(instance)}`;
    },
  });
}

// Shows what would run again, as the server's dry run says, and asks again when `only` changes.
async function preview(box, go, instance, what, only) {
  fill(box, h('p', { class: 'quiet' }, 'Asking what would run…'));
  go.disabled = true;
  try {
    const reply = await post(`${at(instance)}/replay`, { ...what, only, dry_run: true });
    const tasks = reply.tasks ?? [];
    fill(box,
      h('p', {}, tasks.length === 1 ? 'This task runs again:'
        : `These ${tasks.length} tasks run again, in this order:`),
      h('ol', { class: 'again' }, tasks.map((t) => h('li', {}, String(t)))),
      h('p', { class: 'quiet' }, 'They get a new generation. Earlier inputs and outputs stay in '
        + 'the events; answers to earlier generations no longer count.'));
    go.disabled = false;
  } catch (e) {
    fill(box, h('p', { class: 'error' }, e.message));
  }
}

function replayBody(task, input, only, box) {
  const change = task && h('details', { class: 'more-fields' },
    h('summary', {}, 'With another input'),
    h('label', { class: 'check' }, h('input', { type: 'checkbox', name: 'change' }),
      'Use this instead of the input the template gives'),
    jsonField('input', 'Input', pretty(input ?? {})));
  return h('div', {}, box, h('label', { class: 'check' }, only, 'Only this, nothing after it'),
    change, reasonField());
}

export function replay(instance, what, input) {
  const box = h('div', { class: 'preview' });
  const only = h('input', { type: 'checkbox', name: 'only' });
  open({
    title: `Replay ${what.task ?? what.stage}?`,
    body: replayBody(what.task, input, only, box),
    confirm: 'Replay',
    send: async (data) => {
      const event = { ...what, only: only.checked, reason: data.get('reason') };
      if (data.get('change')) event.input = readJson(data.get('input'), 'The input');
      const reply = await post(`${at(instance)}/replay`, event);
      return `Replaying ${reply.tasks?.length ?? ''} task(s) of ${nameOf(instance)}`;
    },
  });
  const go = dialog.querySelector('button[type=submit]');
  const show = () => preview(box, go, instance, what, only.checked);
  only.addEventListener('change', show);
  show();
}

async function contentOf(name, version) {
  const reply = await get(`/v1/templates/${encodeURIComponent(name)}/versions/${version}`);
  return reply.content ?? reply;
}

// One field of a form, of the plain kinds of JSON Schema.
function formField(name, schema, required) {
  const label = schema.title ?? name;
  if (schema.enum) {
    return h('label', { class: 'field' }, label, h('select', { name: `f.${name}` },
      !required && h('option', { value: '' }, '—'),
      schema.enum.map((v) => h('option', { value: JSON.stringify(v) }, String(v)))));
  }
  if (schema.type === 'boolean') {
    return h('label', { class: 'check' }, h('input', { type: 'checkbox', name: `f.${name}` }), label);
  }
  const isNumber = schema.type === 'number' || schema.type === 'integer';
  return h('label', { class: 'field' }, label, h('input', {
    name: `f.${name}`, required, type: isNumber ? 'number' : 'text', autocomplete: 'off',
    step: schema.type === 'integer' ? 1 : 'any' }));
}

function readNumber(text) {
  return /^-?(0|[1-9]\d*)$/.test(text) ? parse(text) : Number(text);
}

function readForm(form, data) {
  const output = {};
  for (const [name, schema] of Object.entries(form.properties)) {
    const value = data.get(`f.${name}`);
    if (schema.type === 'boolean') output[name] = value !== null;
    else if (value === null || value === '') continue;
    else if (schema.enum) output[name] = JSON.parse(value);
    else output[name] = /^(number|integer)$/.test(schema.type) ? readNumber(value) : value;
  }
  return output;
}

function isPlain(form) {
  const plain = (s) => s.enum || ['string', 'number', 'integer', 'boolean'].includes(s.type);
  return form?.properties && Object.values(form.properties).every(plain);
}

async function formOf(instance, stage, task) {
  try {
    const content = await contentOf(instance.template, instance.version);
    const tasks = content.stages.find((s) => s.name === stage).tasks;
    return tasks.find((t) => t.name === task).human.form;
  } catch {
    return null; // without its form the output is asked for as JSON
  }
}

export async function complete(instance, stage, task, id) {
  const form = await formOf(instance, stage, task.name);
  const fields = isPlain(form) && Object.entries(form.properties)
    .map(([name, schema]) => formField(name, schema, form.required?.includes(name)));
  open({
    title: `Complete ${task.name}?`, confirm: 'Complete it',
    text: `You answer for ${task.assignee ?? 'whoever it waits for'}. The workflow goes on with `
      + 'this output.',
    body: fields ? h('div', {}, fields) : jsonField('output', 'Output', '{}'),
    send: async (data) => {
      const output = fields ? readForm(form, data) : readJson(data.get('output'), 'The output');
      await post('/v1/tasks/complete', { instance: instance.instance, task: id, output });
      return `Completed ${task.name}`;
    },
  });
}

function skeleton(schema) {
  const blank = { string: '', number: 0, integer: 0, boolean: false, array: [] };
  const inside = Object.entries(schema?.properties ?? {});
  return Object.fromEntries(inside.map(([name, s]) =>
    [name, s.default ?? (s.type === 'object' ? skeleton(s) : blank[s.type] ?? null)]));
}

export async function start() {
  const { templates } = await get('/v1/templates');
  if (templates.length === 0) throw new Error('No template is applied yet: swm template apply FILE');
  const input = jsonField('input', 'Input', '{}');
  const text = input.querySelector('textarea');
  const select = h('select', { name: 'template', required: true },
    templates.map((t) => h('option', { value: t.template },
      `${t.title ?? t.template} (v${t.version})`)));
  let given = text.value;
  const suggest = async () => {
    const chosen = templates.find((t) => t.template === select.value);
    const content = await contentOf(chosen.template, chosen.version).catch(() => null);
    if (text.value === given) given = text.value = pretty(skeleton(content?.input));
  };
  select.addEventListener('change', suggest);
  open({
    title: 'Start an instance', confirm: 'Start it',
    body: h('div', {}, h('label', { class: 'field' }, 'Template', select),
      h('label', { class: 'field' }, 'Key, where the template does not find it in the input',
        h('input', { name: 'key', autocomplete: 'off', maxlength: 256 })), input),
    send: async (data) => {
      const order = { template: data.get('template'), input: readJson(text.value, 'The input') };
      if (data.get('key')) order.key = data.get('key');
      const reply = await post('/v1/instances', order);
      location.hash = `#/i/${encodeURIComponent(reply.instance)}`;
      return reply.verdict === 'duplicate' ? 'It is open already: here it is' : 'Started';
    },
  });
  await suggest();
}

export function tellFailure(e) {
  say(e.message);
}
