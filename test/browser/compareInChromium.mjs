// Opens a page with the built bundle, compares it there with stock and prints what came of it as JSON.
// Usage: node compareInChromium.mjs esm|umd plain|isolated
import path from 'node:path';
import {bundleForPage} from '../../benchmarks/lib/bundle.mjs';
import {htmlPage, WASM_FOLDER, withPage} from '../../benchmarks/lib/chromium.mjs';
import {findModel, ROOT} from '../../benchmarks/lib/models.mjs';
import {ISOLATION_HEADERS} from '../../benchmarks/lib/server.mjs';

const [kind, isolation] = process.argv.slice(2);
const TFJS = path.join(ROOT, 'node_modules/@tensorflow');

/** What a careful site allows: its own scripts, WebAssembly, no eval, no blob or data URLs. */
const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";
/** Stock's threaded build, which isolated pages get, starts workers from blob URLs that import its own script. */
const ISOLATED_POLICY = `${POLICY} blob:; worker-src 'self' blob:`;

const UMD_SCRIPTS = [
  '/tfjs-core/dist/tf-core.min.js',
  '/tfjs-converter/dist/tf-converter.min.js',
  '/tfjs-backend-cpu/dist/tf-backend-cpu.min.js',
  '/tfjs-backend-wasm/dist/tf-backend-wasm.min.js',
  '/dist/index.umd.js',
];

const movenet = findModel('human:movenet-lightning');
const faceres = findModel('human:faceres');
const cases = [
  {modelUrl: `/models/${movenet.file}`, pruning: null},
  {modelUrl: `/models/${faceres.file}`, pruning: null},
  {modelUrl: `/models/${faceres.file}`, pruning: {n: 4, sparsity: 0.5}},
];

const isolated = isolation === 'isolated';
const site = {
  files: {
    '/': htmlPage('Comparison', {scripts: kind === 'umd' ? UMD_SCRIPTS : [], module: '/page.js'}),
    '/page.js': await bundleForPage(path.join(ROOT, `test/browser/${kind}Page.mjs`)),
  },
  folders: {
    '/models/': movenet.folder,
    '/wasm/': WASM_FOLDER,
    '/dist/': path.join(ROOT, 'dist'),
    ...Object.fromEntries(
      ['core', 'converter', 'backend-cpu', 'backend-wasm'].map((n) => [`/tfjs-${n}/`, path.join(TFJS, `tfjs-${n}`)]),
    ),
  },
  headers: {'Content-Security-Policy': isolated ? ISOLATED_POLICY : POLICY, ...(isolated ? ISOLATION_HEADERS : {})},
};

const problems = [];
const result = await withPage(
  site,
  (page) => page.evaluate((request) => globalThis.compareInPage(request), {wasmPath: '/wasm/', cases}),
  async (page) => {
    page.on('pageerror', (error) => problems.push(`page error: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(`console: ${message.text()}`);
    });
    await page.exposeFunction('reportViolation', (text) => problems.push(text));
    await page.addInitScript(() => {
      addEventListener('securitypolicyviolation', ({violatedDirective, blockedURI}) =>
        globalThis.reportViolation(`policy violated: ${violatedDirective} ${blockedURI}`),
      );
    });
  },
);
process.stdout.write(`${JSON.stringify({...result, problems})}\n`);
