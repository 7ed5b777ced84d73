// The list of instances: found, followed live without moving under the reader, acted upon by many.
import { apply, becomes, check, finish, HOSTILE, must, mustBeAccessible, mustFit, openBrowser,
  PHONE, shot, startServer, until, visit } from './_page.mjs';

const ORDERS = `
name: orders
key: \${ .input.id }
stages:
  - name: prepare
    tasks:
      - {name: cook, queue: cook_queue, business_status: COOKED, retry: {max_attempts: 1}}
      - {name: pack, queue: pack_queue, needs: [cook]}
  - name: deliver
    tasks:
      - {name: hand_over, queue: deliver_queue}
`;
const MANY = 450;

const server = await startServer();
const browser = await openBrowser(server);
const { page, complaints, forgive } = browser;
const { api } = server;
const rows = page.locator('.virtual-row');
const row = (key) => rows.filter({ has: page.getByRole('link', { name: key, exact: true }) });
const keyOf = (line) => line.locator('.inst-key a').textContent();
const total = () => page.locator('.view-title [role=status]').textContent();
const status = (name) => page.getByRole('group', { name: 'Status' }).getByRole('button', { name });
const deed = (name) => page.locator('.deeds').getByRole('button', { name });
const countOf = async (query) => (await api(`/v1/instances/count?${query}`)).count;
const start = (key, input = {}) =>
  api('/v1/instances', { template: 'orders', key, input: { id: key, ...input } });

/** A worker for `queue` that does what `answer` says until it is told to end. */
function worker(queue, answer) {
  let isOn = true;
  const work = (async () => {
    while (isOn) {
      const { messages } = await api(`/v1/queues/${queue}/receive`, { max: 10, wait_seconds: 1 });
      for (const m of messages) {
        const error = answer(m);
        await (error ? api('/v1/tasks/fail', { token: m.token, error, message: 'as it should' })
          : api('/v1/tasks/complete', { token: m.token, output: {} }));
      }
    }
  })();
  return () => {
    isOn = false;
    return work;
  };
}

async function startMany(prefix, count) {
  for (let k = 0; k < count; k += 200) {
    const events = Array.from({ length: Math.min(200, count - k) }, (_, n) => {
      const key = `${prefix}-${String(k + n).padStart(4, '0')}`;
      return { event: 'StartWorkflow', template: 'orders', key, input: { id: key } };
    });
    await api('/v1/events', events);
  }
}

/** Does `name` to what is selected once the dialog says what `told` wants: what it came to. */
async function act(name, reason, told = /./) {
  await deed(name).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Reason' }).fill(reason);
  await becomes(told, () => dialog.innerText());
  await dialog.locator('button[type=submit]').click();
  const end = dialog.getByRole('button', { name: 'Close' });
  await end.waitFor();
  const sum = await dialog.getByRole('heading').textContent();
  await end.click();
  return sum.trim();
}

await check('an empty server says where instances come from', async () => {
  await visit(browser, server, '#/instances');
  await page.getByText('There are no instances yet').waitFor();
  await shot(browser, 'instances-none');
});

await apply(server, ORDERS);
await startMany('A', MANY);
await start(HOSTILE);

await check('a long list shows what is seen and loads the rest as it is scrolled', async () => {
  await visit(browser, server, '#/instances');
  await until('all are counted', async () => await total() === String(MANY + 1));
  must(await rows.count() < 60, `${await rows.count()} rows are drawn`);
  await rows.nth(10).waitFor();
  const list = page.locator('.virtual');
  await until('the last one is reached', async () => {
    await list.evaluate((e) => e.scrollTo(0, e.scrollHeight));
    return page.locator(`[aria-rowindex="${MANY + 2}"]`).count();
  });
  must(await rows.count() < 60, `${await rows.count()} rows are drawn at the end`);
});

await check('filters are in the address, and what they find is found', async () => {
  const failing = worker('cook_queue', (m) => (/-00[01]/.test(m.key) ? 'OutOfStock' : ''));
  await until('twenty failed', async () => await countOf('status=FAILED') === 20);
  await until('the others are cooked', async () =>
    await countOf('business_status=COOKED') === MANY + 1 - 20);
  await failing();
  await visit(browser, server, '#/instances');
  await status('Failed').click();
  await becomes('20', total);
  await becomes(/status=FAILED/, () => page.url());
  await page.reload();
  await until('a reload keeps it', async () => await total() === '20');
  await page.getByRole('searchbox').fill('A-001');
  await becomes('10', total);
  await becomes(/key=A-001\*/, () => decodeURIComponent(page.url()));
  await status('Running').click();
  await page.getByRole('searchbox').fill('A-00');
  await until('either status', async () => await total() === '100');
});

