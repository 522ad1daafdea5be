/** A layer fitted to what it should give, on rows of its inputs. */
import {
  add,
  clipByValue,
  matMul,
  maximum,
  minimum,
  sum,
  tensor1d,
  tensor2d,
  tidy,
  transpose,
  type Tensor,
  type Tensor2D,
} from '@tensorflow/tfjs-core';
import {ColumnOrder} from './columnOrder';
import {addRounding} from './study';
import type {WalkLayer} from './walkLayers';
import {
  BlockLeastSquares,
  chooseBlocks,
  type BlockGrid,
  transpose as transposeMatrix,
  type BlockFit,
  type BlockRowSolver,
  type Clip,
  type FitShape,
} from '../../pruning';

/** Filters as the graph has them, with biases. */
export interface LayerWeights {
  /** `[taps, channels, filters]`, row-major */
  readonly filter: Float32Array;
  /** `[filters]`; `null` where there is none and none is fitted. */
  readonly bias: Float32Array | null;
}

/** A layer's weights by the names of their constants, laid out as the graph has them. */
export function storedWeights(
  {filter, bias, layer}: WalkLayer,
  weights: LayerWeights,
): Array<[name: string, values: Float32Array]> {
  const {inChannels = 0, outChannels = 0} = layer?.description ?? {};
  const values = layer?.transposed ? transposeMatrix(weights.filter, inChannels, outChannels) : weights.filter;
  return [[filter, values], ...(bias !== null && weights.bias ? ([[bias, weights.bias]] as const) : [])] as Array<
    [string, Float32Array]
  >;
}

export interface FittedLayer extends LayerWeights {
  /** `[block rows, channels]`, `null` where nothing was pruned. */
  readonly keep: Uint8Array | null;
  /** Squared error behind the activation over the variance of what was wanted. */
  readonly relativeError: number;
}

/** What a layer is to become. */
export interface FitTask {
  readonly shape: FitShape;
  readonly dense: LayerWeights;
  readonly clip: Clip;
  /** Share of the blocks to drop; `null` fits all of them. */
  readonly rate: number | null;
  /** Blocks that may stay, `[block rows, channels]`; all without it. */
  readonly mayKeep: Uint8Array | null;
  /** How much the network's outputs depend on each filter's. */
  readonly importance: Float64Array;
  /** It has one row a sample to learn from. */
  readonly isClassifier: boolean;
}

/** A grid of blocks as least squares has it. */
export function fitShape({shape: {kh, kw, inChannels, outChannels}, n}: BlockGrid): FitShape {
  return {filters: outChannels, channels: inChannels, taps: kh * kw, n};
}

/** Ridge a column, and its bounds, in units of the mean of the normal matrix's diagonal. */
const RIDGE = 0.15 / 320;
const [LEAST_RIDGE, MOST_RIDGE] = [0.02, 0.5];
/** Fewer rows than unknowns: with a ridge below 1 it does worse on other samples than if it is left as it is. */
const CLASSIFIER_RIDGE = 5;

/**
 * The ridge towards the dense weights: the more unknowns a filter has, the more of what it learns are the samples' own ways.
 * With 800 samples of MobileNetV2 this loses less on others than one ridge for all layers.
 */
const ridgeOf = ({channels, taps}: FitShape): number =>
  Math.min(MOST_RIDGE, Math.max(LEAST_RIDGE, RIDGE * channels * taps));

/** Rounds of alternating projections before the first scores, and after the last mask; each is over-relaxed. */
const FIRST_ROUNDS = 3;
const LAST_ROUNDS = 8;
export const RELAX = 1.6;
export const DEPTHWISE_ROUNDS = 5;

/** Rows of inputs and wanted outputs, and their moments. */
export class FitData {
  private readonly transposed: Tensor2D[];
  private readonly rows: number;
  private readonly columns: number;
  readonly inputMeans: Float64Array;

  /**
   * @param inputs chunks `[rows, taps * channels]`; taken over
   * @param targets chunks `[rows, filters]`: outputs before the activation; taken over
   * @param withMeans whether a bias is fitted: moments are then about the means
   */
  constructor(
    private readonly inputs: readonly Tensor2D[],
    private readonly targets: readonly Tensor2D[],
    private readonly withMeans: boolean,
  ) {
    this.rows = inputs.reduce((sum, {shape}) => sum + shape[0], 0);
    this.columns = inputs[0].shape[1];
    this.transposed = inputs.map((chunk) => transpose(chunk) as Tensor2D);
    this.inputMeans = withMeans ? means(inputs) : new Float64Array(this.columns);
  }

