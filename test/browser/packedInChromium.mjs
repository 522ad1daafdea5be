// Saves a packed model in Chromium, loads it again and prints what came of it as JSON.
import path from 'node:path';
import {bundleForPage} from '../../benchmarks/lib/bundle.mjs';
import {htmlPage, WASM_FOLDER, withPage} from '../../benchmarks/lib/chromium.mjs';
import {findModel, ROOT} from '../../benchmarks/lib/models.mjs';

const model = findModel('human:movenet-lightning');
const site = {
  files: {
    '/': htmlPage('Packed models', {module: '/page.js'}),
    '/page.js': await bundleForPage(path.join(ROOT, 'test/browser/packedPage.mjs')),
  },
  folders: {'/models/': model.folder, '/wasm/': WASM_FOLDER},
};
const report = await withPage(site, (page) =>
  page.evaluate((url) => globalThis.saveAndLoad(url), `/models/${model.file}`),
);
process.stdout.write(`${JSON.stringify(report)}\n`);
