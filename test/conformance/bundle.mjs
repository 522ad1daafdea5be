// Bundles tfjs-core's published specs and both backends into one CommonJS file.
import {existsSync} from 'node:fs';
import {build} from 'esbuild';

/** Backends that the bundle can load, and the module that registers each. */
export const BACKENDS = {
  wasm: '@tensorflow/tfjs-backend-wasm',
  'blocksparse-1xn': './dist/index.mjs',
};

// The published specs are ES modules in `.js` files of a package without "type": Node cannot import them as they are.
// In one bundle, specs and backends also share one instance of tfjs-core, so that there is one engine and one registry.
// The specs differentiate and chain, which upstream gets from the two `register` modules. A backend is imported on
// demand: stock is measured in a process that never ran our code.
const entry = `
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js';
export {setTestEnvs} from '@tensorflow/tfjs-core/dist/jasmine_util.js';
export {engine} from '@tensorflow/tfjs-core';
export {setWasmPaths} from '@tensorflow/tfjs-backend-wasm';
export const loadSpecs = () => import('@tensorflow/tfjs-core/dist/tests.js');
export const loadBackend = {
  ${Object.entries(BACKENDS)
    .map(([name, module]) => `'${name}': () => import('${module}'),`)
    .join('\n  ')}
};
`;

/**
 * Writes the bundle.
 *
 * @param {string} root the repository's root, with `dist/` built
 * @param {string} outfile path of the `.cjs` file to write
 */
export async function bundleSpecs(root, outfile) {
  if (!existsSync(`${root}/dist/index.mjs`)) throw new Error('dist/index.mjs is missing: run `npm run build` first');
  await build({
    stdin: {contents: entry, resolveDir: root, sourcefile: 'conformance-entry.js'},
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    mainFields: ['module', 'main'],
    // tfjs-core's "sideEffects" list leaves out its spec files, which are nothing but side effects.
    ignoreAnnotations: true,
    logLevel: 'error',
  });
}
