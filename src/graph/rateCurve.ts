import {BLOCK_SIZES, nonzeroBlocks, type BlockSize} from '../packed';
import {choosePath, layerStatistics, type LayerGeometry} from '../plan';
import {applyMask, selectBlocks, sortScores, weightsInBlocks, type BlockGrid} from '../pruning';

/** What becomes of a layer at rates from 0 on. Each array has an entry a rate. */
export interface RateCurve {
  /** Shares of the blocks to drop, ascending. */
  readonly rates: readonly number[];
  /** Share of the scores in the dropped blocks; NaN where they are not all finite. */
  readonly lost: readonly number[];
  /** Weights in blocks that are not zero. */
  readonly weights: readonly number[];
  /** What the cost model expects of the best path, with fused multiply-adds. */
  readonly ms: readonly number[];
}

/** Rates are whole percents, up to the highest. */
const STEPS = 100;
/** Every so many of them blocks are dropped and counted; in between counts are interpolated. */
const COUNTED = 10;

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
  const {shape, n} = grid;
  const rates = Array.from({length: Math.ceil(most * STEPS - 1e-9)}, (_, i) => i / STEPS);
  if (most > 0 || rates.length === 0) rates.push(most);
  const sorted = sortScores(scores);
  const nonzero = nonzeroBlocks(filter, shape, n);

  const count = (rate: number): number[] => {
    const keep = selectBlocks(scores, rate, sorted);
    const {kept} = layerStatistics(applyMask(filter, shape, n, keep), geometry.filter);
    const weights = weightsInBlocks(shape, n, nonzero.map((bit, i) => bit & keep[i])); // prettier-ignore
    return [weights, ...BLOCK_SIZES.map((size) => kept[size])];
  };
  const counts: number[][] = [];
  rates.forEach((rate, i) => {
    if (i % COUNTED === 0 || i === rates.length - 1) counts[i] = count(rate);
  });
  rates.forEach((rate, i) => {
    if (counts[i]) return;
    const from = i - (i % COUNTED);
    const to = Math.min(from + COUNTED, rates.length - 1);
    const share = (rate - rates[from]) / (rates[to] - rates[from]);
    counts[i] = counts[from].map((value, j) => value + share * (counts[to][j] - value));
  });
  const ms = counts.map(([, ...sizes]) => {
    const kept = Object.fromEntries(BLOCK_SIZES.map((size, i) => [size, sizes[i]])) as Record<BlockSize, number>;
    return choosePath(geometry, {kept}, 'relaxed').expectedMs;
  });
  return {rates, lost: lostShares(sorted, rates), weights: counts.map(([weights]) => weights), ms};
}

/** The share of the scores that goes at each rate, by as many blocks as `selectBlocks` drops. */
function lostShares(sorted: Float64Array, rates: readonly number[]): number[] {
  const total = sorted.reduce((sum, score) => sum + score, 0);
  let [dropped, sum] = [0, 0];
  return rates.map((rate) => {
    for (const end = Math.round(rate * sorted.length); dropped < end; dropped++) sum += sorted[dropped];
    return total === 0 ? 0 : sum / total;
  });
}
