import {planInputs, randomValues} from './inputs.mjs';

/**
 * What the measuring loop knows of an engine. One that does not use tfjs has only to fill in the same functions.
 *
 * @typedef {object} Engine
 * @property {string} name
 * @property {string} weights which weights it runs, in words
 * @property {number} threads
 * @property {boolean} [spins] whether its threads spin on for a while after a run
 * @property {() => Promise<void>} activate before load and run, outside the timed part
 * @property {() => Promise<void>} load
 * @property {() => void} prepare makes the inputs; after load, once
 * @property {() => Promise<EngineRun>} run one inference, until its results can be read
 * @property {() => number | null} heapBytes what model, inputs and packed weights hold since load began; ask before
 *     another engine loads; null if the engine does not say
 * @property {() => void | Promise<void>} dispose undoes load and prepare
 */

/**
 * @typedef {object} EngineRun
 * @property {import('./statistics.mjs').Output[]} outputs
 * @property {() => void} release frees what the run has left; outside the timed part
 */

/**
 * A model on one of tfjs's backends.
 *
 * @param {object} options
 * @param {string} options.name
 * @param {string} options.weights
 * @param {string} options.backend name of the registered backend
 * @param {typeof import('@tensorflow/tfjs-core')} options.tf
 * @param {() => ReturnType<typeof import('./loadModel.mjs').loadModel>} options.loadModel
 * @param {(model: object) => import('./inputs.mjs').InputPlan[]} [options.plan] what to feed it
 * @param {() => number} [options.packedBytes] bytes that the backend holds beside tensors, less those of tensors that it does not hold
 * @param {number} [options.threads]
 * @param {() => void} [options.configure] sets the backend up for this engine; called before it is made active
 * @returns {Engine & {inputPlans: () => import('./inputs.mjs').InputPlan[], inputs: () => object}} `inputPlans` and `inputs`: after prepare
 */
export function tfjsEngine({
  name,
  weights,
  backend,
  tf,
  loadModel,
  plan = (model) => planInputs(model),
  packedBytes = () => 0,
  threads = 1,
  configure = () => {},
}) {
  let model;
  let plans = [];
  let inputs = {};
  let execute;
  let bytesBefore = 0;
  const heldBytes = () => tf.memory().numBytes + packedBytes();

  return {
    name,
    weights,
    threads,
    async activate() {
      configure();
      if (!(await tf.setBackend(backend))) throw new Error(`tfjs cannot start the backend ${backend}`);
    },
    async load() {
      bytesBefore = heldBytes();
      model = await loadModel();
    },
    prepare() {
      plans = plan(model);
      inputs = Object.fromEntries(
        plans.map((input) => [input.name, tf.tensor(randomValues(input), input.shape, input.dtype)]),
      );
      execute = executor(model);
    },
    inputPlans: () => plans,
    inputs: () => inputs,
    async run() {
      const result = await execute(inputs);
      const tensors = Array.isArray(result) ? result : [result];
      const data = await Promise.all(tensors.map((tensor) => tensor.data()));
      const release = () => tf.dispose(tensors.filter((tensor) => !Object.values(inputs).includes(tensor)));
      return {outputs: model.outputs.map((output, i) => ({name: output.name, data: data[i]})), release};
    },
    heapBytes: () => heldBytes() - bytesBefore,
    dispose() {
      model.dispose();
      tf.dispose(inputs);
      inputs = {};
    },
  };
}

/**
 * `predict` for a layers model. For a graph model `execute`, or `executeAsync` from the moment on when tfjs refuses the
 * former for control flow or dynamic shapes.
 *
 * @param {object} model
 * @param {string[]} [outputs] nodes of a graph model in place of its outputs
 */
export function executor(model, outputs) {
  if (model.layers) return (inputs) => model.predict(Object.values(inputs));
  let dynamic = false;
  return (inputs) => {
    if (!dynamic) {
      try {
        return model.execute(inputs, outputs);
      } catch (error) {
        if (!/executeAsync/.test(error.message)) throw error;
        dynamic = true;
      }
    }
    return model.executeAsync(inputs, outputs);
  };
}
