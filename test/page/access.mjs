// With keys: what there is without one, what a role may do and under which name; and that no other
// origin can do any of it, with keys and without. keys.mjs makes and revokes keys.
import { createServer } from 'node:http';
import { apply, becomes, check, finish, must, mustBeAccessible, mustFit, openBrowser, startServer,
  until, visit } from './_page.mjs';

const ADMIN = 'an-admin-key-for-tests';
const ORDERS = `
name: orders
stages:
  - name: one
    tasks:
      - {name: cook, queue: cook_queue}
      - {name: sign, human: {assignee: ann}}
`;

const server = await startServer({ environment: { SWM_ADMIN_KEY: ADMIN } });
const open = await startServer();
await apply(server, ORDERS);
await apply(open, ORDERS);
await server.api('/v1/instances', { template: 'orders', key: 'ORDER-1', input: {} });
const browser = await openBrowser(server);
const { page, complaints } = browser;

async function logIn(key) {
  const dialog = page.getByRole('dialog', { name: 'Log in' });
  await dialog.getByLabel('Access key').fill(key);
  await dialog.getByRole('button', { name: 'Log in' }).click();
}
async function logInAs(role) {
  const { key } = await server.api('/v1/keys', { role, name: role });
  await page.evaluate(() => sessionStorage.clear());
  await page.goto('about:blank');
  await page.goto(`${server.base}/#/inbox`);
  await logIn(key);
  await page.locator('.link-live').waitFor({ state: 'attached' });
  return key;
}

await check('without a key there is nothing but the question for one', async () => {
  await page.goto(`${server.base}/#/inbox`);
  await page.getByText('This server asks for a key').waitFor();
  must(await page.locator('.todo').count() === 0, 'something is shown');
  await page.keyboard.press('Escape');
  must(await page.getByRole('dialog', { name: 'Log in' }).isVisible(), 'it cannot be closed');
});

await check('a wrong key is told, the right one opens what was asked for', async () => {
  await logIn('wrong-key');
  await page.getByRole('alert').getByText('not one of this server').waitFor();
  await logIn(ADMIN);
  await page.locator('.todo', { hasText: 'sign' }).waitFor();
});

await check('a viewer is told what needs another role, and cannot do it', async () => {
  await logInAs('viewer');
  await page.locator('.todo', { hasText: 'sign' }).click();
  await page.getByText('This needs the role operator; your key has viewer.').waitFor();
  must(await page.getByRole('button', { name: 'Done', exact: true }).isDisabled(),
    'Done can be pressed');
});

const button = (name) => page.locator('#main').getByRole('button', { name });
const link = (name) => page.locator('#main').getByRole('link', { name });
const WHY = (role) => `This needs the role ${role}; your key has viewer.`;

await check('a viewer is offered nothing on an instance but to take it along', async () => {
  const { instance } = await server.api('/v1/instances/ORDER-1');
  await visit(browser, server, `#/instances/${instance}?task=cook`);
  await button('Export…').waitFor();
  await page.getByRole('heading', { name: 'Attempts' }).waitFor();
  for (const name of [/Pause/, /Cancel/, /Share/, /Replay/, /Complete/, /^Fail/])
    must(await button(name).count() === 0, `${name} is offered`);
  must(await link(/Start again/).count() === 0, 'to start again is offered');
  await mustFit(browser, 'an instance for a viewer');
});

await check('a viewer who selects instances is told what acting on them needs', async () => {
  await visit(browser, server, '#/instances');
  await page.getByRole('checkbox', { name: 'Select ORDER-1' }).check();
  await page.getByText(WHY('operator')).waitFor();
  const names = await page.getByRole('region', { name: 'Act on what is selected' })
    .getByRole('button').evaluateAll((all) => all.map((b) => b.ariaLabel ?? b.textContent));
  must(names.join() === 'Select nothing', `${names} are offered`);
  await mustBeAccessible(browser, 'a selection of a viewer');
  await mustFit(browser, 'a selection of a viewer');
});

await check('a viewer reads templates, and neither starts, writes nor applies one', async () => {
  for (const [address, known] of [['#/templates', 'orders'], ['#/templates/orders', 'Instances']]) {
    await visit(browser, server, address);
    await link(known).first().waitFor();
    for (const name of [/^Start/, 'New template', 'Edit'])
      must(await link(name).count() === 0, `${name} is offered at ${address}`);
  }
  await visit(browser, server, '#/templates/orders/start');
  await page.getByText(WHY('operator')).waitFor();
  must(await button(/^Start version/).isDisabled(), 'Start can be pressed');
  await visit(browser, server, '#/templates/orders/edit');
  await page.getByText(WHY('author')).waitFor();
  must(await button('Apply…').isDisabled(), 'Apply can be pressed');
  await mustFit(browser, 'the editor for a viewer');
});

