import path from 'node:path';
import {bundleForPage} from './bundle.mjs';
import {findChromium, htmlPage, openChromium, WASM_FOLDER} from './chromium.mjs';
import {findFirefox, openFirefox} from './firefox.mjs';
import {decode} from './message.mjs';
import {ROOT} from './models.mjs';
import {peerSite} from './peers.mjs';
import {ISOLATION_HEADERS, serve} from './server.mjs';
import {UserError} from './userError.mjs';

/**
 * @typedef {object} OpenBrowser
 * @property {string} version
 * @property {() => Promise<void>} close
 */

const BROWSERS = {
  chromium: {name: 'Chromium', find: findChromium, open: openChromium},
  firefox: {name: 'Firefox', find: findFirefox, open: openFirefox},
};

/** A page says something at its start, at every load and every ten runs. */
const MOST_MS_TO_START = 120_000;
const MOST_MS_OF_SILENCE = 600_000;

/**
 * Runs the benchmark in a page of an installed browser.
 *
 * @param {import('./models.mjs').ModelFiles} model
 * @param {import('./options.mjs').BenchOptions} options `env` names the browser
 * @param {(line: string) => void} onProgress
 * @returns {Promise<import('./benchmark.mjs').BenchmarkResult & {runtime: string}>}
 * @throws {UserError} as `runBenchmark` does, if there is no such browser, or if its page falls silent
 */
export async function runInBrowser(model, options, onProgress) {
  const {name, find, open} = BROWSERS[options.env];
  find();
  onProgress('bundling the page');
  const peers = await peerSite(model, options.peers);
  const request = {
    modelUrl: `/model/${encodeURIComponent(model.file)}`,
    format: model.format,
    peers: peers.urls,
    options,
  };
  const site = {
    files: {
      '/': htmlPage('Benchmark', {module: '/bench.js'}),
      '/bench.js': await bundleForPage(path.join(ROOT, 'benchmarks/lib/page.mjs')),
      '/request.json': JSON.stringify(request),
      ...peers.files,
    },
    folders: {'/model/': model.folder, '/wasm/': WASM_FOLDER, ...peers.folders},
    headers: ISOLATION_HEADERS,
  };
  const {version, answer} = await askPage(open, name, site, onProgress);
  if (answer.problem !== undefined) throw new UserError(answer.problem);
  if (answer.error !== undefined) throw new Error(`in the page: ${answer.error}`);
  return {...answer.result, runtime: `${name} ${version}`};
}

/** Opens a page that posts lines to `/progress` and its answer to `/answer`, and closes it again. */
async function askPage(open, name, site, onProgress) {
  let settle;
  const answered = new Promise((resolve, reject) => (settle = {resolve, reject}));
  answered.catch(() => {}); // it may fail while the browser is still opening
  const fail = (reason) => settle.reject(new UserError(`${name} gave no result: ${reason}`));
  let silence;
  const expectWord = (ms) => {
    clearTimeout(silence);
    silence = setTimeout(() => fail(`its page said nothing for ${ms / 1000} seconds`), ms);
  };

  const server = await serve({
    ...site,
    posts: {
      '/progress': (text) => {
        expectWord(MOST_MS_OF_SILENCE);
        onProgress(decode(text));
      },
      '/answer': (text) => settle.resolve(decode(text)),
    },
  });
  let browser;
  try {
    expectWord(MOST_MS_TO_START);
    browser = await open(server.url, fail);
    return {version: browser.version, answer: await answered};
  } finally {
    clearTimeout(silence);
    await Promise.all([browser?.close(), server.close()]);
  }
}
