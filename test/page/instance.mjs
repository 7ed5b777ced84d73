// One instance: its graph, live and as of any event; tasks, timeline, events, data; every action.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { HOSTILE, PHONE, DESKTOP, apply, becomes, check, complete, fail, finish, must,
  mustBeAccessible, mustFit, openBrowser, shot, startServer, take, until,
  visit } from './_page.mjs';

const run = promisify(execFile);
const server = await startServer();
const browser = await openBrowser(server, { acceptDownloads: true });
const { page, complaints, forgive } = browser;

await apply(server, `
name: order
stages:
  - name: accept
    tasks:
      - {name: confirm, queue: confirm_queue, business_status: CONFIRMED}
  - name: prepare
    tasks:
      - name: cook
        queue: cook_queue
        input: {dish: "\${ .input.dish }"}
        retry: {max_attempts: 3, delay: 1ms}
      - {name: assign, queue: assign_queue}
      - {name: pack, queue: pack_queue, needs: [cook, assign]}
  - name: deliver
    tasks:
      - {name: hand_over, human: {assignee: courier}}
output: {driver: "\${ .tasks.assign.output.driver }"}
`);

const start = async (key, input = { dish: 'soup' }) =>
  (await server.api('/v1/instances', { template: 'order', key, input })).instance;
const show = (id) => server.api(`/v1/instances/${id}`);
const box = (task) => page.locator(`[data-task="${task}"]`);
const isStatus = (task, status) => box(task).and(page.locator(`[data-status=${status}]`)).waitFor();
const of = (instance) => (message) => message.instance === instance;
const work = async (instance, queue, output) =>
  complete(server, await take(server, queue, of(instance)), output);
const dialog = page.locator('dialog.dialog[open]');
const panel = page.locator('.instance-panel');
const at = () => new URLSearchParams(new URL(page.url()).hash.split('?')[1] ?? '').get('at');
const button = (name) => page.getByRole('button', { name, exact: true });
async function confirm(reason, name) {
  await dialog.getByLabel('Reason').fill(reason);
  await dialog.getByRole('button', { name, exact: true }).click();
  await dialog.waitFor({ state: 'hidden' });
}
const events = async (id) => (await server.api(`/v1/instances/${id}/events?limit=1000`)).events;
const lastEvent = async (id) => (await events(id)).at(-1);

const id = await start('ORDER-1');

await check('the graph lives: a worker\'s answer is seen at once', async () => {
  await visit(browser, server, `#/instances/${id}`);
  await page.getByRole('heading', { level: 1, name: 'ORDER-1' }).waitFor();
  await isStatus('confirm', 'SCHEDULED');
  await isStatus('cook', 'PENDING');
  const message = await take(server, 'confirm_queue', of(id));
  await server.api('/v1/tasks/start', { token: message.token });
  await isStatus('confirm', 'RUNNING');
  await complete(server, message, { ok: true });
  await isStatus('confirm', 'COMPLETED');
  await isStatus('cook', 'SCHEDULED');
  await page.locator('.business', { hasText: 'CONFIRMED' }).waitFor();
});

await check('why it does not move is said', async () => {
  await panel.getByText('Task cook waits for a worker on queue cook_queue').waitFor();
  await panel.getByText('Task pack waits for cook, assign.').waitFor();
  await becomes(2, () => page.locator('.g-arrow.is-waited').count()); // what is waited for
});

await check('attempts that fail are counted, their errors told', async () => {
  await fail(server, await take(server, 'cook_queue', of(id)), 'OvenCold', HOSTILE);
  await box('cook').getByText('try 2').waitFor();
  await box('cook').click();
  await panel.getByText('OvenCold').first().waitFor();
  await panel.getByText(HOSTILE).first().waitFor(); // the message is text
  await work(id, 'cook_queue', { note: HOSTILE });
  await isStatus('cook', 'COMPLETED');
  await panel.locator('.json', { hasText: 'Output' }).getByText('<script>').waitFor();
  await becomes(2, () => panel.locator('.attempt-list li').count());
});

