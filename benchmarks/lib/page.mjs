// The page of the benchmark: bundled by bundle.mjs, called by chromium.mjs.
import {setWasmPaths} from '@tensorflow/tfjs-backend-wasm';
import {loadGraphModel} from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import * as blocksparse from '../../dist/index.mjs';
import {runBenchmark} from './benchmark.mjs';

globalThis.runInPage = ({modelUrl, wasmPath, options}) => {
  setWasmPaths(wasmPath);
  const loadModel = () => loadGraphModel(modelUrl);
  return runBenchmark(options, {tf, blocksparse, loadModel, onProgress: (line) => globalThis.reportProgress(line)});
};
