// The editor of templates: errors where they are, a graph that follows, completion and help, a
// keyboard that is never trapped, and nothing applied that was not shown.
import {
  apply,
  becomes,
  check,
  finish,
  must,
  mustBeAccessible,
  mustFit,
  openBrowser,
  restart,
  shot,
  startServer,
  until,
  visit,
} from './_page.mjs';
import { ORDER, ORDER_2 } from './_templates.mjs';

const server = await startServer();
const browser = await openBrowser(server);
const { page, complaints, forgive } = browser;
const hash = () => decodeURIComponent(new URL(page.url()).hash);
const text = page.getByRole('textbox', { name: 'Template' });
const state = page.locator('.e-state');
const written = () =>
  text.evaluate((e) => [...e.querySelectorAll('.cm-line')].map((l) => l.textContent).join('\n'));

async function write(yaml) {
  await text.focus();
  await page.keyboard.press('Control+a');
  await page.keyboard.press('Delete');
  await page.keyboard.insertText(yaml);
}

await check('a new template begins with an example, each of them valid', async () => {
  await visit(browser, server, '#/templates/+/edit');
  await state.getByText('Valid. Applying it makes my-workflow, a new template.').waitFor();
  await page.locator('.g-task').waitFor();
  const choice = page.getByLabel('Begin with');
  for (const title of [
    'An order, from the kitchen to the door',
    'An approval by a person',
    'The same in JSON',
  ]) {
    await choice.selectOption({ label: title });
    await until(`${title} is valid`, async () => /^Valid\./.test(await state.textContent()));
  }
  await choice.selectOption({ label: 'An order, from the kitchen to the door' });
  await page.getByRole('button', { name: /^hand_over/ }).waitFor();
  await shot(browser, 'template-new');
});

