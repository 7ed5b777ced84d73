// Large instances: what is drawn and what is asked for is counted, not timed.
import { apply, check, finish, must, openBrowser, startServer, until, visit } from './_page.mjs';

const TASKS = 500;
const EVENTS = 100000;
const server = await startServer();
const browser = await openBrowser(server);
const { page, complaints } = browser;
const requests = [];
page.on('request', (r) => requests.push(new URL(r.url()).pathname + new URL(r.url()).search));

/* 500 tasks: ten stages of 50, of which each needs one or two of those before it */

function large() {
  const stages = Array.from({ length: TASKS / 50 }, (_, s) => {
    const tasks = Array.from({ length: 50 }, (__, k) => {
      const needs = k < 10 ? [] : [...new Set([(k * 7) % k, k - 1 - (k % 9)])].filter((n) => n < k);
      const list = needs.map((n) => `s${s}t${n}`).join(', ');
      return `      - {name: s${s}t${k}, queue: q${s}t${k}${list ? `, needs: [${list}]` : ''}}`;
    });
    return `  - name: stage${s}\n    tasks:\n${tasks.join('\n')}`;
  });
  return `name: large\nstages:\n${stages.join('\n')}\n`;
}

await apply(server, large());
const start = async (template, key) =>
  (await server.api('/v1/instances', { template, key, input: {} })).instance;
const id = await start('large', 'LARGE');
const finished = (k) => ({ event: 'TaskCompleted', instance: id, task: `s0t${k}`, output: {} });

await check('a graph of 500 tasks is drawn with few elements', async () => {
  await visit(browser, server, `#/instances/${id}`);
  await page.locator('[data-task=s9t49]').waitFor({ state: 'attached' });
  await page.locator('.graph-box [tabindex="0"]').waitFor({ state: 'attached' });
  const counts = await page.evaluate(() => ({
    tasks: document.querySelectorAll('.g-task').length,
    all: document.querySelectorAll('.graph *').length,
    stops: document.querySelectorAll('.graph-box [tabindex="0"]').length }));
  must(counts.tasks === TASKS && counts.stops === 1, JSON.stringify(counts));
  must(counts.all < 30 * TASKS, `${counts.all} elements`);
});

/* Counts what is changed below the graph until `end` is called in the page. */
const watch = () => page.evaluate(() => {
  const plane = document.querySelector('.graph-plane');
  const seen = { moves: 0, tasks: new Set(), others: 0 };
  const observer = new MutationObserver((list) => list.forEach((change) => {
    const task = (change.target.nodeType === 1 ? change.target : change.target.parentElement)
      ?.closest('.g-task');
    if (change.target === plane) seen.moves += 1;
    else if (task) seen.tasks.add(task.dataset.task);
    else seen.others += 1;
  }));
  observer.observe(plane, { subtree: true, childList: true, attributes: true,
    characterData: true });
  window.endWatch = () => {
    observer.disconnect();
    return { moves: seen.moves, tasks: [...seen.tasks], others: seen.others };
  };
});
const endWatch = () => page.evaluate(() => window.endWatch());

await check('panning moves one element and draws nothing', async () => {
  const { x, y, width, height } = await page.locator('.graph-box').boundingBox();
  const place = () => page.locator('.graph-plane').evaluate((e) => e.style.transform);
  const before = await place();
  await watch();
  await page.mouse.move(x + width / 2, y + height / 2);
  await page.mouse.down();
  for (let k = 1; k <= 30; k++) await page.mouse.move(x + width / 2 - 8 * k, y + height / 2 + k);
  await page.mouse.up();
  await until('it moved', async () => await place() !== before);
  const seen = await endWatch();
  must(seen.moves > 0 && seen.tasks.length === 0 && seen.others === 0, JSON.stringify(seen));
});

await check('many updates at once change only what they are about', async () => {
  const status = (k) => page.locator(`[data-task=s0t${k}]`).getAttribute('data-status');
  await watch();
  requests.length = 0;
  await server.api('/v1/events', Array.from({ length: 10 }, (_, k) => finished(k)));
  await until('they are done', async () => await status(9) === 'COMPLETED');
  let rest = 40;
  while (rest > 0) { // whatever is ready, until the stage is done
    const { stages } = await server.api(`/v1/instances/${id}?fields=brief`);
    const ready = stages[0].tasks.filter((t) => t.status === 'SCHEDULED');
    await server.api('/v1/events', ready.map((t) => finished(Number(t.name.slice(3)))));
    rest -= ready.length;
  }
  await until('the stage is done', async () => await page.locator('[data-stage=stage0]')
    .getAttribute('data-status') === 'COMPLETED');
  const seen = await endWatch();
  const own = (await server.api(`/v1/instances/${id}`)).stages.slice(0, 2)
    .flatMap((s) => s.tasks.map((t) => t.name));
  must(seen.tasks.every((task) => own.includes(task)), `others were drawn: ${seen.tasks}`);
  const asked = requests.filter((r) => r.startsWith(`/v1/instances/${id}`));
  must(asked.length < 60, `${asked.length} requests for 50 events`);
});