await check('tasks are walked with the keyboard', async () => {
  const isFocused = (task) => box(task).evaluate((e) => e === document.activeElement);
  await box('cook').focus();
  await page.keyboard.press('ArrowDown');
  await until('down to assign', () => isFocused('assign'));
  await page.keyboard.press('ArrowRight');
  await until('right to pack', () => isFocused('pack'));
  await page.keyboard.press('Enter');
  await panel.getByRole('heading', { name: 'pack' }).waitFor();
  await becomes(/^pack, queue pack_queue, PENDING/, () => box('pack').getAttribute('aria-label'));
  await page.keyboard.press('Escape');
  await becomes(1, () => page.locator('.graph-box [tabindex="0"]').count()); // one stop for Tab
});

await check('the graph pans and zooms, and a drag chooses nothing', async () => {
  const plane = page.locator('.graph-plane');
  const place = () => plane.evaluate((e) => e.style.transform);
  const moved = (before, what) => until(what, async () => await place() !== before);
  await page.keyboard.press('Escape');
  const before = await place();
  const { x, y } = await box('pack').boundingBox();
  await page.mouse.move(x + 20, y + 20);
  await page.mouse.wheel(0, -300);
  await moved(before, 'the wheel zooms');
  const near = await place();
  const chosen = page.url();
  await page.mouse.down();
  await page.mouse.move(x - 60, y + 60, { steps: 4 });
  await page.mouse.up();
  await moved(near, 'a drag pans');
  must(page.url() === chosen, 'a drag is no click');
  const dragged = await place();
  await button('Fit').click();
  await moved(dragged, 'fit shows all of it');
  await box('pack').focus();
  const fitted = await place();
  await page.keyboard.press('+');
  await moved(fitted, 'a key zooms');
  await button('Fit').click();
});

await check('what a replay would run is shown in the graph before it runs', async () => {
  await visit(browser, server, `#/instances/${id}?task=cook`);
  await panel.getByRole('button', { name: 'Replay…' }).click();
  await page.locator('.preview', { hasText: '1 task' }).waitFor();
  await box('cook').and(page.locator('.is-marked')).waitFor();
  await work(id, 'assign_queue', { driver: 'Mia' });
  await page.locator('.preview', { hasText: '2 tasks' }).waitFor();
  await box('pack').and(page.locator('.is-marked')).waitFor();
  await mustBeAccessible(browser, 'a replay to come');
  await mustFit(browser, 'a replay to come');
  await shot(browser, 'instance-replay');
  await page.locator('.preview').getByText('only this task').click();
  await page.locator('.preview', { hasText: '1 task' }).waitFor();
  await page.locator('.preview').getByText('only this task').click();
  await page.locator('.preview', { hasText: '2 tasks' }).waitFor();
  must((await show(id)).stages[1].tasks[0].generation === 1, 'nothing ran yet');
  await page.locator('.preview').getByRole('button', { name: 'Replay…' }).click();
  await dialog.getByText('2 tasks run again').waitFor();
  await dialog.getByText('Change its input').click();
  await dialog.getByLabel('Input (JSON)').fill('{"dish": "stew"}');
  await dialog.getByLabel('Reason').fill('too cold');
  await becomes(`swm replay ${id} --task cook --input '{"dish": "stew"}' --reason 'too cold'`,
    () => dialog.locator('.cli code').textContent());
  await mustBeAccessible(browser, 'a dialog');
  await mustFit(browser, 'a dialog');
  await confirm('too cold', 'Replay');
  await box('cook').getByText('gen 2').waitFor();
  const event = await lastEvent(id);
  must(event.event === 'ReplayTask' && event.reason === 'too cold' && event.source === 'page',
    JSON.stringify(event).slice(0, 200));
});

await check('a stage is replayed as a whole', async () => {
  await page.getByRole('button', { name: 'Replay stage accept' }).click();
  await page.locator('.preview', { hasText: 'the stage accept' }).waitFor();
  await box('confirm').and(page.locator('.is-marked')).waitFor();
  await page.locator('.preview').getByRole('button', { name: 'Leave it' }).click();
  await becomes(0, () => page.locator('.is-marked').count());
});

