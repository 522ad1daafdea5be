import {blockRows, type BlockSize, type FilterShape} from '../packed';
import {nthSmallest} from './nthSmallest';

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
 * @returns one byte a block: 1 where it stays, as `packFilter` takes it.
 * @throws RangeError if sparsity is out of range.
 */
export function selectBlocks(scores: Float64Array, sparsity: number): Uint8Array {
  if (!(sparsity >= 0 && sparsity <= 1)) throw new RangeError(`selectBlocks: sparsity is ${sparsity}, 0 to 1 expected`);
  const drop = Math.round(sparsity * scores.length);
  const keep = new Uint8Array(scores.length).fill(1);
  if (drop === 0) return keep;
  const ranks = scores.map(rank);
  const threshold = nthSmallest(ranks.slice(), drop - 1);
  let ties = drop;
  for (let i = 0; i < ranks.length; i++) {
    if (ranks[i] < threshold) {
      keep[i] = 0;
      ties--;
    }
  }
  for (let i = 0; ties > 0; i++) {
    if (ranks[i] === threshold) {
      keep[i] = 0;
      ties--;
    }
  }
  return keep;
}

/**
 * For each block the index of the first of some rates at which `selectBlocks` drops it; `rates.length` where it stays.
 *
 * @param rates ascending shares of blocks, 0 to 1, at most 255.
 */
export function firstToDrop(scores: Float64Array, rates: readonly number[], sorted = sortScores(scores)): Uint8Array {
  const drops = rates.map((rate) => Math.round(rate * scores.length));
  const thresholds = Float64Array.from(drops, (drop) => (drop === 0 ? -Infinity : sorted[drop - 1]));
  // Of the blocks that score as much as a threshold so many go with it.
  const ties = drops.map((drop, k) => drop - lowerBound(sorted, thresholds[k]));
  const seen = new Int32Array(rates.length);
  const first = new Uint8Array(scores.length);
  for (let i = 0; i < scores.length; i++) {
    const score = rank(scores[i]);
    let k = lowerBound(thresholds, score);
    if (thresholds[k] === score) for (const before = seen[k]++; thresholds[k] === score && before >= ties[k];) k++;
    first[i] = k;
  }
  return first;
}

/** The index of the first of ascending values that is at least `least`. */
function lowerBound(values: Float64Array, least: number): number {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < least) low = middle + 1;
    else high = middle;
  }
  return low;
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
