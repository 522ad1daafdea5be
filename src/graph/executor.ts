import type {NamedTensorMap, Tensor} from '@tensorflow/tfjs-core';

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
  weightMap: Readonly<Record<string, Tensor[]>>;
  execute(inputs: NamedTensorMap, outputs?: string[]): Tensor[];
  executeAsync(inputs: NamedTensorMap, outputs?: string[]): Promise<Tensor[]>;
  /** Forgets what an inference before left under the flag KEEP_INTERMEDIATE_TENSORS, as every inference does. */
  disposeIntermediateTensors(): void;
  dispose(): void;
  /** From keys of the signature to names of nodes. */
  mapInputs(inputs: NamedTensorMap): NamedTensorMap;
  mapOutputs(names: readonly string[]): string[];
}
