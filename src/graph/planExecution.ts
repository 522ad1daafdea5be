import type {GraphModel} from '@tensorflow/tfjs-converter';
import type {NamedTensorMap, Tensor} from '@tensorflow/tfjs-core';
import {splitExecution} from './splitExecution';

/** Runs inferences; the same `kind` names the same computation, but for the shapes of the inputs. */
export interface RepeatedRuns {
  /** Whether an inference would be more than run as ever just now. */
  isActive(): boolean;
  run(kind: string, inputs: readonly Tensor[], run: () => Tensor[]): Tensor[];
  /** Frees all that is held. */
  forget(): void;
}

/** A node of tfjs's executor. */
export interface ExecutorNode {
  readonly name: string;
  op: string;
  readonly category: string;
  readonly inputs: readonly ExecutorNode[];
  readonly inputNames: readonly string[];
  readonly children: readonly ExecutorNode[];
}

/** What tfjs-converter's GraphModel keeps to itself. */
export interface Executor {
  readonly graph: {readonly nodes: Readonly<Record<string, ExecutorNode | undefined>>};
  readonly weightMap: Readonly<Record<string, Tensor[]>>;
  execute(inputs: NamedTensorMap, outputs?: string[]): Tensor[];
  executeAsync(inputs: NamedTensorMap, outputs?: string[]): Promise<Tensor[]>;
  /** Forgets what an inference before left under the flag KEEP_INTERMEDIATE_TENSORS, as every inference does. */
  disposeIntermediateTensors(): void;
  dispose(): void;
  /** From keys of the signature to names of nodes. */
  mapInputs(inputs: NamedTensorMap): NamedTensorMap;
  mapOutputs(names: readonly string[]): string[];
}

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
