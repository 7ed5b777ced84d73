// The frame of the page: navigation, addresses, a lost connection, colours, what it asks for.
import { becomes, check, finish, must, mustBeAccessible, mustFit, openBrowser, restart, shot,
  startServer, until, visit } from './_page.mjs';

const server = await startServer();
const browser = await openBrowser(server);
const { page, complaints } = browser;

await check('the page comes to life', async () => {
  await visit(browser, server, '');
  await page.getByRole('heading', { level: 1 }).waitFor();
  await shot(browser, 'shell');
});

await check('each view has an address that a reload keeps, and back goes back', async () => {
  const names = await page.locator('.side .nav-link span').allTextContents();
  must(names.length >= 8, `views: ${names}`);
  for (const name of names) {
    await page.locator('.side .nav-link', { hasText: name }).click();
    const chosen = page.locator('.side .nav-link[aria-current=page]', { hasText: name });
    await chosen.waitFor();
    const hash = new URL(await chosen.evaluate((e) => e.href)).hash;
    await becomes(hash, () => new URL(page.url()).hash);
    await page.reload();
    await chosen.waitFor();
    must(new URL(page.url()).hash === hash, `${name} lost its address`);
    await mustFit(browser, name);
  }
  const before = page.url();
  await page.goBack();
  await until('back left the view', () => page.url() !== before);
});

await check('an address that is none says so', async () => {
  await visit(browser, server, '#/no/such/view');
  await page.getByText('There is no such page').waitFor();
});

await check('a lost connection is said, and heals', async () => {
  await visit(browser, server, '');
  await restart(browser, server, () =>
    page.getByRole('alert').filter({ hasText: 'connection' }).waitFor());
});

await check('colours follow the reader', async () => {
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.locator('.side [aria-label^="Colours"]').click();
  await page.locator('.side [aria-label^="Colours"]').click();
  await until('dark is dark', async () => await ground() !== light);
  await page.reload();
  await until('dark stays', async () => await ground() !== light);
  await page.locator('.side [aria-label^="Colours"]').click();
});

await check('it has no fault of accessibility and fits a narrow window', async () => {
  await mustBeAccessible(browser, 'shell');
  await mustFit(browser, 'shell');
});

await check('files named by their content are kept by the browser, and come small', async () => {
  const html = await (await fetch(`${server.base}/`)).text();
  const [file] = html.match(/assets\/main-[A-Z0-9]+\.js/);
  const headers = { 'Accept-Encoding': 'gzip' };
  const response = await fetch(`${server.base}/${file}`, { headers });
  must(/immutable/.test(response.headers.get('cache-control')), 'it may be kept');
  must(response.headers.get('content-encoding') === 'gzip', 'it comes small');
  const policy = (await fetch(`${server.base}/`)).headers.get('content-security-policy');
  must(!/unsafe/.test(policy) && /frame-ancestors 'none'/.test(policy), policy);
});

await check('the page did nothing it should not', async () => {
  must(complaints.length === 0, complaints.join('; '));
});

await browser.close();
await server.stop();
finish();
