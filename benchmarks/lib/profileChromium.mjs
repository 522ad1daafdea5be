import path from 'node:path';
import {compileMeters} from '../peak.mjs';
import {bundleForPage} from './bundle.mjs';
import {findChromium, htmlPage, WASM_FOLDER, withPage} from './chromium.mjs';
import {ROOT} from './models.mjs';
import {ISOLATION_HEADERS} from './server.mjs';
import {UserError} from './userError.mjs';

/**
 * Profiles in a page of an installed Chromium.
 *
 * @param {import('./models.mjs').ModelFiles} model
 * @param {import('./profileOptions.mjs').ProfileOptions} options
 * @param {(line: string) => void} onProgress
 * @returns {Promise<import('./profileRun.mjs').MeasuredProfile & {runtime: string}>}
 * @throws {UserError} as `runProfile` does, or if there is no Chromium
 */
export async function profileInChromium(model, options, onProgress) {
  findChromium();
  onProgress('bundling the page');
  const site = {
    files: {
      '/': htmlPage('Profile', {module: '/profile.js'}),
      '/profile.js': await bundleForPage(path.join(ROOT, 'benchmarks/lib/profilePage.mjs')),
      '/meters-relaxed.wasm': await compileMeters('relaxed'),
      '/meters-simd128.wasm': await compileMeters('simd128'),
    },
    folders: {'/model/': model.folder, '/wasm/': WASM_FOLDER},
    headers: ISOLATION_HEADERS,
  };
  const {file, format} = model;
  const request = {modelUrl: `/model/${encodeURIComponent(file)}`, format, wasmPath: '/wasm/', options};
  return withPage(
    site,
    async (page, version) => {
      const result = await page.evaluate((argument) => globalThis.profileInPage(argument), request);
      if (result.problem !== undefined) throw new UserError(result.problem);
      return {...result, runtime: `Chromium ${version}`};
    },
    async (page) => {
      page.on('pageerror', (error) => onProgress(`page error: ${error.message}`));
      await page.exposeFunction('reportProgress', onProgress);
    },
  );
}
