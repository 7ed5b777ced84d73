// Access keys and who the reader is: the first key, logging in, what a role may not do, a name.
import { apply, becomes, check, finish, HOSTILE, must, mustBeAccessible, mustFit, openBrowser,
  shot, startServer, until, visit } from './_page.mjs';

const ORDERS = `
name: orders
stages: [{name: kitchen, tasks: [{name: cook, queue: cook_queue}]}]
`;

const server = await startServer();
const browser = await openBrowser(server);
const { page, context, complaints, forgive } = browser;
const dialog = page.getByRole('dialog');
const secret = () => page.locator('.secret-text code').first().textContent();
const row = (name) => page.locator('.keys tbody tr', { hasText: name });
const asked = async (key, method, path, body) => (await fetch(server.base + path, { method, body,
  headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' } })).json();
const logIn = async (key) => {
  await page.getByLabel('Access key').fill(key);
  await dialog.getByRole('button', { name: 'Log in' }).click();
};
let admin;

await apply(server, ORDERS);

await check('a server without keys says what the first one does', async () => {
  await visit(browser, server, '#/keys');
  await page.getByText('This server asks for no keys').waitFor();
  await page.locator('.who', { hasText: 'no keys needed' }).waitFor();
  await shot(browser, 'keys-none');
  await mustBeAccessible(browser, 'no keys');
  await mustFit(browser, 'no keys');
  await page.getByRole('button', { name: 'Make the first key…' }).click();
  await dialog.getByRole('radio').first().waitFor();
  must(await dialog.getByRole('radio').count() === 1, 'it is an administrator\'s');
  await page.getByLabel('Name').fill('ada');
  await dialog.getByText('swm key create --role admin --name ada').waitFor();
  await dialog.getByRole('button', { name: 'Make it' }).click();
});

await check('its text is shown once, and the page goes on with it', async () => {
  admin = await until('the text', secret);
  must(/^swm_[a-z0-9]{20,}_[a-z2-7]{52}$/.test(admin), admin);
  await page.getByRole('button', { name: 'Copy SWM_TOKEN' }).click();
  await becomes(admin, () => page.evaluate(() => navigator.clipboard.readText()));
  await row('ada').getByText('yours').waitFor();
  await shot(browser, 'keys-made');
  await mustBeAccessible(browser, 'a key that was made');
  await mustFit(browser, 'a key that was made');
  must((await fetch(`${server.base}/v1/stats`)).status === 401, 'from now on a key is needed');
  must((await asked(admin, 'GET', '/v1')).role === 'admin', 'it opens everything');
  await page.getByRole('button', { name: 'I have kept it' }).click();
  await page.locator('.secret').waitFor({ state: 'detached' }); // it is not shown again
  await page.locator('.who', { hasText: 'ada' }).waitFor();
});

await check('what the reader does goes by the name that he gives', async () => {
  await page.locator('.who').click();
  await dialog.getByText('with the role').waitFor();
  await shot(browser, 'you');
  await mustBeAccessible(browser, 'you');
  await mustFit(browser, 'you');
  await page.getByLabel('Your name').fill('Zoë');
  await dialog.getByRole('button', { name: 'Keep the name' }).click();
  await dialog.getByRole('alert').waitFor();
  must(await page.getByLabel('Your name').inputValue() === 'Zoë', 'what was typed is lost');
  await page.getByLabel('Your name').fill('Ada L.');
  await dialog.getByRole('button', { name: 'Keep the name' }).click();
  await page.locator('.who', { hasText: 'Ada L.' }).waitFor();
});

async function make(role, name, until_) {
  await page.getByRole('button', { name: 'New key…' }).click();
  await dialog.getByRole('radio', { name: role }).check();
  await page.getByLabel('Name').fill(name);
  if (until_) await page.getByLabel('It expires').selectOption({ label: until_ });
}

await check('a key is made for a role and a time, and listed with who made it', async () => {
  await make('worker', 'kitchen', 'in 30 days');
  await dialog.getByText('swm key create --role worker --name kitchen --expires 30d').waitFor();
  await shot(browser, 'keys-new');
  await mustBeAccessible(browser, 'a new key');
  await mustFit(browser, 'a new key');
  await dialog.getByRole('button', { name: 'Make it' }).click();
  const key = await until('the text', secret);
  must((await asked(key, 'GET', '/v1')).role === 'worker', 'it has the role');
  await becomes(/by ada\/Ada L\./, () => row('kitchen').textContent());
  await becomes(/in \d+ d/, () => row('kitchen').textContent());
  await page.getByRole('button', { name: 'I have kept it' }).click();
});

await check('what the server refuses is told in the dialog', async () => {
  await make('operator', 'kitchen');
  await dialog.getByRole('button', { name: 'Make it' }).click();
  await dialog.getByRole('alert').waitFor();
  await page.getByLabel('Name').fill(HOSTILE.replaceAll('/', '-').slice(0, 80));
  await page.getByLabel('It expires').selectOption({ label: 'at another time…' });
  await page.getByLabel('After, or at').fill('soon');
  await dialog.getByRole('button', { name: 'Make it' }).click();
  await dialog.getByRole('alert').getByText('expires must be').waitFor();
  await page.getByLabel('After, or at').fill('12h');
  await dialog.getByRole('button', { name: 'Make it' }).click();
  await page.getByRole('button', { name: 'I have kept it' }).click();
  await row('<img').waitFor();
  must(await page.locator('#main img').count() === 0, 'its name stays text');
  await forgive(/status of 4(00|09)/);
});

await check('a key is revoked when that is confirmed, and stays in the list of all', async () => {
  await row('kitchen').getByRole('button', { name: 'Revoke kitchen' }).click();
  await dialog.getByText('opens nothing any more').waitFor();
  await dialog.getByText('swm key revoke').waitFor();
  await dialog.getByRole('button', { name: 'Leave it' }).click();
  must((await asked(admin, 'GET', '/v1/keys')).keys.every((k) => k.status === 'valid'), 'left');
  await row('kitchen').getByRole('button', { name: 'Revoke kitchen' }).click();
  await dialog.getByRole('button', { name: 'Revoke it' }).click();
  await becomes(0, () => row('kitchen').count());
  await page.getByRole('button', { name: 'And 1 revoked or expired' }).click();
  await row('kitchen').getByText('revoked').first().waitFor();
  await page.reload();
  await row('kitchen').waitFor();
});

await check('keys that others make and revoke come by the feed', async () => {
  const made = await asked(admin, 'POST', '/v1/keys', '{"role":"operator","name":"night shift"}');
  await row('night shift').waitFor();
  await asked(admin, 'DELETE', `/v1/keys/${made.id}`);
  await row('night shift').getByText('revoked').first().waitFor();
  await shot(browser, 'keys');
  await mustBeAccessible(browser, 'keys');
  await mustFit(browser, 'keys');
});

await check('a viewer is not offered what he may not do, and is told why', async () => {
  const viewer = (await asked(admin, 'POST', '/v1/keys', '{"role":"viewer","name":"lobby"}')).key;
  await page.locator('.who').click();
  await dialog.getByRole('button', { name: 'Log out' }).click();
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  await shot(browser, 'login');
  await mustBeAccessible(browser, 'login');
  await mustFit(browser, 'login');
  await page.keyboard.press('Escape');
  must(await dialog.isVisible(), 'it cannot be closed');
  await logIn('swm_wrong');
  await dialog.getByRole('alert').getByText('not one of this server').waitFor();
  await shot(browser, 'login-wrong');
  await logIn(` ${viewer} `);
  await page.getByText('Keys are for administrators').waitFor();
  await page.getByText('This needs the role admin; your key has viewer.').waitFor();
  must(await page.locator('.side .nav-link', { hasText: 'Keys' }).count() === 0,
    'nor is it offered');
  await visit(browser, server, '#/queues/cook_queue');
  await page.getByText('Not with your key').waitFor();
  await becomes(true, () => page.getByRole('button', { name: 'Purge…' }).isDisabled());
  await mustBeAccessible(browser, 'a viewer\'s queue');
  await mustFit(browser, 'a viewer\'s queue');
  await forgive(/status of 40[13]/); // what a refused key makes the browser say
});

await check('a tab of its own asks again, unless the reader wants to stay logged in', async () => {
  const other = await context.newPage();
  await other.goto(`${server.base}/#/about`);
  await other.getByLabel('Access key').fill(admin);
  await other.getByLabel('Stay logged in').check();
  await other.getByRole('button', { name: 'Log in' }).click();
  await other.getByText('This server', { exact: true }).waitFor();
  const third = await context.newPage();
  await third.goto(`${server.base}/#/keys`);
  await third.locator('.keys').waitFor();
  await third.locator('.who').click();
  await third.getByRole('button', { name: 'Log out' }).click();
  await third.getByRole('heading', { name: 'Log in' }).waitFor();
  await other.close();
  await third.close();
});

await check('a key that is revoked meanwhile asks for another, in the same view', async () => {
  const keys = (await asked(admin, 'GET', '/v1/keys')).keys;
  const lobby = keys.find((k) => k.name === 'lobby');
  await asked(admin, 'DELETE', `/v1/keys/${lobby.id}`);
  await page.getByRole('button', { name: 'Refresh' }).click();
  await dialog.getByText('takes the key no longer').waitFor();
  await logIn(admin);
  await becomes(true, () => page.getByRole('button', { name: 'Purge…' }).isEnabled());
  must(new URL(page.url()).hash === '#/queues/cook_queue', page.url());
  await forgive(/status of 40[13]/); // what a refused key makes the browser say
});

await check('the page did nothing it should not', async () => {
  must(complaints.length === 0, complaints.join('; '));
});

await browser.close();
await server.stop();
finish();
