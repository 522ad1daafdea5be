import {blockRows, type BlockSize, type FilterShape} from '../packed';
import {randomNumbers} from './random';

/** How blocks are ranked: by the sum of their absolute weights (the paper's choice), or by chance. */
export const CRITERIA = ['l1', 'random'] as const;

/** One of `CRITERIA`. */
export type Criterion = (typeof CRITERIA)[number];

/**
 * l1 norm of every block: the sum of the absolute values of its `kh * kw * N` weights (Lin et al., arXiv 2105.14713,
 * section 3.2). A ragged last block row has fewer filters and so lower scores.
 *
 * @param weights `[kh, kw, inChannels, outChannels]`, row-major.
 * @returns `[blockRows, inChannels]`, row-major; NaN for a block that holds a NaN.
 */
export function l1BlockScores(weights: Float32Array, shape: FilterShape, n: BlockSize): Float64Array {
  const {inChannels, outChannels} = shape;
  const rows = blockRows(shape, n);
  const scores = new Float64Array(rows * inChannels);
  for (let tap = 0, i = 0; tap < shape.kh * shape.kw; tap++) {
    for (let c = 0; c < inChannels; c++) {
      for (let r = 0; r < rows; r++) {
        const end = i + Math.min(n, outChannels - r * n);
        let sum = 0;
        for (; i < end; i++) sum += Math.abs(weights[i]);
        scores[r * inChannels + c] += sum;
      }
    }
  }
  return scores;
}

/** A uniform score in [0, 1) for every block, `[blockRows, inChannels]`: the same for the same seed and shape. */
export function randomBlockScores(shape: FilterShape, n: BlockSize, seed: number): Float64Array {
  const next = randomNumbers(seed);
  return new Float64Array(blockRows(shape, n) * shape.inChannels).map(next);
}

/** The scores by which a criterion ranks blocks; `seed` is for the criterion 'random'. */
export function blockScores(
  criterion: Criterion,
  weights: Float32Array,
  shape: FilterShape,
  n: BlockSize,
  seed: number,
): Float64Array {
  return criterion === 'random' ? randomBlockScores(shape, n, seed) : l1BlockScores(weights, shape, n);
}
