import type {GraphModel} from '@tensorflow/tfjs-converter';
import type {Tensor} from '@tensorflow/tfjs-core';
import type {Executor, ExecutorNode, RepeatedRuns} from './executor';
import {splitExecution} from './splitExecution';

/** Ops whose results hang on more than their inputs, or that do more than to compute. */
const STATEFUL = /^(Random|TruncatedNormal|Multinomial|HashTable|LookupTable|Print)/;

/**
 * Lets the inferences of a loaded model go through `runs`. Whatever is asked for by name, and whatever is fed, is an
 * inference of its own kind, and so are those with other weights. A model with ops that are not functions of their inputs
 * is left alone, and so is one with custom ops, which may be anything. So is an inference where an input is
 * missing, or is a weight at the same time.
 *
 * @returns whether they do
 */
export function planExecution(model: GraphModel, runs: RepeatedRuns): boolean {
  const {executor} = model as unknown as {executor: Executor};
  const nodes = Object.values(executor.graph.nodes) as ExecutorNode[];
  if (nodes.some(({op, category}) => STATEFUL.test(op) || category === 'custom')) return false;
  const execute = executor.execute.bind(executor);
  const dispose = executor.dispose.bind(executor);
  executor.dispose = () => {
    runs.forget();
    dispose();
  };
  let weights: readonly Tensor[] = [];
  let changes = 0;
  executor.execute = (inputs, outputs) => {
    if (!runs.isActive()) return execute(inputs, outputs);
    const names = Object.keys(inputs).sort();
    const given = names.map((name) => inputs[name] as Tensor | undefined);
    if (!areThese(executor.weightMap, weights)) {
      weights = Object.values(executor.weightMap).flat();
      changes++;
    }
    if (given.some((input) => !input || weights.some(({dataId}) => dataId === input.dataId)))
      return execute(inputs, outputs);
    executor.disposeIntermediateTensors();
    return runs.run(JSON.stringify([names, outputs ?? null, changes]), given as Tensor[], () =>
      execute(inputs, outputs),
    );
  };
  splitExecution(executor, runs);
  return true;
}

/** Whether a model has these weights, in this order; asked in every inference. */
function areThese(weightMap: Executor['weightMap'], weights: readonly Tensor[]): boolean {
  let i = 0;
  for (const name in weightMap) {
    for (const tensor of weightMap[name]) if (tensor !== weights[i++]) return false;
  }
  return i === weights.length;
}
