/** What pruning has to know of a dense network: how much its outputs depend on each channel, and moments of inputs. */
import {dispose, matMul, transpose, type Tensor, type Tensor2D} from '@tensorflow/tfjs-core';
import {diagonalBlocks, randomNumbers, type BlockRowSolver, type FitShape} from '../../pruning';
import {gatherRows, pickPositions, positionsOf, RowChunks} from './layerRows';
import type {Progress} from './progress';
import type {Samples} from './samples';
import type {ScratchModel} from './scratchModel';
import type {WalkLayer} from './walkLayers';

/** Positions of an image that a fit looks at. */
export const POSITIONS = 49;
const CHUNK_ROWS = 4096;
/** Of the mean square of the inputs. */
const ROUNDING = 1e-3;
/** Layers whose inputs are fetched in one inference. */
const LAYERS_AT_ONCE = 12;

/** Moments of a layer's inputs, in the graph's order of columns. */
export interface InputMoments {
  /** Mean of `x x^T` about the means where the layer has a bias, `[columns, columns]`. */
  readonly normal: Float64Array;
  readonly means: Float64Array;
}

/** Moments of the inputs of layers, over some samples. */
export async function inputMoments(
  model: ScratchModel,
  layers: readonly WalkLayer[],
  samples: Samples,
  which: readonly number[],
  batchSize: number,
  seed: number,
  progress: Progress,
): Promise<InputMoments[]> {
  const moments: InputMoments[] = [];
  const random = randomNumbers(seed);
  for (let from = 0; from < layers.length; from += LAYERS_AT_ONCE) {
    const group = layers.slice(from, from + LAYERS_AT_ONCE);
    const sums = group.map((layer) => new MomentSums(layer));
    let seen = 0;
    try {
      for await (const {feeds, indices} of samples.batches(which, batchSize)) {
        const inputs = await model.run(
          feeds,
          group.map(({input}) => input),
        );
        for (const sum of sums) sum.add(inputs, random);
        dispose([feeds, inputs] as never);
        seen += indices.length;
        await progress.tell((from + (group.length * seen) / which.length) / layers.length);
      }
      moments.push(...sums.map((sum) => sum.finish()));
    } finally {
      for (const sum of sums) sum.dispose();
    }
  }
  return moments;
}

class MomentSums {
  private readonly chunks = new RowChunks(CHUNK_ROWS);
  private rows = 0;
  private normal: Float64Array | null = null;
  private means: Float64Array | null = null;

  constructor(private readonly layer: WalkLayer) {}

  add(inputs: Readonly<Record<string, Tensor>>, random: () => number): void {
    const input = inputs[this.layer.input];
    const positions = pickPositions(positionsOf(this.layer, input.shape), POSITIONS, random);
    this.chunks.add(gatherRows(this.layer, input, positions));
    for (const chunk of this.chunks.chunks.splice(0)) this.sum(chunk);
  }

  private sum(chunk: Tensor2D): void {
    const [rows, columns] = chunk.shape;
    const turned = transpose(chunk);
    const product = matMul(turned, chunk);
    const [values, all] = [product.dataSync(), chunk.dataSync()];
    dispose([chunk, turned, product]);
    const normal = (this.normal ??= new Float64Array(columns * columns));
    for (let k = 0; k < values.length; k++) normal[k] += values[k];
    const means = (this.means ??= new Float64Array(columns));
    for (let r = 0, k = 0; r < rows; r++) for (let c = 0; c < columns; c++, k++) means[c] += all[k];
    this.rows += rows;
  }

  finish(): InputMoments {
    this.chunks.flush();
    for (const chunk of this.chunks.chunks.splice(0)) this.sum(chunk);
    const [normal, means] = [this.normal!, this.means!];
    const columns = means.length;
    for (let i = 0; i < columns; i++) means[i] = this.layer.bias === null ? 0 : means[i] / this.rows;
    for (let i = 0, k = 0; i < columns; i++) {
      for (let j = 0; j < columns; j++, k++) normal[k] = normal[k] / this.rows - means[i] * means[j];
    }
    return {normal: addRounding(normal, means), means};
  }

  dispose(): void {
    this.chunks.dispose();
  }
}

/**
 * Adds to the diagonal what float32 sums may be off by: where inputs hardly vary, nothing but that is left about the means.
 *
 * @param normal mean of `x x^T` about the means
 */
export function addRounding(normal: Float64Array, means: Float64Array): Float64Array {
  const columns = means.length;
  let squares = 0;
  for (let i = 0; i < columns; i++) squares += normal[i * (columns + 1)] + means[i] ** 2;
  for (let i = 0; i < columns; i++) normal[i * (columns + 1)] += (ROUNDING * squares) / columns;
  return normal;
}

/** The inverse's diagonal blocks of a normal matrix with a ridge, `[channels, taps, taps]`. */
export async function inverseBlocks(
  solver: BlockRowSolver,
  {channels, taps}: FitShape,
  normal: Float64Array,
  ridge: number,
): Promise<Float64Array> {
  const columns = channels * taps;
  const regular = normal.slice();
  let trace = 0;
  for (let i = 0; i < columns; i++) trace += normal[i * (columns + 1)];
  for (let i = 0; i < columns; i++) regular[i * (columns + 1)] += Math.max((ridge * trace) / columns, 1e-12);
  const inverse = await solver.invert(regular, columns);
  return diagonalBlocks(inverse, channels, taps);
}