await check('generations are compared', async () => {
  await work(id, 'cook_queue', { note: 'better' });
  await isStatus('cook', 'COMPLETED');
  await visit(browser, server, `#/instances/${id}?task=cook`);
  await panel.getByText('stew').waitFor();
  await panel.getByText('Compare with generation 1').click();
  await panel.locator('.data-diff-old', { hasText: '"dish": "soup"' }).waitFor();
  await panel.locator('.data-diff-new', { hasText: '"dish": "stew"' }).waitFor();
  await shot(browser, 'instance-task');
  await panel.getByText('Compare with generation 1').click();
  await panel.getByLabel('Generation', { exact: true }).selectOption('1');
  await panel.locator('.json', { hasText: 'Input' }).getByText('soup').waitFor();
});

await check('the scrub bar shows everything as of an event, and now again', async () => {
  await visit(browser, server, `#/instances/${id}`);
  const bar = page.getByRole('slider');
  await bar.focus();
  await page.keyboard.press('Home');
  await isStatus('confirm', 'SCHEDULED');
  await isStatus('cook', 'PENDING');
  await becomes('1', at);
  await page.getByText('StartWorkflow').first().waitFor();
  await button('The event after').click();
  await isStatus('confirm', 'RUNNING');
  await becomes(0, () => page.locator('.view-actions').count()); // the past cannot be acted upon
  await page.reload();
  await isStatus('confirm', 'RUNNING');
  await becomes('2', at);
  const before = Number(await bar.getAttribute('max'));
  await work(id, 'pack_queue', {});
  await until('now is farther', async () => Number(await bar.getAttribute('max')) > before);
  await isStatus('confirm', 'RUNNING');
  await shot(browser, 'instance-past');
  await button('Back to now').click();
  await isStatus('confirm', 'COMPLETED');
  await isStatus('pack', 'COMPLETED');
  await page.goBack();
  await isStatus('confirm', 'RUNNING');
});

await check('a time in the address is the event until then', async () => {
  const [first] = await events(id);
  await visit(browser, server, `#/instances/${id}?at=${encodeURIComponent(first.at)}`);
  await until('the time is told as an event', () => /^\d+$/.test(at() ?? ''));
  await isStatus('pack', 'PENDING');
});

await check('the timeline has a bar for each attempt', async () => {
  await visit(browser, server, `#/instances/${id}?tab=timeline`);
  const bars = page.locator('.bar-mark');
  const all = (await server.api(`/v1/instances/${id}/timeline`)).attempts;
  for (let k = 0; k < 6; k++) await button('Wider').click();
  await until('a bar for each', async () => {
    const labels = await bars.evaluateAll((list) => list.map((e) => e.getAttribute('aria-label')));
    const counted = labels.map((l) => Number(/^(\d+) attempts of/.exec(l)?.[1] ?? 1));
    return counted.reduce((a, b) => a + b, 0) === all.length;
  });
  for (let k = 0; k < 6; k++) await button('Narrower').click();
  await page.getByText('waits for a retry').waitFor();
  await mustBeAccessible(browser, 'the timeline');
  await mustFit(browser, 'the timeline');
  await shot(browser, 'instance-timeline');
  await bars.first().click();
  await until('a bar leads to its moment and its task', () => at() !== null
    && page.url().includes('task='));
});

