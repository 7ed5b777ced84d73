// Bundles the page into the folder named on the command line, which the program embeds: index.html
// by its name, all else by name and content, so that a browser may keep it for ever. Beside each
// file that shrinks lies its .gz. `--sizes` prints what is loaded when.
import { gzipSync } from 'node:zlib';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import esbuild from 'esbuild';

const web = dirname(fileURLToPath(import.meta.url));
const [target] = process.argv.slice(2).filter((arg) => !arg.startsWith('-'));
if (!target) {
  console.error('usage: node web/build.mjs FOLDER [--sizes]');
  process.exit(2);
}

const PAGES = { 'index.html': 'src/main.tsx', 'embed.html': 'src/embed.tsx' };

const result = await esbuild.build({
  absWorkingDir: web,
  entryPoints: Object.values(PAGES),
  outdir: '/assets',
  entryNames: '[name]-[hash]',
  chunkNames: '[name]-[hash]',
  assetNames: '[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  minify: true,
  legalComments: 'none',
  metafile: true,
  write: false,
  logLevel: 'warning',
});

const outputs = Object.fromEntries(Object.entries(result.metafile.outputs)
  .map(([path, output]) => [basename(path), output]));

async function put(name, bytes) {
  await writeFile(join(target, name), bytes);
  const small = gzipSync(bytes, { level: 9 });
  if (small.length < bytes.length) await writeFile(join(target, `${name}.gz`), small);
  return small.length;
}

// What a page loads before anything else: its script, what that imports at once, and its styles.
function firstOf(entry) {
  const [name, output] = Object.entries(outputs).find(([, o]) => o.entryPoint === entry
    && o.imports !== undefined);
  const scripts = new Set([name]);
  const add = (o) => o.imports.filter((i) => i.kind === 'import-statement').forEach((i) => {
    const file = basename(i.path);
    if (!scripts.has(file)) {
      scripts.add(file);
      add(outputs[file]);
    }
  });
  add(output);
  const styles = output.cssBundle ? [basename(output.cssBundle)] : [];
  return { scripts: [...scripts], styles };
}

async function page(name, entry) {
  const { scripts, styles } = firstOf(entry);
  const [main, ...others] = scripts;
  const links = [
    ...styles.map((file) => `<link rel="stylesheet" href="assets/${file}">`),
    ...others.map((file) => `<link rel="modulepreload" href="assets/${file}">`),
    `<script type="module" src="assets/${main}"></script>`,
  ];
  const text = await readFile(join(web, name), 'utf8');
  const place = '  <!-- scripts and styles -->';
  return { text: text.replace(place, links.map((l) => `  ${l}`).join('\n')),
    files: [...scripts, ...styles] };
}

await rm(target, { recursive: true, force: true });
await mkdir(join(target, 'assets'), { recursive: true });
const sizes = {};
for (const file of result.outputFiles) {
  const name = basename(file.path);
  const gzip = await put(join('assets', name), file.contents);
  sizes[name] = { bytes: file.contents.length, gzip };
}
await put('favicon.svg', await readFile(join(web, 'favicon.svg')));
const report = [];
for (const [name, entry] of Object.entries(PAGES)) {
  const { text, files } = await page(name, entry);
  const html = await put(name, text);
  const first = files.reduce((sum, file) => sum + sizes[file].gzip, html);
  report.push({ page: name, first, files });
}
if (process.argv.includes('--sizes')) {
  const first = new Set(report.flatMap((r) => r.files));
  const lazy = Object.fromEntries(Object.entries(sizes).filter(([name]) => !first.has(name))
    .map(([name, s]) => [name, s.gzip]));
  const pages = report.map((r) => ({ page: r.page, first_view_gzip: r.first }));
  console.log(JSON.stringify({ pages, lazy }));
}
