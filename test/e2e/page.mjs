// The page in a real browser against a running server: `node test/e2e/page.mjs URL`. Without an
// address it starts build/swm with a data folder of its own, and stops it at the end.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const WAIT_MS = 15000;
const RUN = `${Date.now().toString(36)}`; // several runs may share a server
const TEMPLATE = `page-check-${RUN}`;
const QUEUE = `page_check_${RUN}`;
const HOSTILE = `"><img src=x onerror=alert(1)><script>alert(2)</script>${RUN}`;

let failures = 0;
function report(name, error) {
  failures += error ? 1 : 0;
  console.log(error ? `not ok ${name}: ${String(error.message ?? error).split('\n')[0]}` : `ok ${name}`);
}

async function check(name, work) {
  try {
    await work();
    report(name);
  } catch (error) {
    report(name, error);
  }
}

function must(is, what) {
  if (!is) throw new Error(what);
}

async function until(what, probe) {
  const end = Date.now() + WAIT_MS;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not within ${WAIT_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/* The server */

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function startServer(environment = {}) {
  const program = process.env.SWM_PROGRAM
    ?? fileURLToPath(new URL('../../build/swm', import.meta.url));
  const data = await mkdtemp(join(tmpdir(), 'swm-page-'));
  const base = `http://127.0.0.1:${await freePort()}`;
  const args = ['serve', '--data', data, '--listen', base.slice('http://'.length)];
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...environment } });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.once('error', (error) => report('server starts', error));
  const stop = async () => {
    child.kill('SIGTERM');
    await exited;
    await rm(data, { recursive: true, force: true });
  };
  await until('the server is ready', () => fetch(`${base}/readyz`).then((r) => r.ok, () => false));
  return { base, stop };
}

const given = process.argv[2];
const server = given ? { base: given.replace(/\/$/, ''), stop: () => {} } : await startServer();
const { base } = server;

async function api(path, body) {
  const response = await fetch(base + path, body === undefined ? {} : {
    method: 'POST', body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' },
  });
  const text = await response.text();
  must(response.ok, `${path} answered ${response.status}: ${text.slice(0, 200)}`);
  return JSON.parse(text);
}

const startInstance = (key) => api('/v1/instances', {
  template: TEMPLATE, key, input: { note: HOSTILE } });

// Takes the messages of the work queue until this instance's comes, and answers it.
async function work(instance, output) {
  const message = await until('a task message', async () => {
    const reply = await api(`/v1/queues/${QUEUE}/receive`, { max: 10, wait_seconds: 1 });
    return reply.messages.find((m) => m.instance === instance);
  });
  await api('/v1/tasks/complete', { token: message.token, output });
}

/* The browser */

const profile = await mkdtemp(join(tmpdir(), 'swm-page-browser-'));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true,
  viewport: { width: 1440, height: 900 },
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const complaints = [];
const page = browser.pages()[0] ?? await browser.newPage();
page.setDefaultTimeout(WAIT_MS);
page.on('console', (m) => m.type() === 'error' && complaints.push(m.text()));
page.on('pageerror', (e) => complaints.push(e.message));
page.on('dialog', (d) => {
  complaints.push(`a script ran: ${d.message()}`);
  d.dismiss();
});
page.on('request', (r) => {
  if (new URL(r.url()).origin !== new URL(base).origin) complaints.push(`left the origin: ${r.url()}`);
});
await page.addInitScript(() => document.addEventListener('securitypolicyviolation',
  (e) => console.error(`content security policy: ${e.violatedDirective} ${e.sourceFile}`)));

const row = (id) => page.locator(`tr[data-instance="${id}"]`);
const inGraph = (task, status) =>
  page.locator(`.graph [data-task="${task}"][data-status="${status}"]`);
const inList = (task, status) => page.locator(`li.task[data-task="${task}"][data-status="${status}"]`);
const dialog = page.locator('#dialog');

let first = null;
let loads = 0;
page.on('load', () => loads++);

async function setUp() {
  await api('/v1/templates', {
    name: TEMPLATE,
    stages: [
      { name: 'make', tasks: [
        { name: 'cook', queue: QUEUE, business_status: 'COOKED' },
        { name: 'approve', needs: ['cook'], human: { assignee: 'chef', form: {
          type: 'object', properties: { tip: { type: 'number' }, note: { type: 'string' } } } } },
      ] },
      { name: 'bring', tasks: [{ name: 'drive', queue: `${QUEUE}_drive` }] },
    ],
  });
  await page.goto(base);
  await page.locator('.link.live').waitFor();
}

