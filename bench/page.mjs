// What the page costs a reader: bytes until its first view, and the time from asking for it until it
// shows the server's state and follows it live. One JSON object on standard output.
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openBrowser, startServer } from '../test/page/_page.mjs';

const LOADS = 7;

async function readSizes() {
  const folder = await mkdtemp(join(tmpdir(), 'swm-bench-page-'));
  const build = fileURLToPath(new URL('../web/build.mjs', import.meta.url));
  const told = JSON.parse(execFileSync(process.execPath, [build, folder, '--sizes'], {
    encoding: 'utf8' }));
  await rm(folder, { recursive: true });
  return told;
}

/** Each load by a browser that has nothing of it yet. */
async function measureLoad(server) {
  const browser = await openBrowser(server);
  const { page } = browser;
  const client = await page.context().newCDPSession(page);
  await client.send('Network.enable');
  let bytes = 0;
  client.on('Network.loadingFinished', (e) => { bytes += e.encodedDataLength; });
  await page.addInitScript(() => {
    const look = () => (document.querySelector('.link-live') && document.querySelector('h1')
      ? (window.swmLiveMs = performance.now()) : requestAnimationFrame(look));
    look();
  });
  await page.goto(server.base);
  await page.waitForFunction(() => window.swmLiveMs !== undefined);
  const ms = await page.evaluate(() => window.swmLiveMs);
  await browser.close();
  return { ms, bytes };
}

const middle = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

const sizes = await readSizes();
const server = await startServer();
const loads = [];
for (let k = 0; k < LOADS; k++) loads.push(await measureLoad(server));
await server.stop();
const lazy = Object.values(sizes.lazy);
console.log(JSON.stringify({
  first_view_gzip: sizes.pages.find((p) => p.page === 'index.html').first_view_gzip,
  loaded_bytes: middle(loads.map((l) => l.bytes)),
  largest_lazy_gzip: Math.max(...lazy),
  all_gzip: sizes.pages[0].first_view_gzip + lazy.reduce((a, b) => a + b, 0),
  live_ms: middle(loads.map((l) => l.ms)),
  live_ms_most: Math.max(...loads.map((l) => l.ms)),
}));
process.exit(0);
