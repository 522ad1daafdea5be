import {readFile} from 'node:fs/promises';
import path from 'node:path';
import {pathToFileURL} from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import * as blocksparse from '../../dist/index.mjs';
import {runBenchmark} from './benchmark.mjs';
import {fileHandler} from './fileHandler.mjs';
import {loadModel} from './loadModel.mjs';
import {ORT_FOLDER} from './peers.mjs';

/**
 * Runs the benchmark in this process.
 *
 * @param {import('./models.mjs').ModelFiles} model
 * @param {import('./options.mjs').BenchOptions} options `peers` without those that need a page
 * @param {(line: string) => void} onProgress
 * @returns {Promise<import('./benchmark.mjs').BenchmarkResult & {runtime: string}>}
 */
export async function runInNode(model, options, onProgress) {
  const host = {
    tf,
    blocksparse,
    loadModel: () => loadModel(model.format, fileHandler(path.join(model.folder, model.file))),
    format: model.format,
    peers: {ort: ortRuntime(model.peerFiles.ort)},
    onProgress,
  };
  return {...(await runBenchmark(options, host)), runtime: `Node ${process.versions.node}`};
}

/** @returns {import('./benchmark.mjs').PeerRuntime} */
function ortRuntime(file) {
  return {
    importCopy: () => import(pathToFileURL(path.join(ORT_FOLDER, 'ort.node.min.mjs')).href),
    readModel: async () => new Uint8Array(await readFile(file)),
    mostThreads: 1, // its documentation: Node.js only supports single-threaded wasm
  };
}
