import {layOut} from './inputs.mjs';
import {UserError} from './userError.mjs';

/**
 * onnxruntime-web on its wasm execution provider, with all of its graph optimisations. How many threads it has is settled
 * when its module starts, so that every engine has a copy of its own.
 *
 * @param {object} options
 * @param {string} options.name
 * @param {number} options.threads
 * @param {import('./inputs.mjs').InputPlan[]} options.plans
 * @param {import('./benchmark.mjs').PeerRuntime} options.runtime `importCopy` gives onnxruntime-web
 * @returns {import('./engine.mjs').Engine}
 */
export function ortEngine({name, threads, plans, runtime}) {
  let ort;
  let session;
  let feeds = {};

  return {
    name,
    weights: 'untouched',
    threads,
    spins: threads > 1, // a million times, for more than 10 ms
    async activate() {
      if (ort) return;
      ort = await runtime.importCopy(threads);
      if (runtime.wasmUrl) ort.env.wasm.wasmPaths = runtime.wasmUrl;
      ort.env.wasm.numThreads = threads;
      ort.env.wasm.simd = true;
      ort.env.wasm.proxy = false; // a worker in between would only add messages
    },
    async load() {
      const bytes = await runtime.readModel();
      session = await ort.InferenceSession.create(bytes, {executionProviders: ['wasm'], graphOptimizationLevel: 'all'});
      // It goes back to one thread by itself where it finds no shared memory.
      if (ort.env.wasm.numThreads !== threads) throw new Error(`${name} runs on ${ort.env.wasm.numThreads} threads`);
    },
    prepare() {
      const {inputNames, inputMetadata} = session;
      if (inputNames.length !== plans.length) {
        throw new UserError(`${name} takes ${inputNames.length} inputs, but the model ${plans.length}`);
      }
      feeds = Object.fromEntries(
        plans.map((plan, i) => {
          const {data, shape} = layOut(plan, inputMetadata[i].shape);
          return [inputNames[i], new ort.Tensor(plan.dtype, data, shape)];
        }),
      );
    },
    async run() {
      const results = await session.run(feeds);
      const outputs = session.outputNames.map((output) => ({name: output, data: results[output].data}));
      return {outputs, release: () => Object.values(results).forEach((tensor) => tensor.dispose())};
    },
    heapBytes: () => null,
    async dispose() {
      await session.release();
      feeds = {};
    },
  };
}
