// Queues, the server itself, and the keyboard.
import { apply, check, finish, HOSTILE, must, mustBeAccessible, mustFit, openBrowser, shot,
  startServer,
  until, visit } from './_page.mjs';

const ORDERS = `
name: orders
stages:
  - name: one
    tasks:
      - {name: cook, queue: cook_queue}
      - {name: pack, queue: pack_queue}
`;

const server = await startServer();
const browser = await openBrowser(server);
const { page, complaints } = browser;
const row = (name) => page.locator('tr', { hasText: name });
const one = () => page.locator('.queue-one');

await check('a queue says how much waits, for how long, and for whom', async () => {
  await apply(server, ORDERS);
  for (let k = 0; k < 3; k++)
    await server.api('/v1/instances', { template: 'orders', key: `ORDER-${k}`, input: {} });
  await visit(browser, server, '#/queues');
  await until('three wait', async () =>
    (await row('cook_queue').locator('.depth .figures').textContent()) === '3');
  await row('cook_queue').getByRole('link', { name: 'orders' }).waitFor();
  await row('cook_queue').getByText(/^\d+(\.\d)? (ms|s)$/).waitFor();
});

await check('the numbers follow what happens', async () => {
  await server.api('/v1/queues/cook_queue/receive', { max: 1 });
  await server.api('/v1/instances', { template: 'orders', key: 'ORDER-9', input: {} });
  await until('one is in flight', async () =>
    (await row('cook_queue').locator('td').nth(2).textContent()) === '1');
});

await check('messages are shown, those of tasks and those of others, as text', async () => {
  await server.api('/v1/queues/cook_queue/send', { body: { note: HOSTILE } });
  await page.getByRole('link', { name: 'cook_queue' }).click();
  must(page.url().includes('open=cook_queue'), page.url());
  await one().locator('summary', { hasText: 'ORDER-1' }).waitFor();
  await one().getByRole('button', { name: 'Look again' }).click();
  await one().locator('summary', { hasText: 'note' }).click();
  await one().getByText('onerror=alert').first().waitFor();
  must(await page.locator('img[src="x"]').count() === 0, 'a hostile body became markup');
  await shot(browser, 'queues');
  await mustBeAccessible(browser, 'a queue');
  await mustFit(browser, 'a queue');
});

await check('a purge says what it deletes, and leaves the tasks', async () => {
  await one().getByRole('button', { name: 'Purge…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('Messages of tasks stay').waitFor();
  await dialog.getByText('swm queue purge cook_queue').waitFor();
  await dialog.getByRole('button', { name: 'Delete these messages' }).click();
  await until('the foreign one is gone', async () => {
    const { messages } = await server.api('/v1/queues/cook_queue/peek?limit=50');
    return messages.length === 3 && messages.every((m) => m.instance);
  });
});

await check('a name is looked for, in the address', async () => {
  await visit(browser, server, '#/queues');
  await page.getByPlaceholder('Name begins with…').fill('pack');
  await until('one queue', async () => await page.locator('tbody tr').count() === 1);
  must(page.url().includes('prefix=pack'), page.url());
});

await check('about tells the server, its limits and the keys of the keyboard', async () => {
  await visit(browser, server, '#/about');
  await page.getByText('Everything is in order').waitFor();
  await page.getByText('one process').or(page.getByText('cluster',
    { exact: true })).first().waitFor();
  const limit = page.locator('.limits div', { hasText: 'an event as it arrives' });
  must((await limit.textContent()).includes('1 MiB'), await limit.textContent());
  await shot(browser, 'about');
  await mustBeAccessible(browser, 'about');
  await mustFit(browser, 'about');
});

await check('keys of the keyboard lead to the views, but not while one writes', async () => {
  await page.keyboard.press('g');
  await page.keyboard.press('q');
  await until('the queues', () => page.url().endsWith('#/queues'));
  await page.getByPlaceholder('Name begins with…').waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('g e?');
  must(page.url().includes('#/queues'), page.url());
});

await check('the page did nothing it should not', async () => {
  must(complaints.length === 0, complaints.join('; '));
});

await browser.close();
await server.stop();
finish();
