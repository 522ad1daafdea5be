import {Tensor} from '@tensorflow/tfjs-core';
import type {RepeatedRuns} from './executor';

/** What a layer of tfjs-layers, a wrapper of one, or a model within a model shows of itself. */
interface LayerLike {
  readonly name: string;
  readonly stateful?: boolean;
  /** Of a model. */
  readonly layers?: readonly LayerLike[];
  /** Of a wrapper. */
  readonly layer?: LayerLike;
}

/** A functional or sequential model of tfjs-layers, which this package does not import. */
export interface LayersModelLike {
  readonly name: string;
  readonly layers: readonly LayerLike[];
  readonly outputs: readonly object[];
  predict(x: Tensor | Tensor[], args?: {readonly batchSize?: number}): Tensor | Tensor[];
  predictOnBatch(x: Tensor | Tensor[]): Tensor | Tensor[];
  dispose(): unknown;
}

/** Samples that `predict` takes at a time unless it is told otherwise. */
const BATCH_SIZE = 32;

const undoOf = new WeakMap<LayersModelLike, () => void>();

/** Lets `predict` and `predictOnBatch` of a model go through `runs`: `planLayersModel` of the package. */
export function planLayers(model: LayersModelLike, runs: RepeatedRuns): () => void {
  const planned = undoOf.get(model);
  if (planned) return planned;
  const stateful = findStateful(model.layers);
  if (stateful) {
    throw new Error(
      `planLayersModel: layer '${stateful.name}' of model '${model.name}' is stateful: what it computes hangs on more than ` +
        'inputs and weights.',
    );
  }
  const {outputs, predict, predictOnBatch, dispose} = model;
  const run = (kind: string, x: Tensor | Tensor[], compute: () => Tensor | Tensor[]): Tensor | Tensor[] => {
    const inputs = [x].flat();
    // A sequential model that has got or lost a layer is another model.
    if (model.outputs !== outputs || !inputs.every((input) => input instanceof Tensor)) return compute();
    const results = runs.run(kind, inputs, () => [compute()].flat());
    return outputs.length > 1 ? results : results[0];
  };
  const undo = () => {
    Object.assign(model, {predict, predictOnBatch, dispose});
    undoOf.delete(model);
    runs.forget();
  };
  model.predict = (x, args) => {
    const compute = () => predict.call(model, x, args);
    const batchSize = args?.batchSize ?? BATCH_SIZE;
    // More are a loop over batches: a program would be as long as the data.
    return [x].flat()[0]?.shape[0] > batchSize ? compute() : run(`predict ${batchSize}`, x, compute);
  };
  model.predictOnBatch = (x) => run('predictOnBatch', x, () => predictOnBatch.call(model, x));
  model.dispose = () => {
    undo();
    return dispose.call(model);
  };
  undoOf.set(model, undo);
  return undo;
}

/** The first layer, or layer within a layer, that keeps a state between inferences. */
export function findStateful(layers: readonly LayerLike[]): LayerLike | undefined {
  for (const layer of layers) {
    const inner = findStateful(layer.layers ?? (layer.layer ? [layer.layer] : []));
    if (inner) return inner;
    if (layer.stateful) return layer;
  }
  return undefined;
}
