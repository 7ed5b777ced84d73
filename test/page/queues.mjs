// The queues: what is in them, live; one queue with its messages; purging what is no task.
import { apply, becomes, check, complete, finish, HOSTILE, must, mustBeAccessible, mustFit,
  openBrowser, shot, startServer, take, until, visit } from './_page.mjs';

const ORDERS = `
name: orders
key: \${ .input.order }
stages:
  - name: kitchen
    tasks:
      - {name: cook, queue: cook_queue, input: {note: "\${ .input.note }"}}
      - {name: bake, queue: bake_queue, needs: [cook]}
`;
const OTHERS = `
name: parties
stages:
  - name: first
    tasks:
${Array.from({ length: 24 }, (_, k) => `      - {name: course${k}, queue: cook_queue}`).join('\n')}
`;

const server = await startServer();
const browser = await openBrowser(server);
const { page, complaints, forgive } = browser;
const row = (name) =>
  page.getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) });
const number = (name, label) => row(name).locator(`[data-label="${label}"]`).textContent();
const figure = (name) =>
  page.locator('.queue-numbers div', { hasText: name }).locator('dd').textContent();
const start = (order) =>
  server.api('/v1/instances', { template: 'orders', input: { order, note: HOSTILE } });

await check('a queue that nobody names yet is not there, and that is said', async () => {
  await visit(browser, server, '#/queues?prefix=nothing');
  await page.getByText('No queue begins so').waitFor();
  await page.getByRole('link', { name: 'All queues' }).click();
  await page.getByRole('link', { name: 'swm-events' }).waitFor();
});

await check('a queue comes with its template, and its numbers move by the feed', async () => {
  await apply(server, ORDERS);
  await apply(server, OTHERS);
  await row('cook_queue').waitFor();
  for (let k = 1; k <= 3; k += 1) await start(`O-${k}`);
  await becomes('3', () => number('cook_queue', 'waiting'));
  await becomes(/ago|now/, () => number('cook_queue', 'oldest'));
  await row('cook_queue').getByRole('link', { name: 'orders · cook' }).waitFor();
  await row('cook_queue').getByRole('link', { name: 'and 23 more' }).waitFor();
  await complete(server, await take(server, 'cook_queue'));
  await becomes('1', () => number('bake_queue', 'waiting'));
  await becomes('0', () => number('cook_queue', 'waiting')); // the rest was received
  await becomes('2', () => number('cook_queue', 'in flight'));
  await becomes('0 waiting, 2 in flight, 0 delayed',
    () => row('cook_queue').locator('.depth').getAttribute('aria-label'));
});

await check('the order and what is looked for stay in the address', async () => {
  await page.getByLabel('Order').selectOption('depth');
  await until('the fullest is first', async () =>
    (await page.locator('.queue-name a').first().textContent()) === 'bake_queue');
  await page.keyboard.press('Escape');
  await page.locator('h1').click();
  await page.keyboard.press('/');
  await page.keyboard.type('coo');
  await until('only that is left', async () => await page.locator('.queue-name').count() === 1);
  await page.reload();
  await row('cook_queue').waitFor();
  await becomes('depth', () => page.getByLabel('Order').inputValue());
  await becomes(1, () => page.locator('.queue-name').count());
});

await check('one queue shows its numbers, its tasks, and messages that nobody loses', async () => {
  await start('O-4');
  await server.api('/v1/queues/cook_queue/send', { body: HOSTILE });
  await server.api('/v1/queues/cook_queue/send', { body: { n: '12' }, delay_seconds: 600 });
  await visit(browser, server, '#/queues/cook_queue');
  await until('its numbers', async () => await figure('Waiting') === '2'
    && await figure('Delayed') === '1');
  await becomes(25, () => page.locator('.served li').count()); // all tasks are named
  await page.locator('.messages summary', { hasText: 'O-4' }).click();
  await page.locator('.messages pre').filter({ hasText: '"note": "' })
    .filter({ hasText: 'onerror=alert(1)' }).waitFor();
  await page.locator('.messages summary', { hasText: 'no task' }).click();
  must(await page.locator('#main img, #main script').count() === 0, 'hostile text is text');
  must(!(await page.locator('.messages').textContent()).includes('"token"'), 'no token is shown');
  await shot(browser, 'queue');
  await mustBeAccessible(browser, 'queue');
  await mustFit(browser, 'queue');
  await becomes('2', () => figure('Waiting')); // looking takes nothing
});

await check('its messages come by the feed', async () => {
  await start('O-5');
  await page.locator('.messages summary', { hasText: 'O-5' }).waitFor();
});

await check('purging says what it does, and leaves tasks alone', async () => {
  await page.getByRole('button', { name: 'Purge…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('swm queue purge cook_queue').waitFor();
  await dialog.getByText('Messages of tasks stay').waitFor();
  await mustBeAccessible(browser, 'purge');
  await mustFit(browser, 'purge');
  await shot(browser, 'queue-purge');
  await dialog.getByRole('button', { name: 'Leave it' }).click();
  must((await server.api('/v1/queues/cook_queue')).delayed === 1, 'left, it is as before');
  await page.getByRole('button', { name: 'Purge…' }).click();
  await dialog.getByRole('button', { name: 'Delete the messages' }).click();
  await page.getByText('cook_queue holds nothing but tasks.').waitFor();
  await until('its numbers', async () => await figure('Waiting') === '2'
    && await figure('Delayed') === '0');
  await page.locator('.messages summary', { hasText: 'O-4' }).waitFor();
  await becomes(0, () => page.locator('.messages summary', { hasText: 'no task' }).count());
});

await check('the queue of events and one that is none explain themselves', async () => {
  await visit(browser, server, '#/queues/swm-events');
  await page.getByText('It holds nothing').waitFor();
  must(await page.getByRole('button', { name: 'Purge…' }).count() === 0, 'nothing to purge');
  complaints.length = 0;
  await visit(browser, server, `#/queues/${encodeURIComponent(HOSTILE)}`);
  await page.getByRole('alert').getByText('there is no queue of this name').waitFor();
  await mustFit(browser, 'no such queue');
  await forgive(/404/);
  must(complaints.length === 0, complaints.join('; '));
});

await check('the list has no fault of accessibility and fits a narrow window', async () => {
  await server.api('/v1/queues/bake_queue/send', { body: 'later', delay_seconds: 600 });
  await visit(browser, server, '#/queues');
  await row('cook_queue').waitFor();
  await shot(browser, 'queues');
  await mustBeAccessible(browser, 'queues');
  await mustFit(browser, 'queues');
});

await check('the page did nothing it should not', async () => {
  must(complaints.length === 0, complaints.join('; '));
});

await browser.close();
await server.stop();
finish();
