import path from 'node:path';
import {build} from 'esbuild';
import {ROOT} from './models.mjs';

/**
 * Bundles a page's script with all that it imports, in memory.
 *
 * @param {string} entry absolute path
 * @returns {Promise<string>} an ES module
 */
export function bundleForPage(entry) {
  return bundle(entry, 'browser');
}

/**
 * Imports a TypeScript module of this repository that the package does not export. Each call makes an instance of its own.
 *
 * @param {string} file relative to the root of the repository; imports nothing from npm
 * @returns {Promise<any>} its exports
 */
export async function importTypeScript(file) {
  const code = await bundle(path.join(ROOT, file), 'node');
  return import(`data:text/javascript,${encodeURIComponent(code)}`);
}

async function bundle(entry, platform) {
  const {outputFiles} = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'esm',
    platform,
    target: 'es2022',
    logLevel: 'error',
  });
  return outputFiles[0].text;
}
