// The server about itself, and the keys of the keyboard.
import { readFile } from 'node:fs/promises';
import { becomes, check, finish, goByLetter, must, mustBeAccessible, mustFit, openBrowser, shot,
  startServer, until, visit } from './_page.mjs';

const server = await startServer();
const browser = await openBrowser(server);
const { page, complaints } = browser;
const fact = (name) => page.locator('.about-facts div').filter({
  has: page.locator('dt', { hasText: new RegExp(`^${name}$`) }) }).locator('dd').textContent();
const limits = () => page.locator('.limits tbody tr').count();

await check('the server tells its version, mode, store, node and limits', async () => {
  await visit(browser, server, '#/about');
  await page.getByText('takes work', { exact: true }).waitFor();
  const status = await server.api('/v1/status');
  await becomes(status.version, () => fact('Version'));
  await becomes(status.node, () => fact('Node'));
  await becomes(status.mode, () => fact('Mode'));
  await becomes(status.store.name, () => fact('Store'));
  await becomes(status.limits.length, limits);
  await becomes(status.nodes.length, () => page.locator('.nodes tbody tr').count());
  if (status.nodes.length > 0)
    await page.locator('.nodes tr', { hasText: status.node }).getByText('alive').waitFor();
});

await check('a limit is found, and told in its unit', async () => {
  await page.locator('h1').click();
  await page.keyboard.press('/');
  await page.keyboard.type('payload');
  await becomes(1, limits);
  await becomes(/256 KiB$/, () => page.locator('.limits tbody').textContent());
  await page.reload();
  await becomes(1, limits);
});

await check('documents for programs are saved', async () => {
  const coming = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save /v1/openapi.json' }).click();
  const file = await (await coming).path();
  must(JSON.parse(await readFile(file, 'utf8')).openapi === '3.1.0', 'it is the document');
});

await check('it has no fault of accessibility and fits a narrow window', async () => {
  await visit(browser, server, '#/');
  await visit(browser, server, '#/about');
  await page.locator('.limits').waitFor();
  await shot(browser, 'about');
  await mustBeAccessible(browser, 'about');
  await mustFit(browser, 'about');
});

await check('g and a letter goes to each view', async () => {
  const letters = { i: '#/instances', b: '#/inbox', t: '#/templates', q: '#/queues', e: '#/events',
    a: '#/audit', k: '#/keys', s: '#/about', o: '#/' };
  for (const [letter, hash] of Object.entries(letters)) await goByLetter(browser, letter, hash);
});

await check('? shows them, and in a field or a dialog a letter is a letter', async () => {
  await goByLetter(browser, 'q', '#/queues');
  await page.keyboard.press('?');
  const dialog = page.getByRole('dialog');
  await dialog.getByText('Search in this view').waitFor();
  await shot(browser, 'shortcuts');
  await mustBeAccessible(browser, 'shortcuts');
  await mustFit(browser, 'shortcuts');
  await page.keyboard.press('g');
  await page.keyboard.press('t');
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  await page.keyboard.press('/');
  await page.keyboard.type('gt?/');
  const field = page.locator('#main input[type=search]');
  await becomes('gt?/', () => field.inputValue());
  must(new URL(page.url()).hash.startsWith('#/queues'), page.url());
  must(await dialog.count() === 0, 'no dialog opens');
  await page.keyboard.press('Control+g');
  await page.locator('h1').click();
  await page.keyboard.press('t');
  must(new URL(page.url()).hash.startsWith('#/queues'), 'a letter alone does nothing');
});

await check('the page did nothing it should not', async () => {
  must(complaints.length === 0, complaints.join('; '));
});

await browser.close();
await server.stop();
finish();