/* 100,000 events of one instance */

await apply(server, 'name: long\nstages:\n  - name: one\n    tasks:\n'
  + '      - {name: wait, queue: wait_queue}\n');
const long = await start('long', 'LONG');
const batch = Array.from({ length: 1000 }, (_, k) => ({ instance: long,
  event: k % 2 === 0 ? 'PauseWorkflow' : 'ResumeWorkflow' }));
for (let k = 0; k < EVENTS / 1000; k++) await server.api('/v1/events', batch);
await server.api('/v1/events', { event: 'ResumeWorkflow', instance: long });
const revision = EVENTS + 2;

const askedOf = (part) => requests.filter((r) => r.startsWith(`/v1/instances/${long}${part}`));
const rows = () => page.locator('.virtual-row').count();

await check('100,000 events are scrolled with a screenful of rows', async () => {
  const known = await server.api(`/v1/instances/${long}?fields=brief`);
  must(known.revision === revision, 'they are in');
  requests.length = 0;
  await visit(browser, server, `#/instances/${long}?tab=events`);
  await page.getByRole('button', { name: `Event ${revision}, ResumeWorkflow` }).waitFor();
  must(await rows() < 80, `${await rows()} rows`);
  for (const seq of [75000, 50001, 3]) {
    await page.locator('.virtual').evaluate((e, top) => e.scrollTo(0, top), (revision - seq) * 44);
    await page.getByRole('button', { name: new RegExp(`^Event ${seq}, \\w`) }).waitFor();
    must(await rows() < 80, `${await rows()} rows`);
  }
  must(askedOf('/events').length < 20, `${askedOf('/events').length} requests`);
});

await check('any moment of them is one small question', async () => {
  await visit(browser, server, `#/instances/${long}`);
  await page.locator('[data-task=wait]').waitFor();
  requests.length = 0;
  const bar = page.getByRole('slider');
  for (const seq of [50000, 20, 99999]) {
    await bar.evaluate((e, value) => {
      e.value = value;
      e.dispatchEvent(new Event('input', { bubbles: true }));
    }, String(seq));
    await page.locator('.scrub-words', { hasText: `${seq} of ${revision}` }).waitFor();
    const word = seq % 2 === 0 ? 'PauseWorkflow' : 'ResumeWorkflow';
    await page.locator('.scrub-words', { hasText: word }).waitFor();
    const status = seq % 2 === 0 ? 'PAUSED' : 'RUNNING';
    await page.locator('h1 ~ .pill', { hasText: status }).waitFor();
  }
  must(requests.length < 40, `${requests.length} requests for three moments`);
});

await check('dragging asks no oftener than is answered', async () => {
  requests.length = 0;
  await page.getByRole('slider').evaluate(async (e) => {
    for (let k = 0; k < 200; k++) {
      e.value = String(1000 + k * 10);
      e.dispatchEvent(new Event('input', { bubbles: true }));
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
  });
  await page.locator('.scrub-words', { hasText: '2990 of' }).waitFor();
  await page.locator('h1 ~ .pill', { hasText: 'PAUSED' }).waitFor();
  const shown = askedOf('?').length;
  must(shown <= 210, `${shown} questions about 200 moments`);
});

await check('the timeline draws what there is room for', async () => {
  await visit(browser, server, `#/instances/${long}?tab=timeline`);
  await page.locator('.bar-mark').first().waitFor();
  await page.getByRole('button', { name: /^Load what was before event/ }).click();
  const drawn = await page.locator('.timeline *').count();
  must(drawn < 1500, `${drawn} elements`);
});

await check('few among many are found', async () => {
  requests.length = 0;
  await visit(browser, server, `#/instances/${long}?tab=events&verdict=duplicate`);
  await page.getByRole('button', { name: `Event ${revision}, ResumeWorkflow` }).waitFor();
  for (let steps = 1; steps * 5000 <= EVENTS; steps++)
    await until(`${steps} steps back`, () =>
      askedOf('/events?fields=brief&verdict').length >= steps);
  await page.getByText('Looking before event').waitFor({ state: 'detached' });
  must(await page.locator('.event-name').count() === 1, 'one');
});

await check('the page did nothing it should not', async () => {
  must(complaints.length === 0, complaints.join('; '));
});

await browser.close();
await server.stop();
finish();
