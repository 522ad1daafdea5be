import {existsSync} from 'node:fs';
import path from 'node:path';
import {chromium} from 'playwright-core';
import {bundleForPage} from './bundle.mjs';
import {ROOT} from './models.mjs';
import {ISOLATION_HEADERS, serve} from './server.mjs';
import {UserError} from './userError.mjs';

const INSTALLED = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
];

const LAUNCH_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Where the npm package of stock wasm keeps its binaries. */
export const WASM_FOLDER = path.join(ROOT, 'node_modules/@tensorflow/tfjs-backend-wasm/dist');

/**
 * @returns {string} the executable of an installed Chromium or Chrome; `CHROME_PATH` goes first
 * @throws {UserError} if there is none
 */
export function findChromium() {
  const given = process.env.CHROME_PATH;
  if (given) {
    if (!existsSync(given)) throw new UserError(`CHROME_PATH names ${given}, which does not exist`);
    return given;
  }
  const found = INSTALLED.find((file) => existsSync(file));
  if (found) return found;
  throw new UserError('no Chromium found: install it (apt-get install chromium) or set CHROME_PATH to its executable');
}

/**
 * Serves a site, opens its start page in a headless Chromium and closes both when `use` is done.
 *
 * @template T
 * @param {Parameters<typeof serve>[0]} site has a file `/`
 * @param {(page: import('playwright-core').Page, version: string) => Promise<T>} use
 * @param {(page: import('playwright-core').Page) => Promise<void>} [prepare] called before the page loads
 * @returns {Promise<T>}
 */
export async function withPage(site, use, prepare = async () => {}) {
  const executablePath = findChromium();
  const server = await serve(site);
  try {
    const browser = await chromium.launch({executablePath, args: LAUNCH_FLAGS});
    try {
      const page = await browser.newPage();
      await prepare(page);
      await page.goto(server.url);
      return await use(page, browser.version());
    } finally {
      await browser.close();
    }
  } finally {
    await server.close();
  }
}

/**
 * A page that runs scripts in order: first the classic ones, then a module.
 *
 * @param {string} title
 * @param {{scripts?: string[], module: string}} urls
 * @returns {string} HTML
 */
export function htmlPage(title, {scripts = [], module}) {
  const tags = scripts.map((url) => `<script defer src="${url}"></script>`);
  return [
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title>`,
    ...tags,
    `<script type="module" src="${module}"></script></html>`,
  ].join('\n');
}

/**
 * Runs the benchmark in a page of an installed Chromium.
 *
 * @param {import('./models.mjs').ModelFiles} model
 * @param {import('./options.mjs').BenchOptions} options
 * @param {(line: string) => void} onProgress
 * @returns {Promise<import('./benchmark.mjs').BenchmarkResult & {runtime: string}>}
 * @throws {UserError} as `runBenchmark` does, or if there is no Chromium
 */
export async function runInChromium(model, options, onProgress) {
  findChromium();
  onProgress('bundling the page');
  const site = {
    files: {
      '/': htmlPage('Benchmark', {module: '/bench.js'}),
      '/bench.js': await bundleForPage(path.join(ROOT, 'benchmarks/lib/page.mjs')),
    },
    folders: {'/model/': model.folder, '/wasm/': WASM_FOLDER},
    headers: ISOLATION_HEADERS,
  };
  const request = {modelUrl: `/model/${encodeURIComponent(model.file)}`, wasmPath: '/wasm/', options};
  return withPage(
    site,
    async (page, version) => {
      const result = await page.evaluate((argument) => globalThis.runInPage(argument), request);
      if (result.problem !== undefined) throw new UserError(result.problem);
      return {...result, runtime: `Chromium ${version}`};
    },
    async (page) => {
      page.on('pageerror', (error) => onProgress(`page error: ${error.message}`));
      await page.exposeFunction('reportProgress', onProgress);
    },
  );
}
