// The overview: what runs now, how it went, what somebody should look at; live.
import { apply, becomes, check, complete, fail, finish, HOSTILE, must, mustBeAccessible, mustFit,
  openBrowser, restart, shot, startServer, until, visit } from './_page.mjs';

const ORDERS = `
name: orders
key: \${ .input.id }
stages:
  - name: prepare
    tasks:
      - name: cook
        queue: cook_queue
        business_status: COOKED
        retry: {max_attempts: 2, delay: 10ms}
  - name: deliver
    tasks:
      - {name: hand_over, human: {assignee: courier, due: 1s}}
`;
const STUBBORN = `
name: stubborn
stages:
  - name: only
    tasks:
      - {name: try_it, queue: try_queue, retry: {max_attempts: 50, delay: 5ms, backoff: 1}}
`;

const DAY = /The last day: 5 started, 0 completed, 1 failed/;

const server = await startServer();
const browser = await openBrowser(server);
const { page, complaints } = browser;
const tile = (status) => page.locator('.tile', { hasText: status }).locator('.tile-number');
const item = (key) => page.locator('.attention-item', { hasText: key });
const waiting = [];

/** The message of an instance's task; others that come with it are kept for later. */
function take(queue, key) {
  return until(`the message of ${key} in ${queue}`, async () => {
    const k = waiting.findIndex((m) => m.key === key);
    if (k >= 0) return waiting.splice(k, 1)[0];
    const reply = await server.api(`/v1/queues/${queue}/receive`, { max: 10, wait_seconds: 1 });
    waiting.push(...reply.messages);
    return null;
  });
}

const start = (template, key, input = { id: key }) =>
  server.api('/v1/instances', { template, key, input });

await check('before anything ran it says how to begin', async () => {
  await visit(browser, server, '');
  await page.getByText('Nothing has run here yet').waitFor();
  await shot(browser, 'overview-first');
  await mustBeAccessible(browser, 'the first overview');
  await mustFit(browser, 'the first overview');
});

await check('numbers follow what happens, without a reload', async () => {
  await apply(server, ORDERS);
  await apply(server, STUBBORN);
  for (const key of ['O-1', 'O-2', 'O-3', HOSTILE]) await start('orders', key);
  await until('four are running', async () => await tile('RUNNING').textContent() === '4');
  const done = await take('cook_queue', 'O-1');
  await complete(server, done);
  await page.getByRole('link', { name: 'O-1' }).filter({ hasText: 'COOKED' }).waitFor();
});

await check('what failed is told with its reason', async () => {
  for (let n = 0; n < 2; n++) {
    const message = await take('cook_queue', HOSTILE);
    await fail(server, message, 'OutOfStock', `no ${HOSTILE}`);
  }
  await item(HOSTILE).getByText('cook failed for good in attempt 2 of 2: OutOfStock').waitFor();
  await until('one has failed', async () => await tile('FAILED').textContent() === '1');
});

await check('what is overdue and what is tried again and again is told too', async () => {
  await item('O-1').getByText('hand_over is overdue; it waits for courier').waitFor();
  await start('stubborn', 'S-1', {});
  for (let n = 0; n < 5; n++)
    await fail(server, await take('try_queue', 'S-1'), 'Busy', 'try later');
  await item('S-1').getByText('try_it failed 5 of 50 times and is tried again: Busy').waitFor();
  for (const count of [/1 failed/, /1 overdue/, /1 retrying/])
    await becomes(count, () => page.locator('.attention-counts').innerText());
});

await check('the reason is one click away', async () => {
  await item('O-1').getByRole('link').click();
  await until('the instance is shown', () => /#\/instances\/[a-z0-9]{20}/.test(page.url()));
  await page.goBack();
  await item('O-1').waitFor();
});

await check('what began and ended is drawn and told', async () => {
  await until('starts are counted', async () =>
    /started 5/.test(await page.locator('.legend').textContent()));
  const chart = page.getByRole('group', { name: /The last hour: 5 started/ });
  await chart.focus();
  await page.keyboard.press('ArrowLeft');
  await page.locator('.chart-tip').getByText('completed').waitFor();
  await page.getByRole('tab', { name: 'Day' }).click();
  await page.getByRole('group', { name: DAY }).waitFor();
  await becomes(/window=1d/, () => page.url());
  await page.reload();
  await page.getByRole('tab', { name: 'Day', selected: true }).waitFor();
});

await check('templates and queues have their numbers', async () => {
  const orders = page.getByRole('row').filter({ hasText: 'orders' });
  await orders.getByRole('link', { name: '1' }).click();
  await until('those that failed are listed', () =>
    /template=orders&status=FAILED/.test(page.url()));
  await page.goBack();
  const queue = page.getByRole('row').filter({ hasText: 'cook_queue' });
  await becomes(/cook_queue\s+\d+\s+\d+/, () => queue.innerText());
});

await check('it has no fault of accessibility and fits a narrow window', async () => {
  await shot(browser, 'overview');
  await page.emulateMedia({ colorScheme: 'dark' });
  await shot(browser, 'overview-dark');
  await mustBeAccessible(browser, 'the overview');
  await mustFit(browser, 'the overview');
});

await check('after a restart all is the same', async () => {
  await restart(browser, server);
  await page.reload();
  await until('the numbers are there', async () => await tile('RUNNING').textContent() === '4');
  await item(HOSTILE).waitFor();
  await page.getByRole('group', { name: DAY }).waitFor();
});

await check('the page did nothing it should not', async () => {
  must(complaints.length === 0, complaints.join('; '));
});

await browser.close();
await server.stop();
finish();
