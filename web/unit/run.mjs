// Runs the tests of the page's own modules: each web/unit/*.test.ts is bundled and loaded; it names
// its cases with `test`, and each is told as `ok NAME` or `not ok NAME: why`.
import { readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import esbuild from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, '../../build/web-unit');
const files = (await readdir(here)).filter((name) => name.endsWith('.test.ts'));

await rm(out, { recursive: true, force: true });
await esbuild.build({
  entryPoints: files.map((name) => join(here, name)), outdir: out, outExtension: { '.js': '.mjs' },
  bundle: true, format: 'esm', platform: 'node', target: 'node18', jsx: 'automatic',
  jsxImportSource: 'preact', logLevel: 'warning',
});

const cases = [];
globalThis.swmTest = (name, work) => cases.push({ name, work });
const built = files.map((name) => join(out, name.replace(/\.ts$/, '.mjs')));
for (const file of built) await import(pathToFileURL(file).href);
let failures = 0;
for (const { name, work } of cases) {
  try {
    await work();
    console.log(`ok ${name}`);
  } catch (e) {
    failures += 1;
    console.log(`not ok ${name}: ${String(e.message).split('\n')[0]}`);
  }
}
process.exit(failures > 0 ? 1 : 0);