await check('an operator answers, as the key and the person', async () => {
  await logInAs('operator');
  await page.getByRole('button', { name: 'Change your name' }).click();
  await page.getByLabel('Your name', { exact: true }).fill('ann');
  await page.getByRole('button', { name: 'That is me' }).click();
  await page.locator('.todo', { hasText: 'sign' }).click();
  await page.getByRole('button', { name: 'Done', exact: true }).click();
  await until('it is done', async () => (await server.api('/v1/tasks')).tasks.length === 0);
  await becomes('key:operator/ann', async () =>
    (await server.api('/v1/audit?limit=1')).events[0].actor);
});

await check('logging out forgets the key', async () => {
  await page.locator('.who', { hasText: 'operator' }).click();
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByText('This server asks for a key').waitFor();
  must(await page.evaluate(() => sessionStorage.length) === 0, 'the key is still there');
});

// Another origin: the same browser, a page of another port.
const other = createServer((request, response) => {
  response.setHeader('Content-Type', 'text/html');
  const frame = request.url === '/frame' ? `<iframe src="${open.base}/"></iframe>` : '';
  response.end(`<!doctype html><title>elsewhere</title><body>elsewhere${frame}`);
});
await new Promise((resolve) => other.listen(0, '127.0.0.1', resolve));
const elsewhere = `http://127.0.0.1:${other.address().port}/`;

/** Everything that a page of another origin can send by itself. */
async function attack(target, path, body) {
  const stranger = await browser.context.newPage();
  await stranger.goto(elsewhere);
  await stranger.evaluate(async ([url, text]) => {
    const send = (init) => fetch(url, { method: 'POST', credentials: 'include', ...init })
      .catch(() => undefined);
    await send({ body: text, headers: { 'Content-Type': 'application/json' } });
    await send({ body: text, mode: 'no-cors' });
    await send({ body: text, mode: 'no-cors', headers: { 'Content-Type': 'text/plain' } });
    await send({ body: new URLSearchParams({ event: text }), mode: 'no-cors' });
    navigator.sendBeacon(url, new Blob([text], { type: 'text/plain' }));
    for (const enctype of ['text/plain', 'application/x-www-form-urlencoded',
      'multipart/form-data']) {
      const frame = Object.assign(document.createElement('iframe'), { name: `f${enctype}` });
      document.body.append(frame);
      const form = Object.assign(document.createElement('form'),
        { method: 'POST', action: url, enctype, target: frame.name });
      const input = Object.assign(document.createElement('input'), { name: text, value: '' });
      form.append(input);
      document.body.append(form);
      const loaded = new Promise((resolve) => frame.addEventListener('load', resolve,
        { once: true }));
      form.submit();
      await Promise.race([loaded, new Promise((resolve) => setTimeout(resolve, 500))]);
    }
  }, [`${target.base}${path}`, body]);
  await stranger.close();
}

await check('another origin starts, controls and answers nothing, with keys or without',
  async () => {
  await open.api('/v1/instances', { template: 'orders', key: 'VICTIM', input: {} });
  const { instance } = await open.api('/v1/instances/VICTIM');
  const before = (await open.api('/v1/events?limit=1000')).events.length;
  for (const target of [open, server]) {
    await attack(target, '/v1/instances', '{"template":"orders","key":"EVIL"}');
    await attack(target, `/v1/instances/${instance}/cancel`, '{"reason":"evil"}');
    await attack(target, '/v1/tasks/complete', `{"instance":"${instance}","task":"sign"}`);
    await attack(target, '/v1/queues/cook_queue/purge', '{}');
    await attack(target, '/v1/events', `[{"event":"CancelWorkflow","instance":"${instance}"}]`);
    await attack(target, '/v1/keys', '{"role":"admin"}');
  }
  must((await open.api('/v1/instances?key=EVIL')).instances.length === 0, 'it started one');
  must((await open.api(`/v1/instances/${instance}`)).status === 'RUNNING', 'it cancelled one');
  must((await open.api('/v1/tasks')).tasks.length === 1, 'it answered a task');
  const after = (await open.api('/v1/events?limit=1000')).events;
  must(after.length === before,
    `${after.length - before} events came: ${JSON.stringify(after[before])}`);
  must((await server.api('/v1/keys')).keys.filter((k) => k.role === 'admin').length === 0, 'a key');
});

await check('another origin reads nothing, and puts the page into no frame', async () => {
  const stranger = await browser.context.newPage();
  await stranger.goto(elsewhere);
  const read = await stranger.evaluate((url) => fetch(`${url}/v1/instances`).then(
    (r) => r.text(), () => 'refused'), open.base);
  must(read === 'refused', `it read ${read.slice(0, 100)}`);
  const blocked = stranger.waitForEvent('requestfailed', (r) => r.url() === `${open.base}/`);
  await stranger.goto(`${elsewhere}frame`);
  const why = (await blocked).failure().errorText;
  must(/BLOCKED_BY_RESPONSE/.test(why), why);
  await stranger.close();
});

await check('the page did nothing it should not', async () => {
  const unexpected = complaints.filter((c) => !/401|403/.test(c));
  must(unexpected.length === 0, unexpected.join('; '));
});

other.close();
await browser.close();
await server.stop();
await open.stop();
finish();
