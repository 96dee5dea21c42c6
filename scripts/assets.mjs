// Builds internal/web/assets/dist/ from Bootstrap Italia, htmx and our own
// sources: style sheets without the rules that no page uses, bundled scripts, the
// fonts' Latin subset and a sprite of the icons in use. Every file gets a hash in
// its name and is stored compressed beside itself; manifest.json maps plain names
// to hashed ones. Run it with "npm run build".
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { basename, extname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { PurgeCSS } from 'purgecss';
import * as sass from 'sass';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'internal/web/assets/src');
const dist = join(root, 'internal/web/assets/dist');
const modules = join(root, 'node_modules');
const weights = [400, 600, 700];

// Limits in bytes over the wire (brotli or gzip is within a few per cent): the
// build fails beyond them, so that a page never grows heavy unnoticed.
const limits = { 'site.css': 45_000, 'desk.css': 60_000, 'site.js': 30_000, 'desk.js': 60_000, 'sprite.svg': 30_000 };

/** Files below a folder with one of the extensions. */
function files(folder, extensions) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, name))
    .filter((name) => extensions.includes(extname(name)) && !name.startsWith(dist));
}

const templates = files(join(root, 'internal'), ['.html']);
const goFiles = files(join(root, 'internal'), ['.go']);
const scripts = files(join(source, 'js'), ['.js']);

/** Every word of a text that could be a class name or an element. */
function words(text) {
  return text.match(/[A-Za-z][A-Za-z0-9_-]*/g) || [];
}

/** The files that belong to a bundle: its own folder and the one for both. */
function parts(kind, bundle, extension) {
  return ['both', bundle].flatMap((folder) => files(join(source, kind, folder), [extension]).sort());
}

// Elements that Markdown makes, though no template names them.
const elements = 'html body main p a h1 h2 h3 h4 h5 h6 ul ol li dl dt dd blockquote pre code kbd table caption thead tbody tr th td hr img figure figcaption em strong b i small sub sup del mark abbr audio video button input select textarea label fieldset legend output progress summary details dialog iframe'.split(' ');

// The packages that something was taken from: their notices go with the program.
const taken = new Set();

/** Notes the package that a file belongs to, if it is not ours; links are followed. */
function take(file) {
  const inside = relative(modules, file).split(/[\\/]/);
  if (inside[0] !== '..') taken.add(inside[0].startsWith('@') ? `${inside[0]}/${inside[1]}` : inside[0]);
  return file;
}

function compile(imports) {
  const made = sass.compileString(imports.map((name) => `@import '${name}';`).join('\n'), {
    loadPaths: [join(source, 'scss'), join(modules, 'bootstrap-italia/src/scss')],
    style: 'compressed',
    quietDeps: true,
    logger: sass.Logger.silent,
  });
  for (const url of made.loadedUrls) if (url.protocol === 'file:') take(fileURLToPath(url));
  return made.css.replace(/^\uFEFF/, '');
}

/**
 * Compiles a style sheet: of Bootstrap Italia only what templates, code or scripts
 * name, of ours everything.
 */
async function styles(name) {
  // What only a desk page uses is not sent to the readers of the site.
  const skipped = name === 'site' ? ['_desk.html', '_bare.html'] : ['_site.html'];
  const content = [...templates, ...goFiles, ...scripts].filter((file) => !skipped.includes(basename(file)));
  const [purged] = await new PurgeCSS().purge({
    content,
    css: [{ raw: compile([`bootstrap-${name}`]) }],
    extractors: [{ extractor: words, extensions: ['html', 'go', 'js'] }],
    safelist: elements,
    variables: true,
    keyframes: true,
  });
  const own = compile([name, ...parts('scss', name, '.scss')]);
  return themed(`${purged.css}\n${own}`);
}

