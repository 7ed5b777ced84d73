// What the tests of the page share: a server of their own, its API, workers, a browser that notices
// whatever a page should never do, and the accessibility checker.
//
//   SWM_PROGRAM      the program (build/swm)
//   SWM_PAGE_STORE   --store of the server, DATABASE standing for a name of its own; absent: SQLite
//   CHROMIUM         the browser; absent: what is on PATH
//   SWM_SHOTS        a folder: `shot` leaves pictures there
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AxeBuilder } from '@axe-core/playwright';
import { chromium } from 'playwright-core';

export const WAIT_MS = 30000;
/** Text that must stay text wherever it is shown. */
export const HOSTILE = '"><img src=x onerror=alert(1)><script>alert(2)</script>';
export const DESKTOP = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };

let failures = 0;

function report(name, error) {
  failures += error ? 1 : 0;
  const why = error && String(error.message ?? error).replace(/\s*\n\s*/g, ' ').slice(0, 600);
  console.log(error ? `not ok ${name}: ${why}` : `ok ${name}`);
}

export async function check(name, work) {
  try {
    await work();
    report(name);
  } catch (error) {
    report(name, error);
  }
}

export function must(is, what) {
  if (!is) throw new Error(what);
}

/** Waits until `probe` gives something, and returns it. `what` is told if it does not, or asked. */
export async function until(what, probe) {
  const end = Date.now() + WAIT_MS;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > end)
      throw new Error(`not within ${WAIT_MS} ms: ${typeof what === 'function' ? what() : what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/**
 * Waits until what `read` gives is `wanted`, or has it where that is a pattern: what a page shows
 * follows what was done to it, at once or later.
 */
export function becomes(wanted, read) {
  let last;
  return until(() => `${wanted}; it is ${last}`, async () => {
    last = await read();
    return wanted instanceof RegExp ? wanted.test(last) : last === wanted;
  });
}

/* The server */

const PORTS_FROM = 20000;
const claims = []; // held as long as this process lives

/** A server that listens there, or null where somebody else does. */
const listen = (...where) => new Promise((resolve) => {
  const server = createServer();
  server.once('error', () => resolve(null));
  server.listen(...where, () => resolve(server));
});

/** A port that nobody else is given, as test/servers/ports.py says: it is listened on again after
 * a restart, so it is none of those that the kernel gives to whoever names none. */
export async function freePort() {
  const range = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8');
  const count = Number.parseInt(range, 10) - PORTS_FROM;
  must(count > 0, `the kernel gives all ports from ${PORTS_FROM} on`);
  for (;;) {
    const port = PORTS_FROM + Math.floor(Math.random() * count);
    const claim = await listen(`\0swm-test-port-${port}`);
    const server = claim && await listen(port, '127.0.0.1');
    if (server) {
      await new Promise((resolve) => server.close(resolve));
      claims.push(claim.unref());
      return port;
    }
    claim?.close();
  }
}

const at = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** A running server: {base, api, stop, crash}. `environment` is added to this process's own. */
export async function startServer({ environment = {}, options = [] } = {}) {
  const data = await mkdtemp(join(tmpdir(), 'swm-page-'));
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  const store = process.env.SWM_PAGE_STORE
    ? ['--store', process.env.SWM_PAGE_STORE.replace('DATABASE', `page_${port}`)] : [];
  const args = ['serve', '--data', data, '--listen', `127.0.0.1:${port}`, ...store, ...options];
  let child;
  const start = async () => {
    child = spawn(process.env.SWM_PROGRAM ?? at('build/swm'), args, {
      stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...environment } });
    child.once('error', (error) => report('server starts', error));
    await until('the server is ready',
      () => fetch(`${base}/readyz`).then((r) => r.ok, () => false));
  };
  const end = async (signal) => {
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await exited;
  };
  await start();
  return {
    base, start, api: apiOf(base, environment.SWM_ADMIN_KEY),
    crash: () => end('SIGKILL'),
    stop: async () => {
      await end('SIGTERM');
      await rm(data, { recursive: true, force: true });
    },
  };
}

/** api(path) reads, api(path, body) posts JSON; api.text(path, type, text) posts a text. */
function apiOf(base, key) {
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  const ask = async (path, init) => {
    const all = { ...headers, ...init.headers };
    const response = await fetch(base + path, { ...init, headers: all });
    const text = await response.text();
    must(response.ok, `${path} answered ${response.status}: ${text.slice(0, 300)}`);
    return JSON.parse(text);
  };
  const post = (path, type, text) =>
    ask(path, { method: 'POST', body: text, headers: { 'Content-Type': type } });
  const api = (path, body) => (body === undefined ? ask(path, {})
    : post(path, 'application/json', JSON.stringify(body)));
  api.text = post;
  return api;
}

/** Applies a template given as YAML. */
export const apply = (server, yaml) =>
  server.api.text('/v1/templates', 'application/yaml', yaml);

/** Takes messages of `queue` until one is as `wanted` says, and returns it. */
export function take(server, queue, wanted = () => true) {
  return until(`a message in ${queue}`, async () => {
    const reply = await server.api(`/v1/queues/${queue}/receive`, { max: 10, wait_seconds: 1 });
    return reply.messages.find(wanted);
  });
}

export const complete = (server, message, output = {}) =>
  server.api('/v1/tasks/complete', { token: message.token, output });
export const fail = (server, message, error, text = '') =>
  server.api('/v1/tasks/fail', { token: message.token, error, message: text });

/* The browser */

// By any of the names that tools/deps.sh is content with.
function findChromium() {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const files = ['chromium', 'chromium-browser', 'google-chrome']
    .flatMap((name) => folders.map((folder) => join(folder, name)));
  return process.env.CHROMIUM ?? files.find((file) => existsSync(file));
}

/** {page, context, complaints, forgive, close}: a browser with an empty profile at `server`. */
export async function openBrowser(server, options = {}) {
  const profile = await mkdtemp(join(tmpdir(), 'swm-page-browser-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: findChromium(), headless: true,
    viewport: DESKTOP, reducedMotion: 'reduce',
    permissions: ['clipboard-read', 'clipboard-write'], ...options,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
      ...(options.args ?? [])],
  });
  const page = context.pages()[0] ?? await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  const complaints = watch(page, new URL(server.base).origin);
  const answered = answersOf(page);
  /** Takes back what a case has provoked, of all complaints but the first `kept`. */
  const forgive = async (pattern, kept = 0) => {
    await answered();
    complaints.push(...complaints.splice(kept).filter((c) => !pattern.test(c)));
  };
  const close = async () => {
    await context.close();
    await rm(profile, { recursive: true, force: true });
  };
  return { page, context, complaints, forgive, close };
}

/** What a page should never do: errors in the console, scripts that ran, requests to elsewhere. */
function watch(page, origin) {
  const complaints = [];
  page.on('console', (m) => m.type() === 'error' && complaints.push(m.text()));
  page.on('pageerror', (e) => complaints.push(e.message));
  page.on('dialog', (d) => {
    complaints.push(`a script ran: ${d.message()}`);
    d.dismiss();
  });
  page.on('request', (r) => {
    const url = new URL(r.url());
    if (url.protocol !== 'data:' && url.protocol !== 'blob:' && url.origin !== origin)
      complaints.push(`left the origin: ${r.url()}`);
  });
  return complaints;
}

/**
 * What waits until all is answered that the page has asked, and the browser has said what it has
 * to say of it: of two requests that are refused, the second may be so after the page has shown it.
 */
function answersOf(page) {
  const open = new Set();
  const isStream = (r) => r.headers().accept === 'text/event-stream';
  page.on('request', (r) => isStream(r) || open.add(r));
  page.on('response', (r) => open.delete(r.request()));
  page.on('requestfailed', (r) => open.delete(r));
  return async () => {
    await until('all is answered', () => open.size === 0);
    await page.evaluate(() => undefined); // the browser's words come before
  };
}

/** Goes to an address of the page, `#/instances?status=FAILED`, and waits until it is live. */
export async function visit({ page }, server, hash) {
  await page.goto(`${server.base}/${hash}`);
  await page.locator('.link-live').waitFor({ state: 'attached' });
}

/** Goes to a view by its letter, which must come soon after the g: where it did not, once more. */
export const goByLetter = ({ page }, letter, hash) => becomes(hash, async () => {
  await page.keyboard.press('g');
  await page.keyboard.press(letter);
  return new URL(page.url()).hash;
});

const WHILE_AWAY = new RegExp('^Failed to load resource: (net::ERR_(CONNECTION|INCOMPLETE|EMPTY)'
  + '|the server responded with a status of 503)');

/**
 * Crashes the server and starts it again; `meanwhile` runs while it is away. What Chromium itself
 * says of requests is no complaint from the crash until the page is live again: no connection, or
 * 503, which a server answers while it begins.
 */
export async function restart({ page, complaints, forgive }, server,
  meanwhile = async () => undefined) {
  const before = complaints.length;
  await server.crash();
  await page.locator('.link-lost').waitFor({ state: 'attached' });
  await meanwhile();
  await server.start();
  await page.locator('.link-live').waitFor({ state: 'attached' });
  await forgive(WHILE_AWAY, before);
}

/** Nothing that the accessibility checker finds, in light and dark. */
export async function mustBeAccessible({ page }, where) {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    const { violations } = await new AxeBuilder({ page }).analyze();
    const told = violations.map((v) => `${v.id} at ${v.nodes[0].target} (${v.nodes.length})`);
    must(told.length === 0, `${where}, ${colorScheme}: ${told.join('; ')}`);
  }
  await page.emulateMedia({ colorScheme: 'light' });
}