async function rowsAppear() {
  first = (await startInstance(`first-${RUN}`)).instance;
  await row(first).waitFor();
  must((await row(first).innerText()).includes('RUNNING'), 'the row does not show RUNNING');
  must(loads === 1, 'the page was loaded again');
}

async function rowsFilter() {
  await startInstance(`second-${RUN}`);
  await page.locator('tr[data-instance]', { hasText: `second-${RUN}` }).waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type(`first-${RUN}`);
  await until('one row is left', async () => await page.locator('tr[data-instance]').count() === 1);
  await page.locator('#filter').fill('');
  await page.locator('.chip', { hasText: 'RUNNING' }).click();
  await row(first).waitFor();
  await page.locator('.chip', { hasText: 'All' }).click();
}

async function graphIsLive() {
  await row(first).locator('a').click();
  await inGraph('cook', 'SCHEDULED').waitFor();
  await inGraph('approve', 'PENDING').waitFor();
  await work(first, { dish: 'soup', amount: 3 });
  await inGraph('cook', 'COMPLETED').waitFor();
  await inList('cook', 'COMPLETED').waitFor();
  await until('the row shows the business status',
    async () => (await page.locator('.facts').innerText()).includes('COOKED'));
  const fill = await inGraph('cook', 'COMPLETED').locator('.g-pill')
    .evaluate((e) => getComputedStyle(e).fill);
  must(fill !== 'rgb(0, 0, 0)', 'the picture has no colours');
  must(loads === 1, 'the page was loaded again');
}

async function eventsAreShown() {
  const newest = page.locator('.log li').first();
  await until('the newest event is the completion',
    async () => (await newest.innerText()).includes('TaskCompleted'));
  must((await newest.innerText()).includes('applied'), 'it does not show its verdict');
  await newest.locator('summary').click();
  await newest.locator('.changes table').waitFor();
}

async function replays() {
  await page.getByRole('button', { name: 'Replay task cook' }).click();
  await dialog.locator('.again li').first().waitFor();
  const again = await dialog.locator('.again li').allInnerTexts();
  must(again[0] === 'cook' && again.includes('approve'), `the dry run lists ${again}`);
  await dialog.locator('input[name=only]').check();
  await until('the dry run of the task alone',
    async () => (await dialog.locator('.again li').allInnerTexts()).join() === 'cook');
  await dialog.locator('input[name=only]').uncheck();
  await until('the whole dry run', async () => await dialog.locator('.again li').count() === again.length);
  await dialog.locator('input[name=reason]').fill('too salty');
  await dialog.getByRole('button', { name: 'Replay' }).click();
  await inGraph('cook', 'SCHEDULED').waitFor();
  await until('generation 2 is shown',
    async () => (await inList('cook', 'SCHEDULED').innerText()).includes('gen 2'));
  const task = (await api(`/v1/instances/${first}`)).stages[0].tasks[0];
  must(task.generation === 2, `the server says generation ${task.generation}`);
  await page.locator('.log li', { hasText: 'too salty' }).waitFor();
}

async function pausesAndResumes() {
  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  await dialog.locator('input[name=reason]').fill('lunch');
  await dialog.getByRole('button', { name: 'Pause it' }).click();
  await page.locator('.head .s-PAUSED').waitFor();
  await page.getByRole('button', { name: 'Resume', exact: true }).click();
  await dialog.locator('input[name=reason]').fill('back');
  await dialog.getByRole('button', { name: 'Resume it' }).click();
  await page.locator('.head .s-RUNNING').waitFor();
}

async function completesHumanTask() {
  await work(first, { dish: 'better soup' });
  await page.getByRole('button', { name: 'Complete', exact: true }).click();
  await dialog.getByLabel('tip').fill('2.5');
  await dialog.getByRole('button', { name: 'Complete it' }).click();
  await inGraph('approve', 'COMPLETED').waitFor();
  const task = (await api(`/v1/instances/${first}`)).stages[0].tasks[1];
  must(task.output?.tip === 2.5, `the output is ${JSON.stringify(task.output)}`);
}