  /** Mean of `x x^T` about the means, `[columns, columns]`. */
  normal(): Float64Array {
    return addRounding(this.moments(this.inputs, this.inputMeans), this.inputMeans);
  }

  /** Mean of `x a^T` about the means, `[columns, filters]`, and the means of a. */
  cross(aims: readonly Tensor2D[]): {cross: Float64Array; means: Float64Array} {
    const aimMeans = this.withMeans ? means(aims) : new Float64Array(aims[0].shape[1]);
    return {cross: this.moments(aims, aimMeans), means: aimMeans};
  }

  private moments(others: readonly Tensor2D[], otherMeans: Float64Array): Float64Array {
    const width = otherMeans.length;
    const sums = new Float64Array(this.columns * width);
    this.transposed.forEach((chunk, i) => {
      const product = matMul(chunk, others[i]);
      const values = product.dataSync();
      product.dispose();
      for (let k = 0; k < values.length; k++) sums[k] += values[k];
    });
    for (let i = 0, k = 0; i < this.columns; i++) {
      for (let j = 0; j < width; j++, k++) sums[k] = sums[k] / this.rows - this.inputMeans[i] * otherMeans[j];
    }
    return sums;
  }

  /** Targets `[rows, filters]`, chunk by chunk. */
  wanted(): readonly Tensor2D[] {
    return this.targets;
  }

  /** The outputs of filters `[columns, filters]` and biases, chunk by chunk. */
  predict(
    weights: Float32Array,
    bias: Float32Array,
    then: (prediction: Tensor2D, chunk: number) => Tensor2D,
  ): Tensor2D[] {
    return tidy(() => {
      const matrix = tensor2d(weights, [this.columns, bias.length]);
      const shift = tensor1d(bias);
      return this.inputs.map((chunk, i) => tidy(() => then(add(matMul(chunk, matrix), shift), i)));
    });
  }

  dispose(): void {
    for (const chunk of [...this.inputs, ...this.targets, ...this.transposed]) chunk.dispose();
  }
}

function means(chunks: readonly Tensor2D[]): Float64Array {
  const sums = new Float64Array(chunks[0].shape[1]);
  let rows = 0;
  for (const chunk of chunks) {
    const part = sum(chunk, 0);
    const values = part.dataSync();
    part.dispose();
    for (let i = 0; i < values.length; i++) sums[i] += values[i];
    rows += chunk.shape[0];
  }
  for (let i = 0; i < sums.length; i++) sums[i] /= rows;
  return sums;
}

/** Fits a layer; the data stays the caller's. */
export async function fitLayer(solver: BlockRowSolver, data: FitData, task: FitTask): Promise<FittedLayer> {
  const {shape, dense, clip, rate, mayKeep, importance, isClassifier} = task;
  const order = new ColumnOrder(shape);
  const problem = new BlockLeastSquares(
    solver,
    shape,
    order.sortBoth(data.normal()),
    order.rowsOf(dense.filter),
    isClassifier && rate === null ? CLASSIFIER_RIDGE : ridgeOf(shape),
  );
  const clipped = clip ? new ClippedAims(data, clip) : null;
  try {
    const target = data.cross(data.wanted());
    const cross = order.sortRows(target.cross);
    const prunes = rate !== null && rate > 0;

    /** One round: aim where the activation lets it, solve, and go further than that. */
    const refine = async (weights: Float64Array, bias: Float64Array, keep: Uint8Array | null, rounds: number) => {
      for (let round = 0; clipped && round < rounds; round++) {
        const aims = clipped.aims(order.filterOf(weights), Float32Array.from(bias));
        const aimed = data.cross(aims);
        for (const aim of aims) aim.dispose();
        const solved = (await problem.solve(order.sortRows(aimed.cross), keep)).weights;
        const shift = biasOf(data, order, solved, aimed.means);
        for (let i = 0; i < weights.length; i++) weights[i] += RELAX * (solved[i] - weights[i]);
        for (let i = 0; i < bias.length; i++) bias[i] += RELAX * (shift[i] - bias[i]);
      }
    };

    let keep: Uint8Array | null = mayKeep;
    let fit: BlockFit = await problem.solve(cross, keep, prunes);
    let bias = biasOf(data, order, fit.weights, target.means);
    if (prunes) {
      await refine(fit.weights, bias, keep, FIRST_ROUNDS);
      const chosen = await chooseBlocks(problem, shape, fit, cross, importance, rate, keep);
      keep = chosen;
      fit = await problem.solve(cross, keep);
      bias = biasOf(data, order, fit.weights, target.means);
    }
    await refine(fit.weights, bias, keep, LAST_ROUNDS);

    const filter = order.filterOf(fit.weights);
    const ownBias = dense.bias ? Float32Array.from(bias) : null;
    return {filter, bias: ownBias, keep, relativeError: relativeError(data, filter, ownBias, clip)};
  } finally {
    clipped?.dispose();
  }
}

