import {blockRows, type BlockSize, type FilterShape} from '../packed';

/** Scores from low to high; a NaN counts as the highest. */
export function sortScores(scores: Float64Array): Float64Array {
  return scores.map(rank).sort();
}

const rank = (score: number): number => (Number.isNaN(score) ? Infinity : score);

/**
 * The blocks that stay when the lowest share of them goes.
 *
 * @param scores one a block, `[blockRows, inChannels]`. A NaN counts as the highest score.
 * @param sparsity share of blocks to drop, 0 to 1: exactly `Math.round(sparsity * scores.length)` go. Of equal scores
 *     those with the lower index go first.
 * @param sorted `sortScores(scores)`, for who asks for several masks.
 * @returns one byte a block: 1 where it stays, as `packFilter` takes it.
 * @throws RangeError if sparsity is out of range.
 */
export function selectBlocks(scores: Float64Array, sparsity: number, sorted?: Float64Array): Uint8Array {
  if (!(sparsity >= 0 && sparsity <= 1)) throw new RangeError(`selectBlocks: sparsity is ${sparsity}, 0 to 1 expected`);
  const keep = new Uint8Array(scores.length).fill(1);
  const drop = Math.round(sparsity * scores.length);
  if (drop === 0) return keep;

  const ranked = scores.map(rank);
  const threshold = (sorted ?? ranked.slice().sort())[drop - 1];
  let ties = drop;
  for (let i = 0; i < ranked.length; i++) if (ranked[i] < threshold) ties--;
  for (let i = 0; i < ranked.length; i++) {
    if (ranked[i] < threshold || (ranked[i] === threshold && ties-- > 0)) keep[i] = 0;
  }
  return keep;
}

/**
 * The weights with zeros in every dropped block; kept blocks are copied bit for bit.
 *
 * @param weights `[kh, kw, inChannels, outChannels]`, row-major.
 * @param keep `[blockRows, inChannels]`, as `selectBlocks` gives it.
 * @throws RangeError if a length does not fit the shape.
 */
export function applyMask(weights: Float32Array, shape: FilterShape, n: BlockSize, keep: Uint8Array): Float32Array {
  const {kh, kw, inChannels, outChannels} = shape;
  const rows = blockRows(shape, n);
  const size = kh * kw * inChannels * outChannels;
  if (weights.length !== size) throw new RangeError(`applyMask: ${weights.length} weights, ${size} expected`);
  if (keep.length !== rows * inChannels) {
    throw new RangeError(`applyMask: the mask has ${keep.length} entries, ${rows} block rows x ${inChannels} expected`);
  }
  const masked = weights.slice();
  for (let tap = 0; tap < kh * kw; tap++) {
    for (let c = 0; c < inChannels; c++) {
      const filters = (tap * inChannels + c) * outChannels;
      for (let r = 0; r < rows; r++) {
        if (!keep[r * inChannels + c]) masked.fill(0, filters + r * n, filters + Math.min(outChannels, (r + 1) * n));
      }
    }
  }
  return masked;
}

/** Weights inside the blocks of a mask `[blockRows, inChannels]`; a ragged last row counts its real filters. */
export function weightsInBlocks(shape: FilterShape, n: BlockSize, keep: Uint8Array): number {
  const {kh, kw, inChannels, outChannels} = shape;
  let filters = 0;
  for (let r = 0, i = 0; r < blockRows(shape, n); r++) {
    const height = Math.min(n, outChannels - r * n);
    for (let c = 0; c < inChannels; c++, i++) if (keep[i]) filters += height;
  }
  return filters * kh * kw;
}
