import {layOut} from './inputs.mjs';
import {UserError} from './userError.mjs';

/**
 * LiteRT.js on its CPU path, XNNPACK, in its fastest build for the page: threads and relaxed SIMD, on one thread too, where
 * that measures better than its build without threads. Without isolation or relaxed SIMD there is no threaded build.
 *
 * @param {object} options
 * @param {string} options.name
 * @param {number} options.threads
 * @param {import('./inputs.mjs').InputPlan[]} options.plans
 * @param {import('./benchmark.mjs').PeerRuntime} options.runtime `importCopy` gives @litertjs/core
 * @returns {import('./engine.mjs').Engine}
 */
export function litertEngine({name, threads, plans, runtime}) {
  let litert;
  let model;
  let inputs = [];

  return {
    name,
    weights: 'untouched',
    threads,
    async activate() {
      if (litert) return;
      litert = await runtime.importCopy(threads);
      await litert.loadLiteRt(runtime.wasmUrl, {threads: await canThread(litert)});
    },
    async load() {
      const bytes = await runtime.readModel();
      model = await litert.loadAndCompile(bytes, {accelerator: 'wasm', cpuOptions: {numThreads: threads}});
    },
    prepare() {
      const details = model.getInputDetails();
      if (details.length !== plans.length) {
        throw new UserError(`${name} takes ${details.length} inputs, but the model ${plans.length}`);
      }
      inputs = plans.map((plan, i) => {
        const {data, shape} = layOut(plan, [...details[i].shape]);
        return new litert.Tensor(data, shape);
      });
    },
    async run() {
      const tensors = await model.run(inputs);
      const data = await Promise.all(tensors.map((tensor) => tensor.data()));
      const names = model.getOutputDetails().map((output) => output.name);
      return {
        outputs: names.map((output, i) => ({name: output, data: data[i]})),
        release: () => tensors.forEach((tensor) => tensor.delete()),
      };
    },
    heapBytes: () => null,
    dispose() {
      inputs.forEach((tensor) => tensor.delete());
      inputs = [];
      model.delete();
    },
  };
}

/**
 * @param {import('./benchmark.mjs').PeerRuntime} runtime
 * @returns {Promise<number>} the most threads that LiteRT.js can run on: it starts one worker for each core
 */
export async function mostLitertThreads(runtime) {
  return (await canThread(await runtime.importCopy(1))) ? navigator.hardwareConcurrency : 1;
}

async function canThread(litert) {
  if (!globalThis.crossOriginIsolated) return false;
  const features = await Promise.all([litert.supportsFeature('relaxedSimd'), litert.supportsFeature('threads')]);
  return features.every((supported) => supported);
}
