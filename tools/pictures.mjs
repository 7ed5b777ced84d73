// Draws docs/pictures: the page with the demo's orders and a few instances that need somebody, each
// view wide and narrow. `make pictures` runs it; FOLDER as an argument puts them elsewhere.
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DESKTOP, PHONE, freePort, openBrowser, until } from '../test/page/_page.mjs';

const folder = process.argv[2] ?? 'docs/pictures';
const ORDERS = 12; // that are completed before the first picture

const REFUND = `name: refund
description: Money back after a complaint
key: \${ .input.order_id }
input: {type: object, required: [order_id, amount], properties: {order_id: {type: string},
  amount: {type: number, minimum: 0, title: Amount}, cause: {enum: [cold, late, wrong]}}}
stages:
  - name: check
    tasks:
      - {name: find_payment, queue: find_payment_queue, retry: {max_attempts: 8, delay: 3s}}
      - {name: ask_kitchen, queue: ask_kitchen_queue}
      - name: decide
        needs: [find_payment, ask_kitchen]
        human: {assignee: support, due: 20m, form: {type: object, required: [granted], properties: {
          granted: {type: boolean, title: Grant it}, note: {type: string, title: Note}}}}
  - name: pay
    tasks:
      - {name: pay_back, queue: pay_back_queue, retry: {max_attempts: 2, delay: 1s},
         business_status: PAID BACK}
`;

async function startDemo() {
  const data = await mkdtemp(join(tmpdir(), 'swm-pictures-'));
  const listen = `127.0.0.1:${await freePort()}`;
  const child = spawn('build/swm', ['demo', '--fast', '--no-open', '--data', data, '--listen', listen],
    { stdio: ['ignore', 'ignore', 'inherit'] });
  const base = `http://${listen}`;
  await until('the demo is ready', () => fetch(`${base}/readyz`).then((r) => r.ok, () => false));
  return { base, stop: async () => {
    child.kill('SIGTERM');
    await new Promise((resolve) => child.once('exit', resolve));
    await rm(data, { recursive: true, force: true });
  } };
}

const server = await startDemo();

async function ask(path, body, type = 'application/json') {
  const response = await fetch(server.base + path, body === undefined ? {} : { method: 'POST',
    headers: { 'Content-Type': type }, body: type.endsWith('json') ? JSON.stringify(body) : body });
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
  return response.json();
}

const receive = async (queue) => (await ask(`/v1/queues/${queue}/receive`,
  { max: 10, wait_seconds: 2 })).messages;
const answer = (message, output) => ask('/v1/tasks/complete', { token: message.token, output });
const fail = (message, error, text) =>
  ask('/v1/tasks/fail', { token: message.token, error, message: text });

// Refunds in every state: one that a person has to decide, one that is tried again, one that failed.
async function makeRefunds() {
  await ask('/v1/templates', REFUND, 'application/yaml');
  const ids = {};
  for (const [key, amount] of [['ORDER-0007', 12.5], ['ORDER-0011', 31], ['ORDER-0013', 8.9]])
    ids[key] = (await ask('/v1/instances', { template: 'refund',
      input: { order_id: key, amount, cause: 'cold' } })).instance;
  for (const m of await receive('find_payment_queue')) {
    if (m.key === 'ORDER-0011') await fail(m, 'BankUnreachable', 'connect: timed out after 5 s');
    else await answer(m, { payment: `P-${m.key}`, method: 'card' });
  }
  for (const m of await receive('ask_kitchen_queue')) await answer(m, { oven: 2, minutes_late: 25 });
  await ask('/v1/tasks/complete', { instance: ids['ORDER-0013'], task: 'decide',
    output: { granted: true, note: 'second time this week' } });
  for (let k = 0; k < 2; k++)
    for (const m of await receive('pay_back_queue'))
      await fail(m, 'AccountClosed', 'the account of the customer is closed');
  return ids;
}

await until('orders are completed', async () =>
  ((await ask('/v1/stats')).instances.COMPLETED ?? 0) >= ORDERS || new Promise((r) => {
    setTimeout(() => r(false), 300);
  })).catch(() => undefined);
const refunds = await makeRefunds();
const done = (await ask('/v1/instances?template=food-order&status=COMPLETED&limit=1')).instances[0];
const moving = (await ask('/v1/instances?template=food-order&status=RUNNING&limit=1')).instances[0];

const VIEWS = [
  ['overview', ''], ['instances', 'instances'], ['instance', `instances/${moving.instance}`],
  ['instance-completed', `instances/${done.instance}`],
  ['instance-failed', `instances/${refunds['ORDER-0013']}`], ['inbox', 'inbox'],
  ['templates', 'templates'], ['template', 'templates/food-order'], ['queues', 'queues'],
  ['queue', 'queues/find_payment_queue'], ['events', 'events'], ['audit', 'audit'],
  ['keys', 'keys'], ['about', 'about'],
];

await mkdir(folder, { recursive: true });
const browser = await openBrowser(server);
const { page } = browser;
for (const [name, address] of VIEWS) {
  for (const [suffix, size] of [['', DESKTOP], ['-phone', PHONE]]) {
    await page.setViewportSize(size);
    await page.goto(`${server.base}/#/${address}`);
    await page.locator('.link-live').waitFor({ state: 'attached' });
    await page.waitForLoadState('networkidle', { timeout: 3000 }).catch(() => undefined);
    await page.screenshot({ path: join(folder, `${name}${suffix}.png`) });
    console.log(join(folder, `${name}${suffix}.png`));
  }
}
await browser.close();
await server.stop();
process.exit(0);