await check('it is applied, after saying that it is new, with a note', async () => {
  await page.getByRole('button', { name: 'Apply…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('heading', { name: 'Apply my-order, a new template' }).waitFor();
  await dialog.getByLabel('Note').fill("it's new");
  await dialog.getByText("swm template apply my-order.yaml --note 'it'\\''s new'").waitFor();
  await dialog.getByRole('button', { name: 'Apply version 1' }).click();
  await until('the template is shown', () => hash() === '#/templates/my-order');
  const { note, applied_by } = await server.api('/v1/templates/my-order');
  must(note === "it's new" && applied_by, `note ${note}`);
  await visit(browser, server, '#/templates/+/edit');
  await state.getByText('my-workflow, a new template').waitFor();
});

await check(
  'an error is marked where the server says, and in a list that leads to it',
  async () => {
    await apply(server, ORDER);
    await visit(browser, server, '#/templates/order/edit');
    await state.getByText('Valid. It is version 1 of order as it stands.').waitFor();
    await write(
      ORDER.replace('queue: cook_queue', 'quue: cook_queue').replace(
        'needs: [cook]',
        'needs: [coock]',
      ),
    );
    await state.getByText(/^\d errors$/).waitFor();
    const problem = page.getByRole('button', {
      name: 'unknown key "quue" in a task; did you mean "queue"?',
    });
    await becomes(/^30:9/, () => problem.textContent());
    await until('it is underlined', async () =>
      (await page.locator('.cm-lintRange-error').allTextContents()).includes('quue'),
    );
    await page.locator('.cm-lint-marker-error').nth(1).waitFor(); // marks in the gutter
    await becomes(4, () => page.locator('.e-graph.is-old .g-task').count()); // it stays, as old
    await shot(browser, 'template-edit-errors');
    await mustBeAccessible(browser, 'errors');
    await mustFit(browser, 'errors');
    await problem.click();
    await until('the cursor is there', () =>
      text.evaluate((e) => {
        const line = e.querySelector('.cm-activeLine');
        return line?.textContent.includes('quue');
      }),
    );
  },
);

await check('what was meant is put in from the error itself', async () => {
  await page.locator('.cm-lintRange-error', { hasText: 'quue' }).hover();
  await page.getByRole('button', { name: 'Change to queue' }).click();
  await until('it is changed', async () => (await written()).includes('queue: cook_queue'));
  await forgive(/status of 400/);
});

await check('the graph follows what is written', async () => {
  await write(ORDER_2);
  await page.getByRole('button', { name: /^taste/ }).waitFor();
  await state.getByText('Valid. Applying it makes version 2 of order: 4 changes.').waitFor();
  await shot(browser, 'template-edit');
  await mustBeAccessible(browser, 'the editor');
  await mustFit(browser, 'the editor');
});

await check('keys and values are completed, names of tasks too', async () => {
  await write(
    'name: demo\nstages:\n  - name: s\n    tasks:\n      - name: one\n        queue: one_queue\n' +
      '      - name: two\n        queue: two_queue\n        ',
  );
  await page.keyboard.type('ret');
  const list = page.locator('.cm-tooltip-autocomplete');
  await list.getByText('retry').waitFor();
  await list
    .getByText('When a failed attempt is made again.')
    .waitFor()
    .catch(() => undefined);
  await page.waitForTimeout(120); // a completion is taken only once its list has stood a moment
  await page.keyboard.press('Enter');
  await list.getByText('max_attempts').waitFor();
  await shot(browser, 'template-edit-completion');
  await page.keyboard.press('Escape');
  await page.keyboard.type('jitter: fu');
  await list.getByText('full', { exact: true }).waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.type('ll\n');
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.type('needs: [');
  await page.keyboard.press('Control+Space');
  await list.getByText('one', { exact: true }).waitFor();
  await becomes(1, () => list.getByRole('option').count()); // not itself
  await page.keyboard.press('Escape');
});

await check('a key is explained where the pointer rests', async () => {
  await page.locator('.cm-line', { hasText: 'jitter' }).getByText('jitter').hover();
  await page
    .locator('.cm-tooltip-hover')
    .getByText('so that many tasks do not come back at once')
    .waitFor();
  await shot(browser, 'template-edit-help');
  await forgive(/status of 400/);
});

await check('Tab does not trap: Escape, then Tab leaves, as it says below', async () => {
  await page.getByText('Esc, then Tab leaves the editor').waitFor();
  await text.focus();
  await page.keyboard.press('Control+End');
  const before = await written();
  await page.keyboard.press('Tab');
  await until('Tab indents', async () => (await written()) !== before);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Tab');
  await becomes(false, () => text.evaluate((e) => e.getRootNode().activeElement === e));
});

await check('what is not applied is kept in the browser, and announced', async () => {
  await write(ORDER_2);
  await page.getByText('kept in this browser').waitFor();
  await page.reload();
  await page.getByText('Not applied').waitFor();
  await page.getByRole('button', { name: /^taste/ }).waitFor();
  await page.goto(`${server.base}/#/templates`);
  await visit(browser, server, '#/templates/order/edit');
  await page.getByRole('button', { name: /^taste/ }).waitFor();
});

await check('what somebody else applied meanwhile is said', async () => {
  await apply(server, ORDER.replace('delay: 2s', 'delay: 3s'));
  await page.getByText(/^Version 2 was applied meanwhile by/).waitFor();
  const link = page.getByRole('link', { name: 'See what it changed' });
  must(
    (await link.getAttribute('href')).endsWith('diff?from=1&to=2'),
    'the way to the difference',
  );
  await mustBeAccessible(browser, 'a newer version');
  await mustFit(browser, 'a newer version');
});

await check('Ctrl-S shows what changes before it is applied', async () => {
  await text.focus();
  await page.keyboard.press('Control+s');
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('heading', { name: 'Apply version 3 of order' }).waitFor();
  await dialog.getByText('prepare › taste').waitFor();
  await dialog.getByText('As text').click();
  await dialog.locator('.c-row-changed').first().waitFor();
  await shot(browser, 'template-apply');
  await mustBeAccessible(browser, 'the dialog of an apply');
  await mustFit(browser, 'the dialog of an apply');
  must((await server.api('/v1/templates/order')).version === 2, 'nothing is applied yet');
  await dialog.getByRole('button', { name: 'Apply version 3' }).click();
  await until('the template is shown', () => hash() === '#/templates/order');
  must((await server.api('/v1/templates/order')).version === 3, 'it is applied');
  await visit(browser, server, '#/templates/order/edit');
  await state.getByText('It is version 3 of order as it stands.').waitFor();
  await becomes(0, () => page.getByText('Not applied').count()); // nothing is kept any more
});

await check('nothing new is not applied, and errors are gone to', async () => {
  await page.getByRole('button', { name: 'Apply…' }).click();
  await page.getByText('Version 3 says this already.').waitFor();
  await write(`${ORDER}colour: red\n`);
  await page.keyboard.press('Control+s');
  await page.getByText('It cannot be applied yet').waitFor();
  must((await page.getByRole('dialog').count()) === 0, 'no dialog');
  await page.getByRole('button', { name: 'Discard' }).click();
  await state.getByText('It is version 3 of order as it stands.').waitFor();
  await forgive(/status of 400/);
});

await check('an older version can be begun from', async () => {
  await visit(browser, server, '#/templates/order/edit?version=1');
  await page.getByRole('button', { name: /^pack/ }).waitFor();
  await state.getByText(/Applying it makes version 4 of order/).waitFor();
});

await check('JSON is written and completed as well', async () => {
  await write('{"name": "j", "stages": [{"name": "s", "tasks": [{"name": "t", "queue": "q", ');
  await page.keyboard.press('Control+Space');
  await page.locator('.cm-tooltip-autocomplete').getByText('needs').waitFor();
  await page.keyboard.press('Escape');
  await write('{"name": "j", "stages": [{"name": "s", "tasks": [{"name": "t", "queue": "q"}]}]}');
  await state.getByText('Valid. Applying it makes j, a new template.').waitFor();
  await forgive(/status of 400/);
});

await check('a lost server is said, the text stays, and it heals', async () => {
  await restart(browser, server, async () => {
    await page.keyboard.type(' ');
    await state.getByText('The server cannot be reached.').waitFor();
  });
  await state.getByText('Valid. Applying it makes j, a new template.').waitFor();
});

await check('the page did nothing it should not', async () => {
  must(complaints.length === 0, complaints.join('; '));
});

await browser.close();
await server.stop();
finish();
