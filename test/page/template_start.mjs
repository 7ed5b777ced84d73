// Starting an instance from the page: a form made from the template's input, digits that stay as
// they are typed, the key before it is made, and the way to what has started.
import {
  apply,
  becomes,
  check,
  finish,
  HOSTILE,
  must,
  mustBeAccessible,
  mustFit,
  openBrowser,
  PHONE,
  shot,
  startServer,
  until,
  visit,
} from './_page.mjs';
import { ORDER } from './_templates.mjs';

const server = await startServer();
const browser = await openBrowser(server);
const { page, complaints, forgive } = browser;
const hash = () => decodeURIComponent(new URL(page.url()).hash);
const started = async () => {
  await until('the instance is shown', () => hash().startsWith('#/instances/'));
  return hash().replace(/^#\/instances\/([^?]*).*/, '$1');
};
/** The input as the server keeps it, letter for letter. */
const inputOf = async (instance) => {
  const text = await (await fetch(`${server.base}/v1/instances/${instance}`)).text();
  return /"input":(\{.*?\}),"(?:output|error|stages|message)"/.exec(text)?.[1] ?? text;
};

await apply(server, ORDER);

await check('the form asks for what the input needs, in the order it is written', async () => {
  await visit(browser, server, '#/templates');
  await page.getByRole('link', { name: 'Start order' }).click();
  await page.getByLabel('Order number').waitFor();
  await becomes('Order,dish,address,street,floor,price,extras,is_gift', async () => {
    const titles = await page.locator('.form-title').allTextContents();
    return titles.map((t) => t.split(' ')[0]).join();
  });
  await becomes('7.50', () => page.getByLabel('price').inputValue()); // as it is written
  await page.getByPlaceholder('4711').waitFor(); // an example
});

await check('what is missing is said at its field, and nothing is sent', async () => {
  await page.getByRole('button', { name: 'Start version 1' }).click();
  await becomes(3, () => page.locator('.field-fault').count()); // number, dish and street
  await until('the first has the focus', () =>
    page.getByLabel('Order number').evaluate((e) => e === document.activeElement),
  );
  await page.getByLabel('Order number').fill('0');
  await page.getByText('It must be at least 1.').waitFor();
  await page.getByLabel('Order number').fill('1.5');
  await page.getByText('It must be a whole number.').waitFor();
  await page.getByLabel('street').fill('x');
  await page.getByText('It must have at least 2 characters.').waitFor();
  await shot(browser, 'template-start-faults');
  await mustBeAccessible(browser, 'a form with faults');
  await mustFit(browser, 'a form with faults');
  must((await server.api('/v1/instances')).instances.length === 0, 'nothing has started');
});

await check(
  'key and command line are shown before, then it starts, with every digit',
  async () => {
    await page.getByLabel('Order number').fill('12345678901234567890');
    await page.getByLabel('Margherita').check();
    await page.getByLabel('street').fill('Via 1');
    await page.getByLabel('price').fill('9.90');
    await page.getByRole('button', { name: 'Add' }).click();
    await page.getByRole('textbox', { name: 'extras 1' }).fill(HOSTILE);
    await page.getByText('ORDER-12345678901234567890', { exact: true }).waitFor();
    await becomes(
      /^swm start order --input '{"number":12345678901234567890,.*"price":9\.90/,
      () => page.locator('.cli code').textContent(),
    );
    await shot(browser, 'template-start');
    await mustBeAccessible(browser, 'a form');
    await mustFit(browser, 'a form');
    await page.getByRole('button', { name: 'Start version 1' }).click();
    const instance = await started();
    const input = await inputOf(instance);
    must(
      input.includes('"number":12345678901234567890') && input.includes('"price":9.90'),
      input,
    );
    must(!input.includes('is_gift') && !input.includes('floor'), `what is left out: ${input}`);
    must(
      (await server.api(`/v1/instances/${instance}`)).key === 'ORDER-12345678901234567890',
      'its key',
    );
  },
);

await check('the same again is filled in, and finds the open one', async () => {
  const [{ instance }] = (await server.api('/v1/instances')).instances;
  await visit(browser, server, `#/instances/${instance}`);
  await page.getByRole('link', { name: 'Start again…' }).click();
  await becomes('12345678901234567890', () => page.getByLabel('Order number').inputValue());
  await becomes('9.90', () => page.getByLabel('price').inputValue());
  await becomes(HOSTILE, () => page.getByRole('textbox', { name: 'extras 1' }).inputValue());
  await page.getByText('Filled in with the input of').waitFor();
  await page.getByRole('button', { name: 'Start version 1' }).click();
  must((await started()) === instance, 'it leads to the open one');
  await page.getByText('An open instance has this key').waitFor();
});

await check('fields and JSON are two ways to the same', async () => {
  await visit(browser, server, '#/templates/order/start');
  await page.getByLabel('Order number').fill('7');
  await page.getByLabel('Marinara').check();
  await page.getByLabel('street').fill('Via 2');
  await page.getByLabel('floor is null').check();
  await page.getByRole('button', { name: 'Write it as JSON' }).click();
  const json = page.getByLabel('As JSON');
  const text = await json.inputValue();
  must(
    text.includes('"number": 7,') &&
      text.includes('"price": 7.50') &&
      text.includes('"floor": null'),
    text,
  );
  await json.fill(text.replace('7.50', '0.10').replace('}', '},,'));
  await page.getByRole('button', { name: 'Fill in the fields' }).click();
  await page.getByText(/at line \d+, column \d+/).waitFor();
  await json.fill(text.replace('7.50', '0.10').replace('{', '{"more": [1.0],'));
  await page.getByRole('button', { name: 'Fill in the fields' }).click();
  await becomes('0.10', () => page.getByLabel('price').inputValue());
  await page.getByText('It also has: more').waitFor();
  await page.getByRole('button', { name: 'Start version 1' }).click();
  const input = await inputOf(await started());
  must(
    input.includes('"more":[1.0]') &&
      input.includes('"price":0.10') &&
      input.includes('"floor":null'),
    input,
  );
});

await check('what only the server can tell is shown as it tells it', async () => {
  await apply(
    server,
    ORDER.replaceAll('order', 'strict').replace(
      'key: ORDER-',
      'on_duplicate: reject\nkey: ORDER-',
    ),
  );
  for (const again of [false, true]) {
    await visit(browser, server, '#/templates/strict/start');
    await page.getByLabel('Order number').fill('1');
    await page.getByLabel('Margherita').check();
    await page.getByLabel('street').fill('Via 1');
    await page.getByRole('button', { name: 'Start version 1' }).click();
    if (again) await page.getByRole('alert').filter({ hasText: 'key' }).waitFor();
    else await started();
  }
  await forgive(/status of 409/);
});

await check('a template that takes anything asks for JSON and a key', async () => {
  await apply(server, 'name: anything\nstages: [{name: s, tasks: [{name: t, queue: q}]}]\n');
  await visit(browser, server, '#/templates/anything/start');
  await page.getByLabel('Value').fill('[1.50]');
  await page.locator('#main').getByLabel('Key').fill('K 1');
  await page.getByText("swm start anything --key 'K 1' --input '[1.50]'").waitFor();
  await shot(browser, 'template-start-json');
  await mustBeAccessible(browser, 'a form of JSON');
  await mustFit(browser, 'a form of JSON');
  await page.getByRole('button', { name: 'Start version 1' }).click();
  const instance = await started();
  must((await server.api(`/v1/instances/${instance}`)).key === 'K 1', 'the key');
});

await check('it works on a phone, without a pointer', async () => {
  await page.setViewportSize(PHONE);
  await visit(browser, server, '#/templates/order/start');
  await page.getByLabel('Order number').focus();
  await page.keyboard.type('99');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Space');
  await page.keyboard.press('Tab');
  await page.keyboard.type('Via 9');
  await page.keyboard.press('Enter');
  const instance = await started();
  must((await server.api(`/v1/instances/${instance}`)).key === 'ORDER-99', 'it has started');
});

await check('the page did nothing it should not', async () => {
  must(complaints.length === 0, complaints.join('; '));
});

await browser.close();
await server.stop();
finish();