async function reloadKeeps() {
  const address = page.url();
  must(address.includes(`#/i/${first}`), `the address is ${address}`);
  await page.reload();
  await inGraph('approve', 'COMPLETED').waitFor();
  must(page.url() === address, `the address became ${page.url()}`);
}

async function startsByButton() {
  await page.locator('#start').click();
  await dialog.locator('select[name=template]').selectOption(TEMPLATE);
  await dialog.locator('input[name=key]').fill(HOSTILE);
  await dialog.locator('textarea').fill('{"exact": 12345678901234567890}');
  await dialog.getByRole('button', { name: 'Start it' }).click();
  await page.locator('.head h2', { hasText: HOSTILE }).waitFor();
  await page.locator('.data pre', { hasText: '12345678901234567890' }).waitFor();
}

async function hostileStaysText() {
  await page.locator('#rows a', { hasText: HOSTILE }).waitFor();
  must(await page.locator('main img, main script, dialog script').count() === 0,
    'markup came out of a name');
}

async function cancels() {
  await page.getByRole('button', { name: 'Cancel', exact: true }).click();
  await dialog.locator('input[name=reason]').fill(HOSTILE);
  await dialog.getByRole('button', { name: 'Cancel it' }).click();
  await page.locator('.head .s-CANCELLED').waitFor();
  await page.locator('.log li .reason', { hasText: HOSTILE }).waitFor();
}

async function fitsPhone() {
  await page.setViewportSize({ width: 360, height: 740 });
  for (const address of [`${base}/#/`, `${base}/#/i/${first}`]) {
    await page.goto(address);
    await page.locator(address.endsWith('/#/') ? 'tr[data-instance]' : '.graph').first().waitFor();
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    must(width <= 360, `${address} is ${width} wide`);
  }
}

// A server with a key of its own: the page asks for it, and again where it is wrong.
async function logsIn() {
  const key = 'correct-horse-battery-staple';
  const guarded = await startServer({ SWM_ADMIN_KEY: key });
  const tab = await browser.newPage();
  tab.setDefaultTimeout(WAIT_MS);
  const login = tab.locator('#login');
  const enter = async (text) => {
    await login.locator('input[name=key]').fill(text);
    await login.getByRole('button', { name: 'Log in' }).click();
  };
  try {
    await tab.goto(`${guarded.base}/`);
    await login.getByText('asks for a key').waitFor();
    await enter('wrong');
    await login.getByText('does not take this key').waitFor();
    await enter(key);
    await tab.locator('#link', { hasText: 'live' }).waitFor();
    must(await login.count() === 0, 'it asks on');
    await tab.reload();
    await tab.locator('#link', { hasText: 'live' }).waitFor();
    must(!tab.url().includes(key), 'the key is in the address');
    await tab.getByRole('button', { name: 'Log out' }).click();
    await login.getByText('asks for a key').waitFor();
    must(await tab.evaluate(() => sessionStorage.length + localStorage.length) === 0,
      'the key is kept after logging out');
  } finally {
    await tab.close();
    await guarded.stop();
  }
}

try {
  await check('page opens and is live', setUp);
  await check('a new instance appears without a reload', rowsAppear);
  await check('filter and status narrow the table', rowsFilter);
  await check('the graph shows statuses and follows them', graphIsLive);
  await check('events are shown with verdicts and changes', eventsAreShown);
  await check('a replay by button shows what will run, then runs it', replays);
  await check('pause and resume by button', pausesAndResumes);
  await check('a human task is completed by its form', completesHumanTask);
  await check('a reload keeps the chosen instance', reloadKeeps);
  await check('an instance is started by button, large numbers whole', startsByButton);
  await check('hostile names stay text', hostileStaysText);
  await check('cancel by button', cancels);
  await check('the page asks for a key where the server does, and forgets it', logsIn);
  await check('nothing is wider than a phone', fitsPhone);
  report('no error, no policy violation, no foreign request',
    complaints.length > 0 && new Error(complaints.join(' | ')));
} finally {
  await browser.close();
  await rm(profile, { recursive: true, force: true });
  await server.stop();
}
process.exit(failures > 0 ? 1 : 0);