await check('events have verdicts, changes and their record', async () => {
  await server.api('/v1/events', { event: 'ResumeWorkflow', instance: id });
  await server.api('/v1/events', { event: 'ReplayTask', instance: id, task: 'hand_over',
    reason: HOSTILE, event_id: 'again' });
  await visit(browser, server, `#/instances/${id}?tab=events`);
  await page.getByRole('button', { name: /^Event \d+, TaskCompleted/ }).first().click();
  await panel.getByText('What it changed').waitFor();
  await panel.locator('.event-changes ins', { hasText: 'COMPLETED' }).first().waitFor();
  await panel.getByText('The record as JSON').click();
  await panel.locator('.json').getByText('"hash"').waitFor();
  await mustBeAccessible(browser, 'events');
  await mustFit(browser, 'events');
  await shot(browser, 'instance-events');
  await page.getByLabel('Verdict', { exact: true }).selectOption('duplicate');
  await page.getByRole('button', { name: /, ResumeWorkflow$/ }).waitFor();
  await until('only that one', async () => await page.locator('.event-name').count() === 1);
  await page.reload();
  await until('a reload keeps the filter', async () =>
    await page.locator('.event-name').count() === 1);
  await page.getByLabel('Verdict', { exact: true }).selectOption('');
  await page.getByLabel('Task', { exact: true }).selectOption('pack');
  await until('those of a task', async () =>
    new Set(await page.locator('.event-task').allTextContents()).size === 1);
  await panel.getByRole('button', { name: 'Show everything as of this event' }).click();
  await until('as of the event', () => at() !== null);
});

await check('pause, resume and cancel say what will happen and keep the reason', async () => {
  const other = await start('ORDER-2');
  await visit(browser, server, `#/instances/${other}`);
  await page.getByRole('button', { name: 'Pause…' }).click();
  await dialog.getByText('Nothing new starts').waitFor();
  await dialog.getByLabel(/Timeouts/).selectOption('run');
  await shot(browser, 'instance-pause');
  await confirm('lunch', 'Pause');
  await page.locator('h1 ~ .pill', { hasText: 'PAUSED' }).waitFor();
  must((await show(other)).timers === 'run', 'its timers run on');
  must((await lastEvent(other)).reason === 'lunch', 'the reason is kept');
  await page.getByRole('button', { name: 'Resume…' }).click();
  await confirm('lunch is over', 'Resume');
  await page.locator('h1 ~ .pill', { hasText: 'RUNNING' }).waitFor();
  await page.getByRole('button', { name: 'Cancel…' }).click();
  await dialog.getByText('1 task is out and will be withdrawn').waitFor();
  await dialog.getByLabel('Reason').fill('changed their mind');
  await becomes(`swm cancel ${other} --reason 'changed their mind'`,
    () => dialog.locator('.cli code').textContent());
  await confirm('changed their mind', 'Cancel it');
  await page.locator('h1 ~ .pill', { hasText: 'CANCELLED' }).waitFor();
  await isStatus('confirm', 'CANCELLED');
  must((await lastEvent(other)).reason === 'changed their mind', 'the reason is kept');
});

await check('a task is completed and failed by hand', async () => {
  const other = await start('ORDER-3');
  await visit(browser, server, `#/instances/${other}?task=confirm`);
  await panel.getByRole('button', { name: 'Complete…' }).click();
  await dialog.getByLabel('Output (JSON)').fill('{"ok": ');
  await dialog.getByLabel('Reason').fill('by phone');
  await dialog.getByRole('button', { name: 'Complete it' }).click();
  await dialog.getByRole('alert').filter({ hasText: 'not JSON' }).waitFor();
  await dialog.getByLabel('Output (JSON)').fill('{"ok": 12345678901234567890}');
  await confirm('by phone', 'Complete it');
  await isStatus('confirm', 'COMPLETED');
  const raw = await (await fetch(`${server.base}/v1/instances/${other}`)).text();
  must(raw.includes('12345678901234567890'), 'digits are kept');
  await box('assign').click();
  for (let k = 1; k <= 3; k++) {
    await panel.getByRole('button', { name: 'Fail…' }).click();
    await dialog.getByLabel('Error').fill('NoDriver');
    await dialog.getByLabel('Message').fill('all are out');
    await confirm('they called', 'Fail it');
    await until('the attempt failed', async () =>
      (await events(other)).filter((e) => e.event === 'TaskFailed').length === k);
    if (k < 3) await until('the next attempt is out', async () =>
      (await show(other)).stages[1].tasks[1].attempt === k + 1);
    if (k < 3) await panel.getByText(`${k + 1} of 3`).waitFor();
  }
  await page.locator('h1 ~ .pill', { hasText: 'FAILED' }).waitFor();
  await page.locator('.view > .callout-bad', { hasText: 'NoDriver' }).waitFor();
  await shot(browser, 'instance-failed');
  await page.getByRole('button', { name: 'Replay assign…' }).click();
  await box('assign').and(page.locator('.is-marked')).waitFor();
});

