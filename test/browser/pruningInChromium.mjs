// Prunes a model with samples in a page, in a worker of that page and in Node, and prints what came of all three as JSON.
// Usage: node pruningInChromium.mjs FILE, which holds the request of pruningPage.mjs
import {readFileSync} from 'node:fs';
import path from 'node:path';
import {bundleForPage} from '../../benchmarks/lib/bundle.mjs';
import {htmlPage, WASM_FOLDER, withPage} from '../../benchmarks/lib/chromium.mjs';
import {ROOT} from '../../benchmarks/lib/models.mjs';
import {ISOLATION_HEADERS} from '../../benchmarks/lib/server.mjs';

const request = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const site = {
  files: {
    '/': htmlPage('Pruning', {module: '/page.js'}),
    '/page.js': await bundleForPage(path.join(ROOT, 'test/browser/pruningPage.mjs')),
  },
  folders: {'/wasm/': WASM_FOLDER},
  headers: ISOLATION_HEADERS,
};
const [page, worker] = await withPage(site, async (page) => [
  await page.evaluate((argument) => globalThis.pruneHere(argument), request),
  await page.evaluate((argument) => globalThis.pruneInWorker(argument), request),
]);
await import('./pruningPage.mjs');
process.stdout.write(`${JSON.stringify({page, worker, node: await globalThis.pruneHere(request)})}\n`);
