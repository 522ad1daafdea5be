import {readFile} from 'node:fs/promises';
import path from 'node:path';
import {loadGraphModel} from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import * as blocksparse from '../../dist/index.mjs';
import {runBenchmark} from './benchmark.mjs';

/**
 * Runs the benchmark in this process.
 *
 * @param {import('./models.mjs').ModelFiles} model
 * @param {import('./options.mjs').BenchOptions} options
 * @param {(line: string) => void} onProgress
 * @returns {Promise<import('./benchmark.mjs').BenchmarkResult & {runtime: string}>}
 */
export async function runInNode(model, options, onProgress) {
  const loadModel = () => loadGraphModel(fileHandler(path.join(model.folder, model.file)));
  const result = await runBenchmark(options, {tf, blocksparse, loadModel, onProgress});
  return {...result, runtime: `Node ${process.versions.node}`};
}

/** Reads a model from the disk, which tfjs itself cannot do in Node. */
export function fileHandler(file) {
  return {
    async load() {
      const model = JSON.parse(await readFile(file, 'utf8'));
      return tf.io.getModelArtifactsForJSON(model, async (manifest) => {
        const shards = manifest
          .flatMap(({paths}) => paths)
          .map((name) => readFile(path.join(path.dirname(file), name)));
        const {buffer, byteOffset, byteLength} = Buffer.concat(await Promise.all(shards));
        return [manifest.flatMap(({weights}) => weights), buffer.slice(byteOffset, byteOffset + byteLength)];
      });
    },
  };
}
