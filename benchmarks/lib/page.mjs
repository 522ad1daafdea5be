// The page of the benchmark: bundled by bundle.mjs, called by chromium.mjs.
import {setWasmPaths} from '@tensorflow/tfjs-backend-wasm';
import {loadGraphModel} from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import * as blocksparse from '../../dist/index.mjs';
import {runBenchmark} from './benchmark.mjs';
import {UserError} from './userError.mjs';

/** Returns what `runBenchmark` does, or `{problem}` in place of a UserError: an error's class does not leave a page. */
globalThis.runInPage = async ({modelUrl, wasmPath, options}) => {
  setWasmPaths(wasmPath);
  const loadModel = () => loadGraphModel(modelUrl);
  const onProgress = (line) => globalThis.reportProgress(line);
  try {
    return await runBenchmark(options, {tf, blocksparse, loadModel, onProgress});
  } catch (error) {
    if (error instanceof UserError) return {problem: error.message};
    throw error;
  }
};