await check('data are shown as they are', async () => {
  const other = await start(HOSTILE.slice(0, 60), { dish: HOSTILE });
  await visit(browser, server, `#/instances/${other}?tab=data`);
  await page.locator('.data-tab').getByText('<script>alert(2)</script>').waitFor();
  await becomes(HOSTILE.slice(0, 60), () => page.locator('h1').textContent());
  await mustBeAccessible(browser, 'data');
  await mustFit(browser, 'data');
});

await check('an export is what the command line writes', async () => {
  await visit(browser, server, `#/instances/${id}`);
  await page.getByRole('button', { name: 'Export…' }).click();
  const coming = page.waitForEvent('download');
  await dialog.getByRole('button', { name: 'Download' }).click();
  const file = await (await coming).path();
  const { stdout } = await run(process.env.SWM_PROGRAM ?? 'build/swm', ['export', id],
    { env: { ...process.env, SWM_URL: server.base }, maxBuffer: 1 << 26 });
  const lines = (text) => text.trim().split('\n').map((line) => JSON.stringify(
    Object.entries(JSON.parse(line)).sort()));
  must(lines(await readFile(file, 'utf8')).join('\n') === lines(stdout).join('\n'), 'they differ');
});

await check('an instance that is none says so', async () => {
  await visit(browser, server, '#/instances/nobody');
  await page.getByRole('alert').filter({ hasText: /unknown|no such|not/i }).waitFor();
  await forgive(/404/);
});

await check('it has no fault of accessibility and fits a narrow window', async () => {
  for (const terms of ['', '?task=cook', '?at=3']) {
    await visit(browser, server, `#/instances/${id}${terms}`);
    await box('cook').waitFor();
    await mustBeAccessible(browser, `instance ${terms}`);
    await mustFit(browser, `instance ${terms}`);
  }
  await visit(browser, server, `#/instances/${id}`);
  await shot(browser, 'instance');
});

await check('on a phone a task opens as a sheet and closes again', async () => {
  await page.setViewportSize(PHONE);
  await visit(browser, server, `#/instances/${id}?task=cook`);
  await until('a sheet', async () => {
    const place = await panel.boundingBox();
    return place.y + place.height >= PHONE.height - 1 && place.width >= PHONE.width - 1;
  });
  await panel.getByRole('button', { name: 'Close' }).click();
  await panel.getByRole('heading', { name: 'What it waits for' }).waitFor();
  const touch = await page.context().newCDPSession(page);
  await touch.send('Emulation.setTouchEmulationEnabled', { enabled: true, maxTouchPoints: 2 });
  const graph = page.locator('.graph-box');
  await graph.scrollIntoViewIfNeeded();
  const { x, y } = await graph.boundingBox();
  const scale = () => page.locator('.graph-plane').evaluate((e) =>
    Number(/scale\(([\d.]+)\)/.exec(e.style.transform)[1]));
  const before = await scale();
  const fingers = (type, apart) => touch.send('Input.dispatchTouchEvent', { type,
    touchPoints: apart === 0 ? [] : [{ x: x + 150 - apart, y: y + 120, id: 0 },
      { x: x + 150 + apart, y: y + 120, id: 1 }] });
  await fingers('touchStart', 20);
  for (let apart = 30; apart <= 80; apart += 10) await fingers('touchMove', apart);
  await fingers('touchEnd', 0);
  await until('two fingers zoom', async () => await scale() > 1.5 * before);
  await touch.detach();
  await page.setViewportSize(DESKTOP);
});

await check('the page did nothing it should not', async () => {
  must(complaints.length === 0, complaints.join('; '));
});

await browser.close();
await server.stop();
finish();
