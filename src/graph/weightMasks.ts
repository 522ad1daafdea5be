/**
 * Masks of pruned weights, for training on: what was pruned stays zero (Lin et al., arXiv 2105.14713, section 4.1, tune
 * the weights that are left).
 */
import type {GraphModel} from '@tensorflow/tfjs-converter';
import {keep, tensor, tidy, Variable, where, type io, type Tensor} from '@tensorflow/tfjs-core';
import type {Executor, ExecutorNode} from './executor';
import {PRUNED_WEIGHT} from './layerOps';
import {isLayersModel, layerPaths, weightOf, type PrunableLayersModel} from './layersModel';
import {ModelGraph} from './modelGraph';
import {CONVOLUTION_OPS, MATMUL_OPS} from './opFamilies';

/** By name of the weight, a byte for each of its values in row-major order: 1 where it stays, 0 where it is zero. */
export type WeightMasks = Readonly<Record<string, Uint8Array>>;

/** What has masks: a loaded model, or the artifacts of a graph model. */
export type MaskableModel = PrunableLayersModel | GraphModel | io.ModelArtifacts;

/** A weight that masks are of. */
interface MaskableWeight {
  values(): Float32Array;
  /** Zeros the values whose byte is 0. */
  zero(mask: Uint8Array): void;
  readonly size: number;
}

/**
 * Which weights of a model are not zero. Of a layers model: the kernels of Conv2D and Dense and the pointwise ones of
 * SeparableConv2D, by the layer's and the weight's name, such as 'conv2d_1/kernel' ('encoder/conv2d_1/kernel' within a
 * model within the model). Of a graph model: the constant weights of Conv2D and MatMul nodes, by their names in the model
 * as it is. While this backend is active the clean-up gives a graph model that loads some other names than its artifacts
 * have.
 *
 * @throws TypeError for what is no model
 */
export function getMasks(model: MaskableModel): WeightMasks {
  const weights = maskableWeights('getMasks', model).weights;
  return Object.fromEntries(
    [...weights].map(([name, weight]) => [name, Uint8Array.from(weight.values(), (value) => (value === 0 ? 0 : 1))]),
  );
}

/**
 * Makes the weights whose byte is 0 into zeros, exactly +0, and leaves all others as they are; weights without a mask, too.
 * Variables are assigned to, so that optimisers keep what they know of them. A tensor of a loaded graph model is replaced
 * and disposed of; `model.save` goes on to write what the model was loaded from.
 *
 * @param masks as `getMasks` gives them
 * @returns for artifacts new ones, for a loaded model nothing: it is changed in place
 * @throws TypeError for what is no model, RangeError naming the weight where a mask is of none, or of another size; the
 *     model is then as it was
 */
export function applyMasks(artifacts: io.ModelArtifacts, masks: WeightMasks): io.ModelArtifacts;
export function applyMasks(model: PrunableLayersModel | GraphModel, masks: WeightMasks): void;
export function applyMasks(model: MaskableModel, masks: WeightMasks): io.ModelArtifacts | undefined {
  const {weights, result} = maskableWeights('applyMasks', model);
  const found = Object.entries(masks).map(([name, mask]) => {
    const weight = weights.get(name);
    if (!weight) {
      throw new RangeError(
        `applyMasks: the model has no convolution or dense layer with a weight '${name}'. ` +
          `It has: ${[...weights.keys()].join(', ') || 'none at all'}.`,
      );
    }
    if (!(mask instanceof Uint8Array) || mask.length !== weight.size) {
      const length = (mask as Uint8Array | undefined)?.length;
      throw new RangeError(
        `applyMasks: the mask of '${name}' has ${length ?? 'no'} values, a Uint8Array of ${weight.size} expected.`,
      );
    }
    return {weight, mask};
  });
  for (const {weight, mask} of found) if (mask.includes(0)) weight.zero(mask);
  return result();
}

/**
 * A callback for `fit` and `fitDataset` of a layers model that keeps pruned weights zero: masks are applied when training
 * begins and after every batch.
 *
 * @param masks default: those of the model as it is now
 * @throws as `applyMasks`, when it is called
 */
