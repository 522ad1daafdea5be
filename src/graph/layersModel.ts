/** What tfjs-layers' models show of themselves, as far as pruning needs it. This package does not import tfjs-layers. */
import type {Tensor} from '@tensorflow/tfjs-core';

/** A layer's variable. `write` keeps the variable, and with it what an optimiser knows of it. */
export interface LayerWeight {
  /** The name of the layer and that of the weight, e.g. 'conv2d_1/kernel'. */
  readonly originalName: string;
  readonly shape: ReadonlyArray<number | null>;
  read(): Tensor;
  write(values: Tensor): unknown;
}

/** A tensor of the model before it is computed: output `tensorIndex` of call `nodeIndex` of a layer. */
export interface SymbolicTensorLike {
  readonly shape: ReadonlyArray<number | null>;
  readonly sourceLayer: PrunableLayer;
  readonly nodeIndex: number;
}

/** One call of a layer. A model that is a layer has one more, without `inboundLayers`, that makes it up. */
export interface LayerCallLike {
  readonly inboundLayers: readonly object[];
  readonly inputTensors: readonly SymbolicTensorLike[];
  readonly outputTensors: readonly SymbolicTensorLike[];
}

/** A layer, or a model within a model. */
export interface PrunableLayer {
  readonly name: string;
  readonly weights: readonly LayerWeight[];
  readonly inboundNodes: readonly LayerCallLike[];
  readonly outboundNodes: readonly LayerCallLike[];
  getClassName(): string;
  getConfig(): object;
  /** Computes the outputs for tensors. */
  apply(inputs: Tensor[], options?: {readonly training: boolean}): unknown;
  /** These three of a model. */
  readonly layers?: readonly PrunableLayer[];
  readonly inputs?: readonly SymbolicTensorLike[];
  readonly outputs?: readonly SymbolicTensorLike[];
}

/** A functional or sequential model of tfjs-layers. */
export interface PrunableLayersModel extends PrunableLayer {
  readonly layers: readonly PrunableLayer[];
  readonly inputs: readonly SymbolicTensorLike[];
  readonly outputs: readonly SymbolicTensorLike[];
}

/** A model, or a layer that is one. */
export function isLayersModel(value: unknown): value is PrunableLayersModel {
  const {layers, inputs, outputs} = (value ?? {}) as Partial<PrunableLayersModel>;
  return [layers, inputs, outputs].every(Array.isArray);
}

/** All layers of a model, those of models within it, too, by their names joined by '/', e.g. 'encoder/conv2d_1'. */
export function layerPaths(model: PrunableLayersModel): Map<PrunableLayer, string> {
  const paths = new Map<PrunableLayer, string>();
  const walk = (layers: readonly PrunableLayer[], prefix: string): void => {
    for (const layer of layers) {
      if (paths.has(layer)) continue;
      paths.set(layer, prefix + layer.name);
      if (isLayersModel(layer)) walk(layer.layers, `${prefix}${layer.name}/`);
    }
  };
  walk(model.layers, '');
  return paths;
}

/** What a layer computes of tensors in an inference. */
export const inferLayer =
  (layer: PrunableLayer) =>
  (inputs: Tensor[]): Tensor | Tensor[] =>
    layer.apply(inputs, {training: false}) as Tensor | Tensor[];

/** A layer's weight by its name within the layer, e.g. 'kernel'. */
export function weightOf(layer: PrunableLayer, key: string): LayerWeight | undefined {
  return layer.weights.find(({originalName}) => originalName.slice(originalName.lastIndexOf('/') + 1) === key);
}
