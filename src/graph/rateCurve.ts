import {blockRows, BLOCK_SIZES, type BlockSize} from '../packed';
import {choosePath, type LayerGeometry} from '../plan';
import {firstToDrop, sortScores, type BlockGrid} from '../pruning';

/** What becomes of a layer at rates from 0 on. Each array has an entry a rate. */
export interface RateCurve {
  /** Shares of the blocks to drop, ascending. */
  readonly rates: readonly number[];
  /** Share of the scores in the dropped blocks; NaN where the scores have no finite sum. */
  readonly lost: readonly number[];
  /** Weights in blocks that are not zero. */
  readonly weights: readonly number[];
  /** What the cost model expects of the best path, with fused multiply-adds. */
  readonly ms: readonly number[];
}

/** Rates are whole percents, up to the highest. */
const STEPS = 100;

/**
 * @param filter the layer's weights, `[kh, kw, inChannels, outChannels]`, row-major.
 * @param grid its blocks; `scores` has one for each.
 * @param most the highest rate, which is the curve's last, 0 to 1.
 */
export function rateCurve(
  filter: Float32Array,
  grid: BlockGrid,
  scores: Float64Array,
  geometry: LayerGeometry,
  most: number,
): RateCurve {
  const rates = Array.from({length: Math.ceil(most * STEPS - 1e-9) || 1}, (_, i) => i / STEPS);
  if (most > 0) rates.push(most);
  const sorted = sortScores(scores);
  const {weights, kept} = countKept(filter, grid, firstToDrop(scores, rates, sorted), rates.length);
  const ms = rates.map((_, i) => {
    const sizes = Object.fromEntries(BLOCK_SIZES.map((size, level) => [size, kept[level][i]]));
    return choosePath(geometry, {kept: sizes as Record<BlockSize, number>}, 'relaxed').expectedMs;
  });
  return {rates, lost: lostShares(sorted, rates), weights, ms};
}

/**
 * What is left at each rate: weights in nonzero blocks of the grid, and for every N entries of the matrix
 * `[kh * kw * inChannels, outChannels]` that are not zero (`layerStatistics`). All rates in one pass: an entry lives as long
 * as the longest-lived of its nonzero weights.
 */
function countKept(filter: Float32Array, {shape, n}: BlockGrid, first: Uint8Array, rates: number) {
  const {kh, kw, inChannels, outChannels} = shape;
  const shift = Math.log2(n);
  const ends = BLOCK_SIZES.map(() => new Int32Array(rates + 1));
  const isNonzero = new Uint8Array(first.length);
  const lives = new Uint8Array(outChannels + 1);
  for (let row = 0, i = 0; row < kh * kw * inChannels; row++) {
    for (let o = 0, c = row % inChannels; o < outChannels; o++, i++) {
      const block = (o >> shift) * inChannels + c;
      lives[o] = filter[i] !== 0 ? first[block] : 0;
      if (filter[i] !== 0) isNonzero[block] = 1;
    }
    let length = outChannels;
    for (const end of ends) {
      lives[length] = 0;
      for (let j = 0; j < length; j++) end[lives[j]]++;
      length = (length + 1) >> 1;
      for (let j = 0; j < length; j++) {
        const [a, b] = [lives[2 * j], lives[2 * j + 1]];
        lives[j] = a > b ? a : b;
      }
    }
  }
  const weightEnds = new Int32Array(rates + 1);
  for (let r = 0, block = 0; r < blockRows(shape, n); r++) {
    const size = Math.min(n, outChannels - r * n) * kh * kw;
    for (let c = 0; c < inChannels; c++, block++) if (isNonzero[block]) weightEnds[first[block]] += size;
  }
  return {weights: outlasting(weightEnds), kept: ends.map(outlasting)};
}

/** For each rate how many last beyond it, of counts by the rate that ends them. */
function outlasting(ends: Int32Array): number[] {
  const counts: number[] = [];
  for (let rate = ends.length - 1, sum = 0; rate > 0; rate--) counts[rate - 1] = sum += ends[rate];
  return counts;
}

/** The share of the scores that goes at each rate, by as many blocks as `selectBlocks` drops. */
function lostShares(sorted: Float64Array, rates: readonly number[]): number[] {
  const total = sorted.reduce((sum, score) => sum + score, 0);
  let [dropped, sum] = [0, 0];
  return rates.map((rate) => {
    for (const end = Math.round(rate * sorted.length); dropped < end; dropped++) sum += sorted[dropped];
    return total < Infinity ? sum / (total || 1) : NaN;
  });
}
