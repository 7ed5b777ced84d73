// The main way through the page with keys alone: from the overview to an instance that failed, to
// what a replay of it would run, to its confirmation; and the focus is never lost.
import { apply, becomes, check, fail, finish, goByLetter, must, openBrowser, startServer, take,
  until, visit } from './_page.mjs';

const ORDERS = `
name: orders
key: \${ .input.id }
stages:
  - name: prepare
    tasks:
      - {name: cook, queue: cook_queue, retry: {max_attempts: 1}}
      - {name: pack, queue: pack_queue, needs: [cook]}
`;
const TABS_MAX = 40;

const server = await startServer();
await apply(server, ORDERS);
await server.api('/v1/instances', { template: 'orders', input: { id: 'ORDER-1' } });
await fail(server, await take(server, 'cook_queue'), 'OvenBusy', 'all ovens are taken');
const browser = await openBrowser(server);
const { page, complaints } = browser;
const press = (key) => page.keyboard.press(key);

/** What has the focus: its name, whether that can be seen, and whether it is nothing. */
const focused = () => page.evaluate(() => {
  const e = document.activeElement;
  return { name: (e.ariaLabel ?? e.textContent).trim(), isLost: e === document.body, id: e.id,
    isSeen: getComputedStyle(e).outlineStyle !== 'none' };
});
async function tabTo(name) {
  for (let k = 0; k < TABS_MAX; k++) {
    await press('Tab');
    const now = await focused();
    must(now.isLost || now.id === 'main' || now.isSeen, `${now.name} does not show its focus`);
    if (name.test(now.name)) return;
  }
  throw new Error(`${name} is not among the next ${TABS_MAX}`);
}
const goesOnAt = (id) => becomes(id, async () => (await focused()).id);

await check('from the overview to what failed', async () => {
  await visit(browser, server, '');
  await page.locator('.attention').getByText('ORDER-1').waitFor();
  await tabTo(/^Skip to the content/);
  await press('Enter');
  await goesOnAt('main');
  await tabTo(/^ORDER-1/);
  await press('Enter');
  await page.getByRole('heading', { level: 1, name: 'ORDER-1' }).waitFor();
  await goesOnAt('main');
});

await check('what a replay would run is next, then its confirmation', async () => {
  await page.getByRole('button', { name: /^Replay cook/ }).waitFor();
  await tabTo(/^Replay cook/);
  await press('Enter');
  await until('the preview comes next', async () => (await focused()).name === 'Replay');
  await page.locator('.preview', { hasText: '1 task' }).waitFor();
  await tabTo(/^Replay…$/);
  await press('Enter');
  await page.getByRole('dialog').getByLabel('Reason').waitFor();
  await page.keyboard.type('the oven is free');
  await press('Enter');
  await until('it runs again', async () =>
    (await server.api('/v1/instances/ORDER-1')).status === 'RUNNING');
  await goesOnAt('main');
});

await check('the graph is walked with arrows, and a letter leads to another view', async () => {
  await tabTo(/^cook,/);
  await press('ArrowRight');
  await becomes(/^pack,/, async () => (await focused()).name);
  await press('Enter');
  await until('pack is chosen', () => page.url().includes('task=pack'));
  await goByLetter(browser, 'i', '#/instances');
  await page.getByRole('heading', { level: 1, name: 'Instances' }).waitFor();
  await goesOnAt('main');
});

await check('the page did nothing it should not', async () => {
  must(complaints.length === 0, complaints.join('; '));
});

await browser.close();
await server.stop();
finish();