function biasOf(data: FitData, order: ColumnOrder, weights: Float64Array, targetMeans: Float64Array): Float64Array {
  const inputMeans = Float64Array.from(order.places, (place) => data.inputMeans[place]);
  const columns = inputMeans.length;
  const bias = targetMeans.slice();
  for (let f = 0, at = 0; f < bias.length; f++) {
    for (let k = 0; k < columns; k++, at++) bias[f] -= weights[at] * inputMeans[k];
  }
  return bias;
}

function relativeError(data: FitData, filter: Float32Array, bias: Float32Array | null, clip: Clip): number {
  const {low, high} = clip ?? {low: -Infinity, high: Infinity};
  const targets = data.wanted();
  const bounded = (values: Tensor): Tensor2D => (clip ? clipByValue(values, low, high) : values) as Tensor2D;
  const filters = targets[0].shape[1];
  const outputs = data.predict(filter, bias ?? new Float32Array(filters), (prediction) => bounded(prediction));
  const sums = new Float64Array(filters);
  const squares = new Float64Array(filters);
  let [error, rows] = [0, 0];
  outputs.forEach((output, i) => {
    const wanted = tidy(() => bounded(targets[i])) as Tensor;
    const [a, b] = [output.dataSync(), wanted.dataSync()];
    for (let k = 0, f = 0; k < a.length; k++, f = f + 1 === filters ? 0 : f + 1) {
      const difference = a[k] - b[k];
      error += difference * difference;
      sums[f] += b[k];
      squares[f] += b[k] * b[k];
    }
    rows += output.shape[0];
    output.dispose();
    if (clip) wanted.dispose();
  });
  let variance = 0;
  for (let f = 0; f < filters; f++) variance += squares[f] - (sums[f] * sums[f]) / rows;
  return variance > 0 ? error / variance : 0;
}

/** Targets behind an activation that clips: a prediction on the same side of the bound is as right as the target. */
class ClippedAims {
  private readonly lower: Tensor2D[];
  private readonly upper: Tensor2D[];

  constructor(
    private readonly data: FitData,
    {low, high}: {low: number; high: number},
  ) {
    // Beyond the bounds the aim follows the prediction: far away stands for infinity, which float32 sums cannot take.
    const far = 1e30;
    this.lower = data.wanted().map((chunk) => replaceIn(chunk, (y) => (y <= low ? -far : y >= high ? high : y)));
    this.upper = data.wanted().map((chunk) => replaceIn(chunk, (y) => (y <= low ? low : y >= high ? far : y)));
  }

  aims(filter: Float32Array, bias: Float32Array): Tensor2D[] {
    return this.data.predict(
      filter,
      bias,
      (prediction, i) => minimum(maximum(prediction, this.lower[i]), this.upper[i]) as Tensor2D,
    );
  }

  dispose(): void {
    for (const chunk of [...this.lower, ...this.upper]) chunk.dispose();
  }
}

function replaceIn(chunk: Tensor2D, f: (value: number) => number): Tensor2D {
  const values = (chunk.dataSync() as Float32Array).slice();
  for (let i = 0; i < values.length; i++) values[i] = f(values[i]);
  return tensor2d(values, chunk.shape);
}