// These move sideways, or show an end of their own.
const SIDEWAYS = 'pre, code, .tabs, .statuses, .cm-scroller, .graph-box, .hidden, textarea, input';

/** Each box of the page that has something wider than itself: it is cut off or must be moved. */
function findWide(sideways) {
  return [document.documentElement, ...document.querySelectorAll('body *')].flatMap((e) => {
    const { overflowX, textOverflow, display } = getComputedStyle(e);
    const over = e.scrollWidth - e.clientWidth;
    const isFree = e !== document.documentElement
      && (overflowX === 'visible' || textOverflow === 'ellipsis' || display === 'inline');
    if (isFree || over <= 0 || e.clientWidth <= 1 || e.closest(sideways)) return [];
    const name = [e.localName, ...e.classList].join('.');
    return [`${name} by ${over} px`];
  });
}

/** In a narrow window nothing is wider than its place, in the page, its main part or a dialog. */
export async function mustFit({ page }, where) {
  const before = page.viewportSize();
  await page.setViewportSize({ width: 360, height: 740 });
  await page.evaluate(() => new Promise(requestAnimationFrame));
  let wide;
  await until(() => `${where} fits into 360 px, too wide: ${wide.join(', ')}`, async () => {
    wide = await page.evaluate(findWide, SIDEWAYS); // what measures itself is drawn once more
    return wide.length === 0;
  });
  await page.setViewportSize(before);
}

/** Leaves pictures of what is shown, wide and narrow, where SWM_SHOTS says. */
export async function shot({ page }, name) {
  const folder = process.env.SWM_SHOTS;
  if (!folder) return;
  await mkdir(folder, { recursive: true });
  for (const [suffix, size] of [['', DESKTOP], ['-phone', PHONE]]) {
    await page.setViewportSize(size);
    await page.screenshot({ path: join(folder, `${name}${suffix}.png`) });
  }
  await page.setViewportSize(DESKTOP);
}

/** Ends the test program: its exit status tells whether all went well. */
export function finish() {
  process.exit(failures > 0 ? 1 : 0);
}
