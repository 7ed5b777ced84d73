// A link shows one instance to who has no key: as a page, in a frame of another site, as a picture.
import { createServer } from 'node:http';
import { apply, becomes, check, complete, finish, must, mustBeAccessible, mustFit, openBrowser,
  shot, startServer, take, until } from './_page.mjs';

const KEY = 'the-admin-key-of-this-test';
const server = await startServer({ environment: { SWM_ADMIN_KEY: KEY } });
const owner = await openBrowser(server);

await apply(server, `
name: shared
stages:
  - name: one
    tasks:
      - {name: first, queue: first_queue}
      - {name: second, queue: second_queue, needs: [first]}
`);
const start = async (key) => (await server.api('/v1/instances',
  { template: 'shared', key, input: { secret: 'of the input' } })).instance;
const id = await start('SHARED-1');
const other = await start('SHARED-2');
const work = async (queue) => complete(server, await take(server, queue, (m) => m.instance === id));
const isStatus = (page, task, status) =>
  page.locator(`[data-task="${task}"][data-status=${status}]`).waitFor();

let link = '';
let frame = '';
let picture = '';
await check('a link is made in the page', async () => {
  const { page } = owner;
  await page.goto(`${server.base}/#/instances/${id}`);
  await page.getByLabel('Access key').fill(KEY);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('button', { name: 'Share…' }).click();
  const dialog = page.locator('dialog.dialog[open]');
  await becomes('7d', () => dialog.getByLabel('It ends after').inputValue());
  await dialog.getByLabel('It ends after').selectOption('1d');
  await becomes(`swm share ${id} --expires 1d`, () => dialog.locator('.cli code').textContent());
  await dialog.getByRole('button', { name: 'Make the link' }).click();
  await dialog.getByRole('heading', { name: /^Shared until/ }).waitFor();
  [link, frame, picture] = await dialog.locator('.cli code').allTextContents();
  await mustBeAccessible(owner, 'the links');
  await mustFit(owner, 'the links');
  await shot(owner, 'instance-shared-links');
  await dialog.getByRole('button', { name: 'Copy the link to the page' }).click();
  await becomes(link, () => page.evaluate(() => navigator.clipboard.readText()));
  await dialog.getByRole('button', { name: 'Done' }).click();
});

const guest = await openBrowser(server);
const asked = [];
guest.page.on('request', (r) => asked.push(r.url()));

await check('it opens without a key, lives, and changes nothing', async () => {
  const { page } = guest;
  await page.goto(link);
  await page.getByRole('heading', { level: 1, name: 'SHARED-1' }).waitFor();
  await isStatus(page, 'first', 'SCHEDULED');
  await work('first_queue');
  await isStatus(page, 'first', 'COMPLETED');
  await isStatus(page, 'second', 'SCHEDULED');
  for (const name of ['Pause…', 'Cancel…', 'Share…', 'Export…', 'Replay stage one'])
    must(await page.getByRole('button', { name }).count() === 0, `${name} is offered`);
  must(await page.locator('.side').count() === 0, 'there is nowhere else to go');
  await page.locator('[data-task=first]').click();
  must(await page.getByRole('button', { name: /Replay|Complete|Fail/ }).count() === 0, 'no action');
  await page.getByRole('slider').press('Home');
  await isStatus(page, 'first', 'SCHEDULED');
  for (const tab of ['Timeline', 'Events', 'Data'])
    await page.getByRole('tab', { name: tab }).click();
  await page.getByText('of the input').waitFor();
  await mustBeAccessible(guest, 'a shared instance');
  await mustFit(guest, 'a shared instance');
  await shot(guest, 'instance-shared');
  must(asked.every((url) => !url.includes('swms_')), 'the token is in no address');
});

await check('another address with the link opens nothing else', async () => {
  const { page } = guest;
  const hash = new URL(link).hash;
  await page.goto('about:blank');
  await page.goto(`${server.base}/${hash.slice(0, -3)}`);
  await page.getByText('This link opens nothing').waitFor();
  must(await page.locator('dialog[open]').count() === 0, 'nobody is asked for a key');
  await page.goto('about:blank');
  await page.goto(`${server.base}/${hash.slice(0, -6)}${hash.slice(-6) === 'AAAAAA' ? 'BBBBBB'
    : 'AAAAAA'}`);
  await page.getByRole('alert').filter({ hasText: 'not one of this server' }).waitFor();
  const reply = await fetch(`${server.base}/v1/instances/${other}?share=${hash.split('/').pop()}`);
  must(reply.status === 403, `the other instance: ${reply.status}`);
});

await check('another site shows the live graph in a frame', async () => {
  const site = createServer((_request, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.end(`<!doctype html><title>another site</title>${frame}<img src="${picture}" alt="">`);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => site.once('listening', resolve));
  const { page } = guest;
  await page.goto('about:blank');
  guest.complaints.length = 0;
  await page.goto(`http://localhost:${site.address().port}/`);
  const embedded = page.frameLocator('iframe');
  await isStatus(embedded, 'second', 'SCHEDULED');
  await work('second_queue');
  await isStatus(embedded, 'second', 'COMPLETED');
  await embedded.getByText('COMPLETED').first().waitFor();
  const width = await until('the picture is there', () => page.locator('img')
    .evaluate((e) => e.naturalWidth));
  must(width > 200, `the picture is ${width} px wide`);
  await page.setContent(`<iframe src="${server.base}/"></iframe>`);
  await until('the page itself is in no frame', () => guest.complaints.some((c) =>
    /frame-ancestors/.test(c)));
  site.close();
});

await check('the embedded page alone is accessible', async () => {
  const token = new URL(link).hash.split('/').pop();
  await guest.page.goto(`${server.base}/embed#${token}`);
  await isStatus(guest.page, 'second', 'COMPLETED');
  await mustBeAccessible(guest, 'the embedded graph');
  await mustFit(guest, 'the embedded graph');
  await shot(guest, 'instance-embed');
});

await check('the page of the owner did nothing it should not', async () => {
  const complaints = owner.complaints.filter((c) => !/401/.test(c)); // before the key was given
  must(complaints.length === 0, complaints.join('; '));
});

await owner.close();
await guest.close();
await server.stop();
finish();