// Bootstrap Italia writes its blue into every rule. An institution may have its
// own colour, so the blues become variables; data: images keep theirs (%23).
function themed(css) {
  return css
    .replace(/#06c(?![0-9a-f])|#0066cc|hsl\(210, ?100%, ?40%\)/gi, 'var(--ar-brand)')
    .replace(/#0059b3|#0052a3|#004d99|#0054a8|hsl\(210, ?80%, ?36%\)|hsl\(210, ?100%, ?30%\)/gi, 'var(--ar-brand-dark)')
    .replace(/#036(?![0-9a-f])|#003366|#004080/gi, 'var(--ar-brand-darker)')
    .concat(':root{--ar-brand:#0066cc;--ar-brand-dark:#0052a3;--ar-brand-darker:#003366}\n');
}

/** Bundles the modules of a page. A module is registered by being there: desk/draft.js starts on data-module="draft". */
async function script(name) {
  const found = parts('js', name, '.js');
  const entry = [
    `import { start } from ${JSON.stringify(join(source, 'js/lib/start.js'))};`,
    existsSync(join(source, `js/${name}.js`)) ? `import ${JSON.stringify(join(source, `js/${name}.js`))};` : '',
    ...found.map((file, i) => `import m${i} from ${JSON.stringify(file)};`),
    `start({ ${found.map((file, i) => `${JSON.stringify(basename(file, '.js'))}: m${i}`).join(', ')} });`,
  ];
  const result = await build({
    stdin: { contents: entry.join('\n'), resolveDir: root, sourcefile: `${name}.js` },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: ['es2020'],
    legalComments: 'none',
    nodePaths: [modules],
    metafile: true,
    absWorkingDir: root,
  });
  for (const input of Object.keys(result.metafile.inputs)) take(join(root, input));
  return result.outputFiles[0].contents;
}

/** The symbols that templates, code or scripts name, out of the whole sprite. */
function sprite() {
  const all = readFileSync(take(join(modules, 'bootstrap-italia/dist/svg/sprites.svg')), 'utf8');
  const named = new Set();
  for (const file of [...templates, ...goFiles, ...scripts]) {
    for (const name of readFileSync(file, 'utf8').match(/\bit-[a-z0-9-]+/g) || []) named.add(name);
  }
  const symbols = [...all.matchAll(/<(symbol|svg)\b[^>]*\bid="(it-[a-z0-9-]+)"[\s\S]*?<\/\1>/g)].filter((m) => named.has(m[2]));
  if (symbols.length === 0) throw new Error('the sprite of Bootstrap Italia has no symbol that the pages use');
  const body = symbols.map((m) => m[0].replace(/^<svg/, '<symbol').replace(/svg>$/, 'symbol>')).join('');
  return `<svg xmlns="http://www.w3.org/2000/svg">${body}</svg>\n`;
}

// Bootstrap Italia is a fork of Bootstrap and carries its style sheets, not its licence:
// the package is here for that text alone.
take(join(modules, 'bootstrap/LICENSE'));

const manifest = {};

/** Writes an asset under its hashed name, compressed as well when it is text. */
function emit(name, content) {
  const bytes = Buffer.from(content);
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 10);
  const hashed = name.replace(/(\.[a-z0-9]+)$/, `.${hash}$1`);
  manifest[name] = hashed;
  writeFileSync(join(dist, hashed), bytes);
  let sent = bytes.length;
  if (!name.endsWith('.woff2')) {
    const zipped = gzipSync(bytes, { level: 9 });
    writeFileSync(join(dist, `${hashed}.gz`), zipped);
    writeFileSync(join(dist, `${hashed}.br`), brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }));
    sent = zipped.length;
  }
  console.log(`  ${name.padEnd(42)} ${String(bytes.length).padStart(8)} bytes, ${String(sent).padStart(7)} sent`);
  if (limits[name] && sent > limits[name]) throw new Error(`${name} sends ${sent} bytes, more than ${limits[name]}`);
  return hashed;
}

mkdirSync(dist, { recursive: true });
writeFileSync(join(dist, '.keep'), '');
console.log(`assets → ${relative(process.cwd(), dist)}`);

const fonts = {};
for (const weight of weights) {
  const name = `titillium-web-latin-${weight}-normal.woff2`;
  fonts[name] = emit(name, readFileSync(take(join(modules, '@fontsource/titillium-web/files', name))));
}
for (const name of ['site', 'desk']) {
  let css = await styles(name);
  for (const [plain, hashed] of Object.entries(fonts)) css = css.replaceAll(plain, hashed);
  emit(`${name}.css`, css);
  emit(`${name}.js`, await script(name));
}
emit('sprite.svg', sprite());
for (const file of files(join(source, 'static'), ['.svg', '.png', '.webmanifest'])) emit(basename(file), readFileSync(file));
writeFileSync(join(dist, 'packages.json'), `${JSON.stringify([...taken].sort(), null, 1)}\n`);
writeFileSync(join(dist, 'manifest.json'), `${JSON.stringify(manifest, null, 1)}\n`);

// Old files go last, so that a program compiled meanwhile never misses one.
const current = new Set(['.keep', 'manifest.json', 'packages.json', ...Object.values(manifest).flatMap((name) => [name, `${name}.gz`, `${name}.br`])]);
for (const name of readdirSync(dist)) if (!current.has(name)) rmSync(join(dist, name));
