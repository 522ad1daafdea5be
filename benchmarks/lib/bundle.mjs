import {build} from 'esbuild';

/**
 * Bundles a page's script with all that it imports, in memory.
 *
 * @param {string} entry absolute path
 * @returns {Promise<string>} an ES module
 */
export async function bundleForPage(entry) {
  const {outputFiles} = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    logLevel: 'error',
  });
  return outputFiles[0].text;
}
