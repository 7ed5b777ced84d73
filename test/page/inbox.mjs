// The inbox: what is overdue first, whose it is, the story, the form made from the schema, the
// answer.
import { apply, becomes, check, complete, DESKTOP, fail, finish, HOSTILE, must, mustBeAccessible,
  mustFit, openBrowser, PHONE, shot, startServer, take, until, visit } from './_page.mjs';

const ORDERS = `
name: food-order
key: \${ .input.order_id }
stages:
  - name: prepare
    tasks:
      - {name: cook, queue: cook_queue, retry: {max_attempts: 3, delay: 10ms}}
  - name: deliver
    tasks:
      - name: deliver_food
        input: \${ .input }
        human:
          assignee: ann
          due: 1s
          form:
            type: object
            required: [received_by]
            properties:
              received_by: {type: string, title: Received by, minLength: 2}
              tip: {type: number, title: Tip}
              left_at_door: {type: boolean, title: Left at the door}
`;
const REVIEWS = `
name: review
stages:
  - name: one
    tasks:
      - {name: check_photo, human: {group: desk, due: 2h}}
      - {name: sign, human: {}, retry: {max_attempts: 1}}
`;

const server = await startServer();
const browser = await openBrowser(server);
const { page, complaints } = browser;
const rows = () => page.locator('.todo');
const open = () => page.locator('.inbox-task');

const start = (template, key, input) => server.api('/v1/instances', { template, key, input });

await check('nothing waits: it says so', async () => {
  await visit(browser, server, '#/inbox');
  await page.getByText('Nothing waits').waitFor();
  await shot(browser, 'inbox-empty');
});

await check('what comes to wait appears without a reload', async () => {
  await apply(server, ORDERS);
  await apply(server, REVIEWS);
  await start('review', 'R-1', undefined);
  await until('two tasks wait', async () => await rows().count() === 2);
});

await check('what is due comes first, then the oldest', async () => {
  await start('food-order', undefined, { order_id: 'ORDER-1', address: '22 Mill Road',
    note: HOSTILE });
  await fail(server, await take(server, 'cook_queue'), 'OvenBusy', 'all ovens are taken');
  await complete(server, await take(server, 'cook_queue', (m) => m.attempt === 2), { dishes: 2 });
  await until('three tasks wait', async () => await rows().count() === 3);
  await becomes('deliver_food,check_photo,sign', async () =>
    (await page.locator('.todo-task').allTextContents()).join());
  await page.locator('.todo .late').first().waitFor(); // its second is over
});

await check('the first one is open beside the list, with its story and what it is about',
  async () => {
  await page.locator('.todo', { hasText: 'deliver_food' }).click();
  await open().getByText('22 Mill Road').waitFor();
  await open().getByText(HOSTILE).waitFor();
  await open().getByText('cook failed: OvenBusy: all ovens are taken; it is tried again').waitFor();
  await open().getByText('cook is done').waitFor();
  must(await page.locator('img[src="x"]').count() === 0, 'a hostile text became markup');
  await shot(browser, 'inbox');
  await mustBeAccessible(browser, 'an open task');
  await mustFit(browser, 'an open task');
});

await check('a form with a fault is not sent, and says what is wrong', async () => {
  await open().getByLabel('Tip').fill('abc');
  await open().getByRole('button', { name: 'Done', exact: true }).click();
  await open().getByText('It is needed.').waitFor();
  must((await server.api('/v1/tasks?assignee=ann')).tasks.length === 1, 'it still waits');
});

await check('completing gives the output as it was typed, by the name of the reader', async () => {
  await page.getByRole('button', { name: 'Change your name' }).click();
  await page.getByLabel('Your name', { exact: true }).fill('ann');
  await page.getByRole('button', { name: 'That is me' }).click();
  await until('only hers', async () => await rows().count() === 1);
  await becomes(/mine=1/, () => page.url());
  await rows().first().click();
  await open().getByLabel('Received by').fill('Mrs. Doe');
  await open().getByLabel('Tip').fill('2.50');
  await open().getByText('As a command').click();
  await open().getByText('swm task complete').waitFor();
  await open().getByRole('button', { name: 'Done', exact: true }).click();
  const order = await until('the order is complete', async () => {
    const shown = await server.api('/v1/instances/ORDER-1');
    return shown.status === 'COMPLETED' && shown;
  });
  const task = order.stages[1].tasks[0];
  must(task.output.received_by === 'Mrs. Doe' && task.output.tip === 2.5,
    JSON.stringify(task.output));
  const text = await (await fetch(`${server.base}/v1/instances/ORDER-1`)).text();
  must(text.includes('2.50'), 'the digits are as typed');
  await becomes('ann on page', async () => {
    const [{ actor, source }] = (await server.api('/v1/audit?limit=1')).events;
    return `${actor} on ${source}`;
  });
  await page.getByText('No task is waiting for ann').waitFor();
});

