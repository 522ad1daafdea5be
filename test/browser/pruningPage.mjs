// Prunes a model with samples: in a page, in a worker of it, or in Node.
import {setWasmPaths} from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import {configure, pruneGraphModel} from 'tfjs-backend-blocksparse-1xn';
import {answerWith, askWorker, isWorker} from './inWorker.mjs';

/** Smooth images, the same everywhere. */
function* samples(count, size) {
  let state = 1;
  const random = () => (state = (state * 48271) % 2147483647) / 2147483647 - 0.5;
  for (let i = 0; i < count; i++) {
    const coarse = Float32Array.from({length: 27}, random);
    yield tf.tidy(() => tf.image.resizeBilinear(tf.tensor4d(coarse, [1, 3, 3, 3]), [size, size]));
  }
}

/** @param {{model: object, data: string, count: number, size: number, options: object}} request data in base64 */
async function prune({model, data, count, size, options}) {
  if (globalThis.location) setWasmPaths('/wasm/');
  // Relaxed SIMD, which Node 20 lacks, rounds otherwise: where two blocks are worth the same another one goes.
  configure({threads: 1, variant: 'simd128'});
  await tf.setBackend('blocksparse-1xn');
  await tf.ready();
  const weightData = Uint8Array.from(atob(data), (character) => character.charCodeAt(0)).buffer;
  let turns = 0;
  const timer = setInterval(() => turns++);
  const stages = new Set();
  const {artifacts, report} = await pruneGraphModel(
    {...model, weightData},
    {...options, calibration: () => samples(count, size), onProgress: ({stage}) => stages.add(stage)},
  );
  clearInterval(timer);
  const weights = tf.io.decodeWeights(artifacts.weightData, artifacts.weightSpecs);
  return {
    inWorker: isWorker,
    weights: Object.entries(weights).flatMap(([name, tensor]) =>
      tensor.dtype === 'float32' ? [[name, [...tensor.dataSync()]]] : [],
    ),
    stages: [...stages],
    turns,
    measured: report.repair.stages,
  };
}

if (isWorker) {
  answerWith(prune);
} else {
  globalThis.pruneHere = prune;
  globalThis.pruneInWorker = askWorker;
}
