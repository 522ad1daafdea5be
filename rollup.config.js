// Builds dist/: ES module, CommonJS, a UMD that uses a page's global `tf`, the worker for those who start it themselves,
// the command line, and the type declarations. Scripts for pages are minified; their source maps carry the source.
import {readFileSync} from 'node:fs';
import path from 'node:path';
import terser from '@rollup/plugin-terser';
import {build} from 'esbuild';
import {dts} from 'rollup-plugin-dts';

const {dependencies} = JSON.parse(readFileSync('package.json', 'utf8'));
const input = 'src/index.ts';
const external = [/^@tensorflow\//];
// tf.min.js puts core and converter into `tf`; tf-backend-wasm.min.js adds `tf.wasm`.
const globals = {
  '@tensorflow/tfjs-core': 'tf',
  '@tensorflow/tfjs-converter': 'tf',
  '@tensorflow/tfjs-backend-wasm': 'tf.wasm',
};
const minify = terser({
  ecma: 2020,
  compress: {passes: 3},
  format: {comments: /webpackIgnore|@vite-ignore/}, // other bundlers read these
});

const bundle = (id, options) => build({entryPoints: [id], bundle: true, write: false, format: 'esm', ...options});

/** Transpiles all modules as one, for only so does esbuild put the numbers of one module's enums into another. */
const transpile = {
  name: 'transpile',
  async load(id) {
    const {outputFiles} = await bundle(id, {
      target: 'es2022',
      external: ['@tensorflow/*'],
      sourcemap: 'external',
      outfile: id.replace(/\.ts$/, '.js'), // where the paths in the source map start from
    });
    const [map, code] = outputFiles.map(({text}) => text);
    return {code, map};
  },
};

const LIBRARY = path.resolve('dist/index.mjs');

/** The command line as one module beside the library, which it imports as a user does: so there is one backend. */
const commandLine = {
  name: 'command-line',
  async load(id) {
    const {outputFiles} = await bundle(id, {
      platform: 'node',
      target: 'node20',
      packages: 'external',
      plugins: [
        {
          name: 'library',
          setup: ({onResolve}) => onResolve({filter: /^\.\.\/index$/}, () => ({path: LIBRARY, external: true})),
        },
      ],
    });
    return outputFiles[0].text;
  },
};

export default [
  {
    input,
    external,
    plugins: [transpile],
    output: [
      {file: 'dist/index.mjs', format: 'es', plugins: [minify], sourcemap: true},
      {file: 'dist/index.cjs', format: 'cjs', plugins: [minify], sourcemap: true},
      {file: 'dist/index.umd.js', format: 'umd', name: 'blocksparse1xn', globals, plugins: [minify], sourcemap: true},
    ],
  },
  {
    input: 'src/cli/main.ts',
    external: [/^node:/, LIBRARY, ...external, ...Object.keys(dependencies)],
    plugins: [commandLine],
    output: {
      file: 'dist/cli.mjs',
      format: 'es',
      banner: '#!/usr/bin/env node',
      paths: {[LIBRARY]: './index.mjs'},
    },
  },
  {input: 'src/runtime/worker.js', output: {file: 'dist/worker.js', format: 'es', plugins: [minify]}},
  {
    input,
    external,
    plugins: [dts()],
    output: [{file: 'dist/index.d.ts'}, {file: 'dist/index.d.cts'}],
  },
];
