/** The walk from the inputs to the outputs on which each layer is fitted to what the dense network computes. */
import {
  add,
  dispose,
  matMul,
  sub,
  tensor1d,
  tensor2d,
  tidy,
  type NamedTensorMap,
  type Tensor,
  type Tensor2D,
} from '@tensorflow/tfjs-core';
import {fitDepthwise, randomNumbers, type BlockRowSolver, type FitShape} from '../../pruning';
import type {ModelGraph} from '../modelGraph';
import {readFilter} from '../pruneLayers';
import {DEPTHWISE_ROUNDS, FitData, fitLayer, RELAX, storedWeights, type LayerWeights} from './layerFit';
import {gatherPixels, gatherRows, pickPositions, positionsOf, RowChunks} from './layerRows';
import type {Progress} from './progress';
import type {ScratchModel} from './scratchModel';
import {POSITIONS} from './study';
import type {Walk} from './walk';
import type {WalkLayer} from './walkLayers';

const CHUNK_ROWS = 4096;
/** What the rows of one layer may take: inputs, targets and what bounds them. */
const MOST_BYTES = 250e6;
/** Ten unknowns a channel need no more rows. */
const DEPTHWISE_ROWS = 2400;

/** What is to be done with a layer; its importance is by filter, in the order of the graph. */
export interface SweepTask {
  readonly shape: FitShape;
  readonly rate: number | null;
  readonly mayKeep: Uint8Array | null;
  readonly importance: Float64Array;
  /** It has one row a sample to learn from. */
  readonly isClassifier: boolean;
}

/** The filters and biases that a sweep has found, as the graph stores them, by the names of the constants. */
export interface SweepResult {
  readonly weights: Map<string, Float32Array>;
  /** Relative squared errors on the samples of the fit, by layer. */
  readonly errors: Map<string, number>;
}

/**
 * Fits layer after layer on what the pruned network computes up to there, to what the dense network gives; where the output
 * goes to a sum, what the shortcut has lost is added to the target.
 *
 * @param tasks of convolutions and matrix products, by name; the others stay as they are, but for depthwise ones
 */
export async function sweep(
  graph: ModelGraph,
  layers: readonly WalkLayer[],
  tasks: ReadonlyMap<string, SweepTask>,
  walk: Walk,
  pruned: ScratchModel,
  solver: BlockRowSolver,
  seed: number,
  samples: number,
  progress: Progress,
): Promise<SweepResult> {
  const result: SweepResult = {weights: new Map(), errors: new Map()};
  const random = randomNumbers(seed);
  const store = (layer: WalkLayer, fitted: LayerWeights) => {
    for (const [name, values] of storedWeights(layer, fitted)) {
      result.weights.set(name, values);
      pruned.setWeight(name, values, graph.weightShape(name));
    }
  };
  let done = 0;
  for (const layer of layers) {
    await progress.tell(done++ / layers.length);
    const task = tasks.get(layer.name);
    if (layer.isDepthwise) {
      if (!walk.hasChanged) continue;
      const fitted = await refitDepthwise(graph, layer, walk, samples, random);
      store(layer, fitted);
    } else if (task && (walk.hasChanged || (task.rate ?? 0) > 0)) {
      const dense = {
        filter: readFilter(graph, layer.layer!),
        bias: layer.bias === null ? null : graph.weightValues(layer.bias),
      };
      const data = await collect(layer, dense, walk, samples, random);
      try {
        const fitted = await fitLayer(solver, data, {...task, dense, clip: layer.clip});
        result.errors.set(layer.name, fitted.relativeError);
        if (task.rate === null) dense.filter.forEach((weight, i) => weight === 0 && (fitted.filter[i] = 0));
        store(layer, fitted);
      } finally {
        data.dispose();
      }
      walk.changed();
    }
  }
  return result;
}