await check('the others are in a dialog, and each can be taken away', async () => {
  await page.getByRole('button', { name: /^Filter/ }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('checkbox', { name: 'orders' }).check();
  await dialog.getByRole('checkbox', { name: 'COOKED' }).check();
  await dialog.getByRole('checkbox', { name: 'prepare' }).check();
  await dialog.getByLabel('Version').selectOption('1');
  await dialog.getByLabel('Started').selectOption('1h');
  await mustBeAccessible(browser, 'the filters');
  await mustFit(browser, 'the filters');
  await shot(browser, 'instances-filter');
  await dialog.getByRole('button', { name: 'Show' }).click();
  await until('it is asked', () => /template=orders&.*started=1h/.test(page.url()));
  await until('the cooked ones', async () => await total() === '80');
  await page.getByRole('button', { name: 'Without: Business status COOKED' }).click();
  await until('both again', async () => await total() === '100');
  await page.goBack();
  await until('back brings it back', async () => await total() === '80');
  await page.getByRole('button', { name: 'Show all' }).click();
  await until('all of them', async () => await total() === String(MANY + 1));
});

await check('what cannot be says so', async () => {
  await visit(browser, server, '#/instances?key=NOBODY*');
  await page.getByText('Nothing matches').waitFor();
  await visit(browser, server, '#/instances?status=LOST');
  await page.getByRole('alert').getByText('there is no such status').waitFor();
  await forgive(/400/);
});

await check('a view can be saved, and the list can begin with it', async () => {
  await visit(browser, server, '#/instances?status=FAILED&key=A-000*');
  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByRole('button', { name: 'Save this view…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill(`mine ${HOSTILE}`);
  await dialog.getByLabel('Instances begins with it').check();
  await dialog.getByRole('button', { name: 'Save' }).click();
  await visit(browser, server, '#/about');
  await page.locator('.side').getByRole('link', { name: 'Instances' }).click();
  await until('it begins with it', () => /status=FAILED&key=A-000/.test(page.url()));
  await until('ten of them', async () => await total() === '10');
  await page.getByRole('button', { name: /mine/ }).click();
  await page.locator('.menu-box').getByRole('link', { name: 'All', exact: true }).click();
  await until('all can still be seen', async () => await total() === String(MANY + 1));
  await page.getByRole('button', { name: 'All' }).click();
  await page.getByRole('button', { name: /^Forget mine/ }).click();
  await page.keyboard.press('Escape');
});

await check('what happens is shown in its place, what is new moves nothing', async () => {
  await visit(browser, server, '#/instances?status=RUNNING,PAUSED&key=A-00*');
  await until('they are there', async () => await total() === '80');
  const key = await keyOf(rows.first());
  await row(key).hover();
  const place = async () => (await row(key).boundingBox()).y;
  const before = await place();
  const path = `/v1/instances/orders%2F${key}`;
  await api(`${path}/pause`, { reason: 'a look' });
  await row(key).getByText('PAUSED').waitFor();
  await start('A-00-new');
  await page.getByRole('button', { name: '1 new' }).waitFor();
  must(await row('A-00-new').count() === 0 && await place() === before, 'nothing moved');
  await shot(browser, 'instances-news');
  await page.getByRole('button', { name: '1 new' }).click();
  await row('A-00-new').waitFor();
  await visit(browser, server, '#/instances?status=PAUSED');
  await row(key).hover();
  await api(`${path}/resume`, { reason: 'seen' });
  await row(key).getByText('RUNNING').waitFor();
  await row(key).locator('.is-gone').waitFor(); // it says that it matches no more
});

let replayed; // the key of one of them

await check('some are chosen, one by one and in a range', async () => {
  await visit(browser, server, '#/instances?status=FAILED');
  await rows.nth(0).getByRole('checkbox').check();
  await rows.nth(7).getByRole('checkbox').click({ modifiers: ['Shift'] });
  await page.locator('.deeds').getByText('8 selected').waitFor();
  await rows.nth(4).getByRole('checkbox').uncheck();
  replayed = await keyOf(rows.nth(7));
  await page.locator('.deeds').getByText('7 selected').waitFor();
  for (const unsuited of ['Pause', 'Resume'])
    await becomes(true, () => deed(unsuited).isDisabled());
  await shot(browser, 'instances-selected');
  await mustBeAccessible(browser, 'a selection');
  await mustFit(browser, 'a selection');
});

await check('what failed is replayed, with a word before and after', async () => {
  const sum = await act('Replay failed', 'there is flour again',
    /7 instances will be replayed[^]*new generation/);
  must(sum === '7 tasks replayed', sum);
  await until('they run again', async () => await countOf('status=FAILED') === 13);
  const { events } = await api(`/v1/instances/orders%2F${replayed}/events`);
  const replay = events.find((e) => e.event === 'ReplayTask');
  must(replay.source === 'page' && replay.verdict === 'applied' && /^page-/.test(replay.event_id)
    && (replay.comment ?? replay.reason) === 'there is flour again', JSON.stringify(replay));
});

await check('all that match are acted upon, also what is not loaded', async () => {
  await visit(browser, server, '#/instances?status=RUNNING,FAILED&key=A*');
  await becomes('451', total);
  await rows.nth(10).waitFor();
  await page.getByRole('checkbox', { name: 'Select all that are loaded' }).check();
  await page.getByRole('button', { name: /Select all 451 that match/ }).click();
  await deed('Pause').click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('438 instances will be paused').waitFor();
  await dialog.getByText('Nothing happens to 13 FAILED').waitFor();
  await dialog.getByText('swm list --status RUNNING,FAILED').waitFor();
  await shot(browser, 'instances-confirm');
  await mustBeAccessible(browser, 'the confirmation');
  await mustFit(browser, 'the confirmation');
  await page.keyboard.press('Escape');
  const sum = await act('Pause', 'the oven is down');
  must(/438 paused/.test(sum) && /13 passed over/.test(sum), sum);
  await becomes(438, () => countOf('status=PAUSED'));
});

await check('what is refused is told with its reason, and a link to it', async () => {
  await visit(browser, server, '#/instances?key=A-000*');
  await row('A-0001').getByRole('checkbox').check();
  await row('A-0002').getByRole('checkbox').check();
  await deed('Cancel').click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('2 instances will be cancelled').waitFor();
  await page.route('**/v1/events', async (route) => { // somebody else was quicker
    if (route.request().method() !== 'POST') return route.continue();
    const events = route.request().postDataJSON();
    const first = await api('/v1/events', [{ ...events[0], event_id: 'another' }]);
    must(first.results[0].verdict === 'applied', JSON.stringify(first));
    const body = JSON.stringify(events.map((e, k) =>
      (k === 0 ? { ...e, event: 'PauseWorkflow' } : e)));
    return route.continue({ postData: body });
  });
  await dialog.getByRole('textbox', { name: 'Reason' }).fill('no more');
  await dialog.locator('button[type=submit]').click();
  await dialog.getByText('1 cancelled · 1 refused').waitFor();
  await page.unroute('**/v1/events');
  await shot(browser, 'instances-refused');
  await mustBeAccessible(browser, 'the result');
  await mustFit(browser, 'the result');
  await dialog.getByRole('link', { name: /A-000/ }).click();
  await until('it leads there', () => /instances\/[a-z0-9]{20}/.test(page.url()));
});

await check('what was cut off is sent again under the same ids', async () => {
  await visit(browser, server, '#/instances?status=FAILED');
  await rows.first().waitFor();
  await page.getByRole('checkbox', { name: 'Select all that are loaded' }).check();
  let sent = 0;
  await page.route('**/v1/events', async (route) => {
    if (route.request().method() !== 'POST' || ++sent > 1) return route.continue();
    await route.fetch();
    return route.abort();
  });
  const sum = await act('Replay failed', 'once');
  await page.unroute('**/v1/events');
  must(/duplicate/.test(sum) && sent === 2, `${sum}, sent ${sent}`);
  await forgive(/ERR_FAILED/);
});

await check('it has no fault of accessibility and fits a narrow window', async () => {
  await visit(browser, server, '#/instances');
  await rows.nth(10).waitFor();
  await shot(browser, 'instances');
  await page.emulateMedia({ colorScheme: 'dark' });
  await shot(browser, 'instances-dark');
  await mustBeAccessible(browser, 'the list');
  await mustFit(browser, 'the list');
  await page.setViewportSize(PHONE);
  await rows.nth(1).getByRole('checkbox').check();
  await mustBeAccessible(browser, 'the list on a phone');
  await mustFit(browser, 'a selection');
});

await check('the page did nothing it should not', async () => {
  must(complaints.length === 0, complaints.join('; '));
});

await browser.close();
await server.stop();
finish();
