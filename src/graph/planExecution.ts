import type {GraphModel} from '@tensorflow/tfjs-converter';
import type {NamedTensorMap, Tensor} from '@tensorflow/tfjs-core';
import {splitExecution} from './splitExecution';

/** Runs inferences; the same `kind` names the same computation, but for the shapes of the inputs. */
export interface RepeatedRuns {
  /** Whether an inference would be more than run as ever just now. */
  isActive(): boolean;
  run(kind: string, inputs: readonly Tensor[], run: () => Tensor[]): Tensor[];
  /** Frees whatever is held for later runs. */
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
  /** From keys of the signature to names of nodes. */
  mapInputs(inputs: NamedTensorMap): NamedTensorMap;
  mapOutputs(names: readonly string[]): string[];
}

/** Ops whose results hang on more than their inputs. */
const STATEFUL = /^(Random|TruncatedNormal|Multinomial|HashTable|LookupTable)/;

/**
 * Lets the inferences of a loaded model go through `runs`. Whatever is asked for by name, and whatever is fed, is an
 * inference of its own kind. A model with ops that are not functions of their inputs is left alone, and so is one with
 * custom ops, which may be anything.
 *
 * @returns whether they do
 */
export function planExecution(model: GraphModel, runs: RepeatedRuns): boolean {
  const {executor} = model as unknown as {executor: Executor};
  const nodes = Object.values(executor.graph.nodes) as ExecutorNode[];
  if (nodes.some(({op, category}) => STATEFUL.test(op) || category === 'custom')) return false;
  const execute = executor.execute.bind(executor);
  executor.execute = (inputs, outputs) => {
    const names = Object.keys(inputs).sort();
    return runs.run(
      JSON.stringify([names, outputs ?? null]),
      names.map((name) => inputs[name]),
      () => execute(inputs, outputs),
    );
  };
  splitExecution(executor, runs);
  return true;
}
