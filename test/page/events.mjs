// The feed and the audit: live, standing still, looked through, followed to the instance.
import { apply, becomes, check, complete, finish, HOSTILE, must, mustBeAccessible, mustFit,
  openBrowser, shot, startServer, take, until, visit } from './_page.mjs';

const ORDERS = `
name: orders
stages:
  - name: one
    tasks:
      - {name: cook, queue: cook_queue}
      - {name: hand_over, human: {assignee: ann}}
`;

const server = await startServer();
const browser = await openBrowser(server);
const { page, complaints } = browser;
const rows = () => page.locator('.ev:not(.ev-head)');
const start = (key) => server.api('/v1/instances', { template: 'orders', key, input: {} });
const control = (id, verb, reason) => server.api(`/v1/instances/${id}/${verb}`, { reason });

await check('events come by themselves, the newest first', async () => {
  await visit(browser, server, '#/events');
  await apply(server, ORDERS);
  await start('ORDER-1');
  await start(HOSTILE);
  await page.locator('.ev', { hasText: HOSTILE }).waitFor();
  await until('it is the first', async () =>
    (await rows().first().textContent()).includes(HOSTILE));
  must(await page.locator('img[src="x"]').count() === 0, 'a hostile key became markup');
});

await check('paused, it stands still and counts what is new', async () => {
  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  await becomes(/paused=1/, () => page.url());
  const before = await rows().count();
  await start('ORDER-2');
  await page.getByRole('button', { name: /1 new/ }).waitFor();
  must(await rows().count() === before, 'nothing moved');
  await page.getByRole('button', { name: /1 new/ }).click();
  await page.locator('.ev', { hasText: 'ORDER-2' }).waitFor();
  await page.getByRole('button', { name: 'Go on' }).click();
});

await check('an event is told in words, with its record, and leads to the instance as of then',
  async () => {
  await complete(server, await take(server, 'cook_queue', (m) => m.key === 'ORDER-1'));
  await page.getByRole('button', { name: 'cook is done' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('tasks.cook.status', { exact: true }).waitFor();
  await shot(browser, 'event');
  await mustBeAccessible(browser, 'one event');
  await mustFit(browser, 'one event');
  await dialog.getByRole('link', { name: 'Go to the instance at this event' }).click();
  await until('the instance at the event', () => /#\/instances\/\w+\?at=\d+/.test(page.url()));
  await page.goBack();
});

await check('filters are in the address, and hold for what comes', async () => {
  const { instance } = await server.api('/v1/instances/ORDER-1');
  await control(instance, 'resume', 'by mistake'); // it is running: a duplicate
  await visit(browser, server, '#/events');
  await page.getByRole('button', { name: 'Duplicate' }).click();
  await becomes(1, () => rows().count());
  await becomes(/verdict=duplicate/, () => page.url());
  await start('ORDER-3');
  await control(instance, 'resume', 'again');
  await until('another duplicate', async () => await rows().count() === 2);
  await page.reload();
  await until('the same after a reload', async () => await rows().count() === 2);
  await page.getByRole('button', { name: /^Filter/ }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Key' }).fill('ORDER-3');
  await mustBeAccessible(browser, 'the filters');
  await mustFit(browser, 'the filters');
  await dialog.getByRole('button', { name: 'Show' }).click();
  await page.getByText('No such events').waitFor();
  await page.getByRole('button', { name: 'Show all' }).click();
  await until('all of them', async () => await rows().count() > 5);
  await shot(browser, 'events');
  await mustBeAccessible(browser, 'the feed');
  await mustFit(browser, 'the feed');
});

await check('the audit has what people did, with who and why, and comes by itself', async () => {
  await visit(browser, server, '#/audit');
  await page.locator('.ev', { hasText: 'Version 1 was applied' }).waitFor();
  const { instance } = await server.api('/v1/instances/ORDER-2');
  await control(instance, 'pause', 'no gas');
  await page.locator('.ev', { hasText: 'no gas' }).waitFor();
  must(await page.locator('.ev', { hasText: 'Started' }).count() === 0, 'a start is no such thing');
  await control(instance, 'cancel', 'enough');
  await page.locator('.ev', { hasText: 'enough' }).waitFor();
  await shot(browser, 'audit');
  await page.getByRole('button', { name: 'Cancel', exact: true }).click();
  await until('cancellations alone', async () => await rows().count() === 1);
  await page.getByText('swm audit --event CancelWorkflow').waitFor();
  await mustBeAccessible(browser, 'the audit');
  await mustFit(browser, 'the audit');
});

await check('a rare event among very many is looked for in steps, back to the first', async () => {
  const { instance } = await server.api('/v1/instances/ORDER-1');
  for (let n = 0; n < 25; n++) {
    const batch = Array.from({ length: 1000 }, (_, k) =>
      ({ event: 'TaskFailed', instance, task: 'none', error: 'E', event_id: `${n}-${k}` }));
    await server.api('/v1/events', batch);
  }
  const { events } = await server.api('/v1/events?event=TemplateApplied&newest_first=true');
  must(events.length === 0, 'one request does not look through all of them');
  await visit(browser, server, '#/events?event=TemplateApplied');
  await page.locator('.ev', { hasText: 'Version 1 was applied' }).waitFor();
});

await check('the page did nothing it should not', async () => {
  must(complaints.length === 0, complaints.join('; '));
});

await browser.close();
await server.stop();
finish();