/** Rows of the pruned network's inputs, and what the layer should give for them. */
async function collect(
  layer: WalkLayer,
  dense: {filter: Float32Array; bias: Float32Array | null},
  walk: Walk,
  samples: number,
  random: () => number,
): Promise<FitData> {
  const {input, shortcut} = layer;
  const [inputs, targets] = [new RowChunks(CHUNK_ROWS), new RowChunks(CHUNK_ROWS)];
  let weights: {matrix: Tensor2D; bias: Tensor | null} | undefined;
  let most = 0;
  try {
    await walk.visit(layer.name, shortcut ? [input, shortcut.other] : [input], (ours, theirs) => {
      const all = positionsOf(layer, ours[input].shape);
      if (!weights) {
        const taps = layer.window ? layer.window.taps[0] * layer.window.taps[1] : 1;
        const columns = taps * ours[input].shape.at(-1)!;
        const filters = dense.filter.length / columns;
        weights = {matrix: tensor2d(dense.filter, [columns, filters]), bias: dense.bias && tensor1d(dense.bias)};
        most = Math.min(POSITIONS, Math.max(1, Math.floor(MOST_BYTES / samples / (4 * (2 * columns + 3 * filters)))));
      }
      const positions = pickPositions(all, most, random);
      inputs.add(gatherRows(layer, theirs[input], positions));
      targets.add(tidy(() => wantedRows(layer, weights!, ours, theirs, positions)));
    });
    inputs.flush();
    targets.flush();
    return new FitData(inputs.chunks, targets.chunks, layer.bias !== null);
  } catch (error) {
    inputs.dispose();
    targets.dispose();
    throw error;
  } finally {
    if (weights) dispose([weights.matrix, ...(weights.bias ? [weights.bias] : [])]);
  }
}

function wantedRows(
  layer: WalkLayer,
  {matrix, bias}: {matrix: Tensor2D; bias: Tensor | null},
  ours: NamedTensorMap,
  theirs: NamedTensorMap,
  positions: Int32Array,
): Tensor2D {
  const product = matMul(gatherRows(layer, ours[layer.input], positions), matrix);
  const target = bias ? add(product, bias) : product;
  if (!layer.shortcut) return target as Tensor2D;
  const {other} = layer.shortcut;
  return add(target, sub(gatherPixels(ours[other], positions), gatherPixels(theirs[other], positions))) as Tensor2D;
}

async function refitDepthwise(
  graph: ModelGraph,
  layer: WalkLayer,
  walk: Walk,
  samples: number,
  random: () => number,
): Promise<{filter: Float32Array; bias: Float32Array}> {
  const {input, window, clip} = layer;
  const taps = window!.taps[0] * window!.taps[1];
  const filter = graph.weightValues(layer.filter);
  const channels = filter.length / taps;
  const bias = layer.bias === null ? new Float32Array(channels) : graph.weightValues(layer.bias);
  const perSample = Math.max(1, Math.min(25, Math.floor(DEPTHWISE_ROWS / samples)));
  const inputs: Float32Array[] = [];
  const targets: Float32Array[] = [];
  let rows = 0;
  await walk.visit(layer.name, [input], (ours, theirs) => {
    const positions = pickPositions(positionsOf(layer, ours[input].shape), perSample, random);
    const [x, u] = [gatherRows(layer, theirs[input], positions), gatherRows(layer, ours[input], positions)];
    inputs.push((x.dataSync() as Float32Array).slice());
    targets.push(applyDepthwise(u.dataSync() as Float32Array, filter, bias, taps));
    rows += x.shape[0];
    dispose([x, u]);
  });
  return fitDepthwise(
    {rows, taps, channels, inputs: join(inputs), targets: join(targets)},
    {filter, bias},
    layer.bias !== null,
    clip,
    DEPTHWISE_ROUNDS,
    RELAX,
  );
}

function applyDepthwise(inputs: Float32Array, filter: Float32Array, bias: Float32Array, taps: number): Float32Array {
  const channels = bias.length;
  const rows = inputs.length / filter.length;
  const outputs = new Float32Array(rows * channels);
  for (let r = 0, at = 0; r < rows; r++) {
    outputs.set(bias, r * channels);
    for (let i = 0; i < taps; i++, at += channels) {
      for (let c = 0; c < channels; c++) outputs[r * channels + c] += inputs[at + c] * filter[i * channels + c];
    }
  }
  return outputs;
}

function join(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, {length}) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
