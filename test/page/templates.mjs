// Templates in the page: the list, one with its graph, source and versions, two beside one another.
import {
  apply,
  becomes,
  check,
  DESKTOP,
  finish,
  HOSTILE,
  must,
  mustBeAccessible,
  mustFit,
  openBrowser,
  shot,
  startServer,
  until,
  visit,
} from './_page.mjs';
import { EARLIER, ORDER, ORDER_2 } from './_templates.mjs';

const server = await startServer();
const browser = await openBrowser(server);
const { page, complaints, forgive } = browser;
const hash = () => decodeURIComponent(new URL(page.url()).hash);
const applyAs = (yaml, note) =>
  server.api.text(`/v1/templates?note=${encodeURIComponent(note)}`, 'application/yaml', yaml);

await check('without templates the list says how to make one', async () => {
  await visit(browser, server, '#/templates');
  await page.getByRole('heading', { name: 'No templates yet' }).waitFor();
  await page.getByText('swm template apply food-order.yaml').waitFor();
  await shot(browser, 'templates-empty');
  await mustBeAccessible(browser, 'an empty list');
  await mustFit(browser, 'an empty list');
  await page.getByRole('link', { name: 'Write a template' }).click();
  await page.getByRole('heading', { name: 'New template' }).waitFor();
});

await check('a template that is applied appears by itself, with who and what for', async () => {
  await visit(browser, server, '#/templates');
  await applyAs(ORDER, 'the first one');
  const row = page.getByRole('row').filter({ hasText: 'order' });
  await row.getByText('the first one').waitFor();
  await row.getByText('v1', { exact: true }).waitFor();
  await row.getByText('From order to doorstep').waitFor();
  await row.getByText('by 127.0.0.1').waitFor();
  await applyAs(ORDER_2, 'a taster instead of a packer');
  await row.getByText('v2', { exact: true }).waitFor();
});

const start = (number) =>
  server.api('/v1/instances', {
    template: 'order',
    input: { number, dish: 'Margherita', address: { street: 'Via 1' } },
  });

await check('it counts instances by status, each a way to them', async () => {
  await start(1);
  const { instance } = await start(2);
  await server.api(`/v1/instances/${instance}/cancel`, { reason: 'x' });
  await page.getByRole('link', { name: '1 RUNNING' }).waitFor();
  await page.getByRole('link', { name: '1 CANCELLED' }).click();
  await becomes('#/instances?template=order&status=CANCELLED', hash);
  await page.goBack();
});

await check('hostile names stay text', async () => {
  await server.api.text('/v1/templates', 'application/json', EARLIER);
  await page.getByText(HOSTILE, { exact: true }).first().waitFor();
  const { templates } = await server.api('/v1/templates');
  const { template } = templates.find((one) => one.alias === 'HOSTILE');
  await page.getByRole('link', { name: template, exact: true }).click();
  await page.locator('.g-task').waitFor();
  await page.locator('.g-task').click();
  await page.locator('.t-task').getByText(HOSTILE).waitFor();
  for (const tab of ['Source', 'Versions']) await page.getByRole('tab', { name: tab }).click();
  await visit(browser, server, '#/templates');
});

await check('the list is searched, and the address keeps the words', async () => {
  await page.getByRole('searchbox').fill('doorstep');
  await until('one row', async () => (await page.getByRole('row').count()) === 2);
  await until('the address has it', () => hash() === '#/templates?q=doorstep');
  await page.reload();
  await until('one row again', async () => (await page.getByRole('row').count()) === 2);
  await page.getByRole('searchbox').fill('no such');
  await page.getByRole('heading', { name: 'No template is called that' }).waitFor();
  await page.getByRole('searchbox').fill('');
});

await check('the list is accessible and fits', async () => {
  await visit(browser, server, '#/templates');
  await page.getByRole('link', { name: '1 RUNNING' }).waitFor();
  await shot(browser, 'templates');
  await mustBeAccessible(browser, 'the list');
  await mustFit(browser, 'the list');
});