await check('a group has its own list, in the address', async () => {
  let letGo;
  const held = new Promise((resolve) => { letGo = resolve; });
  await page.route('**/v1/templates', (route) => held.then(() => route.continue()));
  await page.getByRole('button', { name: 'Others…' }).click();
  await page.getByLabel('Group').fill('desk');
  letGo(); // what comes while somebody types leaves what is typed
  await page.getByRole('dialog').getByRole('option', { name: 'review' })
    .waitFor({ state: 'attached' });
  await page.unroute('**/v1/templates');
  await page.getByRole('button', { name: 'Show' }).click();
  await until('only check_photo', async () => await rows().count() === 1);
  await page.reload();
  await page.locator('.todo', { hasText: 'check_photo' }).waitFor();
  await becomes(/group=desk/, () => page.url());
});

await check('an answer that comes late does not replace what was chosen since', async () => {
  let letGo;
  const held = new Promise((resolve) => { letGo = resolve; });
  const isOfAll = (url) => url.pathname === '/v1/tasks' && !url.searchParams.has('group');
  const late = [];
  await page.route(isOfAll, async (route) => {
    late.push(route);
    const response = await route.fetch();
    await held;
    await route.fulfill({ response }).catch(() => undefined); // nobody may wait for it any more
  });
  const ended = [];
  for (const how of ['requestfinished', 'requestfailed'])
    page.on(how, (request) => isOfAll(new URL(request.url())) && ended.push(request));
  await visit(browser, server, '#/inbox');
  await until('all are asked for', () => late.length > 0);
  await start('food-order', undefined, { order_id: 'ORDER-2' }); // news for the list of all
  await page.waitForTimeout(300);
  await page.evaluate(() => { location.hash = '#/inbox?group=desk'; });
  await until('only check_photo', async () => await rows().count() === 1);
  letGo();
  await until('the late answers came', () => ended.length >= late.length);
  await page.waitForTimeout(1000); // what was to be asked again soon would have been
  must(await rows().count() === 1, `${await rows().count()} rows of another list`);
  must(late.length === ended.length, 'a list that nobody looks at was asked for');
  await page.unroute(isOfAll);
});

await check('a phone shows one of the two, its buttons at the bottom', async () => {
  await page.setViewportSize(PHONE);
  await visit(browser, server, '#/inbox');
  await rows().first().waitFor();
  await open().waitFor({ state: 'hidden' }); // the list alone
  await rows().first().click();
  const button = open().getByRole('button', { name: 'Done', exact: true });
  await button.waitFor();
  await page.locator('.inbox-list').waitFor({ state: 'hidden' }); // the task alone
  const box = await button.boundingBox();
  must(box.height >= 44 && box.y + box.height > PHONE.height * 0.7, JSON.stringify(box));
  await open().getByRole('button', { name: 'Back to the list' }).click();
  await rows().first().waitFor();
  await page.setViewportSize(DESKTOP);
});

await check('failing asks for an error and a reason, and says what happens', async () => {
  await visit(browser, server, '#/inbox');
  await page.locator('.todo', { hasText: 'sign' }).click();
  await open().getByRole('button', { name: 'Not possible' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Error').fill('Illegible');
  await dialog.getByLabel('Reason').fill('the scan is too dark');
  await dialog.getByText('swm task fail').waitFor();
  await dialog.getByText('--error Illegible').waitFor();
  await mustBeAccessible(browser, 'failing a task');
  await mustFit(browser, 'failing a task');
  await dialog.getByRole('button', { name: 'Fail it' }).click();
  await until('it failed', async () => (await server.api('/v1/instances/R-1')).status === 'FAILED');
  await becomes('TaskFailed: the scan is too dark', async () => {
    const [{ event, reason }] = (await server.api('/v1/audit?limit=1')).events;
    return `${event}: ${reason}`;
  });
});

await check('what somebody else answers says that it waits no more', async () => {
  await start('review', 'R-2', undefined);
  await page.locator('.todo', { hasText: 'R-2' }).first().waitFor();
  const { instance } = await server.api('/v1/instances/R-2');
  await visit(browser, server, `#/inbox?open=${instance}%2Fsign`);
  await open().getByRole('button', { name: 'Done', exact: true }).waitFor();
  await server.api('/v1/tasks/complete', { instance, task: 'sign' });
  await open().getByText('It waits no more').waitFor();
});

await check('the page did nothing it should not', async () => {
  must(complaints.length === 0, complaints.join('; '));
});

await browser.close();
await server.stop();
finish();
