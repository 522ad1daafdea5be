// Runs threadsPage.mjs in Chromium and prints what came of it as JSON.
// Usage: node threadsInChromium.mjs SCENARIO, which is JSON: see `Scenario` in threads.test.ts
import path from 'node:path';
import {bundleForPage} from '../../benchmarks/lib/bundle.mjs';
import {htmlPage, WASM_FOLDER, withPage} from '../../benchmarks/lib/chromium.mjs';
import {findModel, ROOT} from '../../benchmarks/lib/models.mjs';
import {ISOLATION_HEADERS} from '../../benchmarks/lib/server.mjs';
import {withHidablePage} from './hidablePage.mjs';

const {
  isolated,
  policy,
  threads,
  workerUrl = null,
  workerSource = '',
  inWorker = false,
  hide = false,
} = JSON.parse(process.argv[2]);
const model = findModel('human:movenet-lightning');
const site = {
  files: {
    '/': htmlPage('Threads', {module: '/page.js'}),
    '/page.js': await bundleForPage(path.join(ROOT, 'test/browser/threadsPage.mjs')),
    '/failing.js': workerSource,
  },
  folders: {'/models/': model.folder, '/wasm/': WASM_FOLDER, '/dist/': path.join(ROOT, 'dist')},
  headers: {...(policy ? {'Content-Security-Policy': policy} : {}), ...(isolated ? ISOLATION_HEADERS : {})},
};
const request = {modelUrl: `/models/${model.file}`, threads, workerUrl, inWorker};
const compare = (page) => page.evaluate((argument) => globalThis.compareOnThreads(argument), request);

const report = hide
  ? await withHidablePage(site, async (page, setState) => {
      const compared = await compare(page);
      const visits = [];
      for (const state of ['visible', 'hidden', 'visible', 'hidden', 'frozen', 'visible']) {
        await setState(state);
        if (state !== 'frozen') visits.push(await page.evaluate(() => globalThis.infer(20)));
      }
      return {...compared, visits};
    })
  : await withPage(site, compare);
process.stdout.write(`${JSON.stringify(report)}\n`);
