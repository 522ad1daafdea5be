// Builds dist/: ES module, CommonJS, a UMD that uses a page's global `tf`, the worker for those who start it themselves,
// and the type declarations.
import terser from '@rollup/plugin-terser';
import {dts} from 'rollup-plugin-dts';
import esbuild from 'rollup-plugin-esbuild';

const input = 'src/index.ts';
const external = [/^@tensorflow\//];
const transpile = esbuild({target: 'es2022'});
// tf.min.js puts core and converter into `tf`; tf-backend-wasm.min.js adds `tf.wasm`.
const globals = {
  '@tensorflow/tfjs-core': 'tf',
  '@tensorflow/tfjs-converter': 'tf',
  '@tensorflow/tfjs-backend-wasm': 'tf.wasm',
};

export default [
  {
    input,
    external,
    plugins: [transpile],
    output: [
      {file: 'dist/index.mjs', format: 'es', sourcemap: true},
      {file: 'dist/index.cjs', format: 'cjs', sourcemap: true},
      {file: 'dist/index.umd.js', format: 'umd', name: 'blocksparse1xn', globals, plugins: [terser()], sourcemap: true},
    ],
  },
  {input: 'src/runtime/worker.js', plugins: [transpile], output: {file: 'dist/worker.js', format: 'es'}},
  {
    input,
    external,
    plugins: [dts()],
    output: [{file: 'dist/index.d.ts'}, {file: 'dist/index.d.cts'}],
  },
];