await check('a template shows its graph, and a task what it is', async () => {
  await visit(browser, server, '#/templates/order');
  await becomes(4, () => page.locator('.g-task').count());
  await page.getByRole('button', { name: /^cook/ }).click();
  await page.locator('.t-task').getByText('max_attempts 8').waitFor();
  await becomes('#/templates/order?task=cook', hash);
  await shot(browser, 'template');
  await mustBeAccessible(browser, 'a template');
  await mustFit(browser, 'a template');
  await page.reload();
  await page.locator('.t-task').getByRole('button', { name: 'Close' }).click();
  await page.locator('.t-task').waitFor({ state: 'detached' });
  await mustFit(browser, 'a template');
});

await check('an older version has its own address, graph and source', async () => {
  await page.getByLabel('Version', { exact: true }).selectOption('1');
  await becomes('#/templates/order?version=1', hash);
  await page.getByRole('button', { name: /^pack/ }).waitFor();
  await page.getByRole('tab', { name: 'Source' }).click();
  await page.getByRole('textbox', { name: 'Source' }).getByText('max_attempts: 5').waitFor();
  await shot(browser, 'template-source');
  await mustBeAccessible(browser, 'the source');
  await mustFit(browser, 'the source');
});

await check('versions tell who applied them, when, what for, and their instances', async () => {
  await page.getByRole('tab', { name: 'Versions (2)' }).click();
  const row = page.getByRole('row').filter({ hasText: 'a taster instead of a packer' });
  await row.getByRole('link', { name: '1 RUNNING' }).waitFor();
  await shot(browser, 'template-versions');
  await mustBeAccessible(browser, 'versions');
  await mustFit(browser, 'versions');
  await row.getByRole('link', { name: '1 RUNNING' }).click();
  await becomes('#/instances?template=order&version=2&status=RUNNING', hash);
  await page.goBack();
  await row.getByRole('link', { name: 'What it changed' }).click();
  await becomes('#/templates/order/diff?from=1&to=2', hash);
});

await check('two versions are compared as text, with the words that differ', async () => {
  await page.locator('.c-row-changed').first().waitFor();
  const words = await page.locator('.c-gone .c-word').allTextContents();
  must(words.includes('5') && words.some((w) => w.includes('pack')), `marked: ${words}`);
  await page
    .getByRole('button', { name: /^Show \d+ lines/ })
    .first()
    .click();
  await page.getByText('checked before anything starts').first().waitFor();
  await shot(browser, 'template-diff-text');
  await mustBeAccessible(browser, 'a difference as text');
  await mustFit(browser, 'a difference as text');
});

await check('two versions are compared as graphs', async () => {
  await page.getByRole('tab', { name: 'Graph' }).click();
  const side = (version) => page.locator('.d-graph').filter({ hasText: `v${version}` });
  await side(1)
    .getByRole('button', { name: /^pack.*removed$/ })
    .waitFor();
  await side(2)
    .getByRole('button', { name: /^taste.*added$/ })
    .waitFor();
  await side(1)
    .getByRole('button', { name: /^cook.*changed$/ })
    .waitFor();
  await side(2)
    .getByRole('button', { name: /^cook.*changed$/ })
    .waitFor();
  await shot(browser, 'template-diff-graph');
  await mustBeAccessible(browser, 'a difference as graphs');
  await mustFit(browser, 'a difference as graphs');
});

await check('and as the server tells what has changed', async () => {
  await page.getByRole('tab', { name: 'Changes (4)' }).click();
  await page.getByText('prepare › taste').waitFor();
  await page.getByText('swm template diff order@1 order@2').waitFor();
  await shot(browser, 'template-diff-changes');
  await mustBeAccessible(browser, 'changes');
  await mustFit(browser, 'changes');
  await page.getByRole('button', { name: 'Swap the versions' }).click();
  await becomes(/from=2&to=1/, hash);
  await page.getByLabel('From version').selectOption('1');
  await page.getByText('They mean the same').waitFor();
});

await check('what is not there says so', async () => {
  await page.setViewportSize(DESKTOP);
  for (const address of [
    '#/templates/nothing',
    '#/templates/order?version=9',
    '#/templates/order/diff?from=8&to=9',
  ]) {
    await visit(browser, server, address);
    await page.getByRole('heading', { name: 'This cannot be shown' }).first().waitFor();
  }
  await forgive(/status of 404/);
});

await check('the page did nothing it should not', async () => {
  must(complaints.length === 0, complaints.join('; '));
});

await browser.close();
await server.stop();
finish();