export function maskCallback(
  model: PrunableLayersModel,
  masks: WeightMasks = getMasks(model),
): {onTrainBegin(): Promise<void>; onBatchEnd(): Promise<void>} {
  const apply = async () => applyMasks(model, masks);
  return {onTrainBegin: apply, onBatchEnd: apply};
}

interface MaskableWeights {
  readonly weights: ReadonlyMap<string, MaskableWeight>;
  /** What applyMasks gives in the end. */
  result(): io.ModelArtifacts | undefined;
}

function maskableWeights(caller: string, model: MaskableModel): MaskableWeights {
  if (isLayersModel(model)) return {weights: ofLayers(model), result: () => undefined};
  const {executor, modelTopology} = (model ?? {}) as {executor?: Executor; modelTopology?: object};
  if (executor?.weightMap) return {weights: ofExecutor(executor), result: () => undefined};
  if (!modelTopology) {
    throw new TypeError(
      `${caller}: a loaded layers or graph model, or the artifacts of a graph model expected. A graph model has to be loaded ` +
        'before it has weights.',
    );
  }
  const graph = ModelGraph.from(model as io.ModelArtifacts);
  return {weights: ofArtifacts(graph), result: () => graph.toArtifacts()};
}

function ofLayers(model: PrunableLayersModel): Map<string, MaskableWeight> {
  const weights = new Map<string, MaskableWeight>();
  for (const [layer, path] of layerPaths(model)) {
    const key = PRUNED_WEIGHT[layer.getClassName()];
    const weight = key && weightOf(layer, key);
    if (!weight) continue;
    weights.set(`${path}/${key}`, {
      size: weight.read().size,
      values: () => weight.read().dataSync<'float32'>(),
      zero: (mask) => tidy(() => void weight.write(maskTensor(weight.read(), mask))),
    });
  }
  return weights;
}

function ofExecutor(executor: Executor): Map<string, MaskableWeight> {
  const weights = new Map<string, MaskableWeight>();
  for (const node of Object.values(executor.graph.nodes)) {
    if (!node || !(CONVOLUTION_OPS.has(node.op) || MATMUL_OPS.has(node.op))) continue;
    let source: ExecutorNode | undefined = node.inputs[1];
    while (source?.op === 'Identity') source = source.inputs[0];
    const name = source?.name;
    const {[name ?? '']: [weight] = []} = executor.weightMap;
    if (weight?.dtype !== 'float32') continue;
    weights.set(name, {
      size: weight.size,
      values: () => weight.dataSync<'float32'>(),
      zero: (mask) => {
        if (weight instanceof Variable) return tidy(() => weight.assign(maskTensor(weight, mask)));
        // Uploaded: our backend takes what a kernel has computed for an activation at first.
        const zeroed = keep(tensor(maskValues(weight.dataSync<'float32'>(), mask), weight.shape));
        // As a whole: the setter notes which tensors an inference must not dispose of.
        executor.weightMap = {...executor.weightMap, [name]: [zeroed]};
        weight.dispose();
      },
    });
  }
  return weights;
}

function ofArtifacts(graph: ModelGraph): Map<string, MaskableWeight> {
  const weights = new Map<string, MaskableWeight>();
  for (const node of graph.allNodes()) {
    const ref = CONVOLUTION_OPS.has(node.op) || MATMUL_OPS.has(node.op) ? graph.inputs(node)[1] : undefined;
    const name = ref && graph.constantBehind(ref.node);
    if (name === undefined || graph.weightType(name) !== 'float32') continue;
    const shape = graph.weightShape(name);
    weights.set(name, {
      size: shape.reduce((size, dim) => size * dim, 1),
      values: () => graph.weightValues(name),
      zero: (mask) => {
        const values = graph.weightValues(name);
        // Weights that are zero already stay the bytes that they are.
        const kept = maskValues(values, mask);
        if (kept.some((value, i) => !Object.is(value, values[i]))) graph.setWeight(name, kept, shape);
      },
    });
  }
  return weights;
}

const maskValues = (values: Float32Array, mask: Uint8Array): Float32Array =>
  values.map((value, i) => (mask[i] ? value : 0));

/** Not a product: that makes -0 and NaN. */
const maskTensor = (weight: Tensor, mask: Uint8Array): Tensor => where(tensor(mask, weight.shape, 'bool'), weight, 0);
