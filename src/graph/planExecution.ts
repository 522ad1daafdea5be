import type {GraphModel} from '@tensorflow/tfjs-converter';
import type {NamedTensorMap, Tensor} from '@tensorflow/tfjs-core';

/** Runs inferences; the same `kind` names the same computation, but for the shapes of the inputs. */
export interface RepeatedRuns {
  run(kind: string, inputs: readonly Tensor[], run: () => Tensor[]): Tensor[];
}

/** What tfjs-converter's GraphModel keeps to itself. */
interface Executor {
  readonly graph?: {readonly nodes?: Readonly<Record<string, {readonly op: string; readonly category: string}>>};
  execute(inputs: NamedTensorMap, outputs?: string[]): Tensor[];
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
  const {executor} = model as unknown as {executor?: Executor};
  const nodes = Object.values(executor?.graph?.nodes ?? {});
  if (!executor || nodes.some(({op, category}) => STATEFUL.test(op) || category === 'custom')) return false;
  const execute = executor.execute.bind(executor);
  executor.execute = (inputs, outputs) => {
    const names = Object.keys(inputs).sort();
    return runs.run(
      JSON.stringify([names, outputs ?? null]),
      names.map((name) => inputs[name]),
      () => execute(inputs, outputs),
    );
  };
  return true;
}
