/** How a group's channels can be put into order: as `rearrange` among the options of pruning names it. */
import type {BlockSize, BlockStatistics} from '../packed';
import {choosePath, type LayerGeometry} from '../plan';
import {filterNorms, gatherZeros, l1BlockScores, orderByNorm, searchOrder, type KeptShares} from '../pruning';
import type {OrderingMethod} from './planOrders';
import type {Layer} from './pruneLayers';
import type {REARRANGE_METHODS} from './pruneOptions';

/** What pruning a layer will ask for. */
export interface PlannedRate {
  readonly n: BlockSize;
  readonly sparsity: number;
}

/** What the methods have to know of layers, and whom they tell. */
export interface OrderingContext {
  /** A layer as the cost model takes it. */
  readonly geometryOf: (layer: Layer) => LayerGeometry;
  /** What is to be done with a layer to be pruned. */
  readonly rateOf: (layer: Layer) => PlannedRate;
  readonly seed: number;
  /** Scores of a layer's weights for the search, `[outChannels, inChannels]`; without it, sums of absolute weights. */
  readonly scoresOf?: (layer: Layer) => Float64Array;
  /** Called with the shares that a layer's blocks keep by the orders that a search has looked at. */
  readonly report: (layer: Layer, kept: KeptShares) => void;
}

/** The method of a name; 'none' is that of no group. */
export function orderingMethod(
  name: 'none' | (typeof REARRANGE_METHODS)[number],
  context: OrderingContext,
): OrderingMethod {
  if (name === 'search') return searched(context);
  return name === 'zeros' ? gathered(context) : sortedByNorm;
}

/**
 * The paper's order, by descending l1 norm of the filters (Lin et al., arXiv 2105.14713, section 3.3). The norms of
 * several layers are added, those of each divided by their sum.
 */
const sortedByNorm: OrderingMethod = (channels, filters) => {
  const sums = new Float64Array(channels);
  for (const {weights, shape, multiplier} of filters) {
    const norms = filterNorms(weights, shape);
    const total = norms.reduce((sum, norm) => sum + norm, 0) || 1;
    norms.forEach((norm, filter) => (sums[Math.floor(filter / multiplier)] += norm / total));
  }
  return orderByNorm(sums);
};

/** The order for which the blocks that stay keep most of the sum of absolute weights: see `searchOrder`. */
const searched =
  ({rateOf, seed, scoresOf, report}: OrderingContext): OrderingMethod =>
  (channels, filters) => {
    const scores = filters.map(({layer, weights, shape, from, multiplier}) => {
      const {inChannels, outChannels} = shape;
      const all = scoresOf?.(layer).subarray(from * inChannels, (from + outChannels) * inChannels);
      return channelScores(all ?? l1BlockScores(weights, shape, 1), inChannels, multiplier);
    });
    if (!scores.every(isSummable)) return 'its weights are not all finite, so that their scores have no sum';
    const {order, kept} = searchOrder(
      channels,
      filters.map(({layer, multiplier}, i) => {
        const {n, sparsity} = rateOf(layer);
        // Neighbours that move together are one channel here.
        const size = Math.max(1, Math.floor(n / multiplier)) as BlockSize;
        return {name: layer.description.name, scores: scores[i], n: size, rate: sparsity};
      }),
      {seed},
    );
    filters.forEach(({layer}, i) => report(layer, kept[i]));
    return order;
  };

/** Scores `[channels, inChannels]`: sums over neighbours that move together. */
function channelScores(scores: Float64Array, inChannels: number, multiplier: number): Float64Array {
  if (multiplier === 1) return scores;
  const sums = new Float64Array(scores.length / multiplier);
  for (let i = 0; i < scores.length; i++) {
    const channel = Math.floor(i / inChannels / multiplier);
    sums[channel * inChannels + (i % inChannels)] += scores[i];
  }
  return sums;
}

const isSummable = (scores: Float64Array): boolean => Number.isFinite(scores.reduce((sum, score) => sum + score, 0));

/**
 * The order in which filters with alike zeros are neighbours, so that blocks vanish that were only thinned, where the cost
 * model expects time from it: see `gatherZeros`. Nothing is lost by it.
 */
const gathered =
  ({geometryOf}: OrderingContext): OrderingMethod =>
  (channels, filters) => {
    if (filters.some(({multiplier}) => multiplier > 1)) return 'its channels have neighbours that move with them';
    const zeros = filters.map(({layer, weights, shape}) => {
      const geometry = {...geometryOf(layer), filter: shape};
      const expectedTime = (kept: BlockStatistics['kept']) => choosePath(geometry, {kept}, 'relaxed').expectedMs;
      return {name: layer.description.name, weights, expectedTime};
    });
    const {order, before, after} = gatherZeros(channels, zeros);
    return after < before ? order : 'no order of its filters is expected to make it faster by 2%';
  };
