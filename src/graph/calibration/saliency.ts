/** What the weights of dense layers are worth, and what is lost without some of their blocks. */
import type {BlockSize} from '../../packed';
import {
  BlockLeastSquares,
  invertOrder,
  searchOrder,
  selectBlocks,
  surgeonScores,
  type BlockRowSolver,
  type ChannelOrder,
  type FitShape,
} from '../../pruning';
import {ColumnOrder} from './columnOrder';
import type {LayerWeights} from './layerFit';
import {inverseBlocks, type InputMoments} from './study';

/** Ridge of scores on the dense network's inputs, in units of the mean diagonal of their moments. */
const RIDGE = 1e-2;

/** A layer that may be pruned, as the dense network has it. */
export interface Candidate {
  readonly name: string;
  /** Its filters by themselves. */
  readonly shape: Omit<FitShape, 'n'>;
  readonly dense: LayerWeights;
  readonly importance: Float64Array;
  readonly moments: InputMoments;
  /** What the outputs lose without a weight, or the taps of a channel: `[filters, channels]`. */
  readonly saliency: Float64Array;
}

export async function makeCandidate(
  solver: BlockRowSolver,
  name: string,
  shape: Omit<FitShape, 'n'>,
  dense: LayerWeights,
  importance: Float64Array,
  moments: InputMoments,
): Promise<Candidate> {
  const single: FitShape = {...shape, n: 1};
  const order = new ColumnOrder(single);
  const blocks = await inverseBlocks(solver, single, order.sortBoth(moments.normal), RIDGE);
  const fit = {
    weights: order.rowsOf(dense.filter),
    inverseBlocks: Array.from({length: shape.filters}, () => blocks),
  };
  return {name, shape, dense, importance, moments, saliency: surgeonScores(single, fit, importance, null)};
}

/** The order of a layer's filters by themselves for which blocks that go lose least. */
export function trialOrder({name, shape, saliency}: Candidate, n: BlockSize, rate: number, seed: number): ChannelOrder {
  return searchOrder(shape.filters, [{name, scores: saliency, n, rate}], {seed, budget: 2e7}).order;
}

/** A dense layer without some of its blocks, fitted anew on the dense network's inputs. */
export async function trialWeights(
  solver: BlockRowSolver,
  {shape, dense, moments, saliency}: Candidate,
  n: BlockSize,
  order: ChannelOrder,
  rates: readonly number[],
): Promise<LayerWeights[]> {
  const {filters, channels} = shape;
  const fit: FitShape = {...shape, n};
  const columns = new ColumnOrder(fit);
  const width = channels * shape.taps;
  const place = (rows: Float64Array, by: ChannelOrder, length: number) => {
    const placed = new Float64Array(rows.length);
    by.forEach((from, to) => placed.set(rows.subarray(from * length, (from + 1) * length), to * length));
    return placed;
  };
  const weights = place(columns.rowsOf(dense.filter), order, width);
  const scores = blockSums(place(saliency, order, channels), fit);
  const normal = columns.sortBoth(moments.normal);
  const cross = product(normal, weights, width, filters);
  const problem = new BlockLeastSquares(solver, fit, normal, weights, RIDGE);
  const back = invertOrder(order);
  const trials: LayerWeights[] = [];
  for (const rate of rates) {
    const solved = (await problem.solve(cross, selectBlocks(scores, rate))).weights;
    const filter = columns.filterOf(place(solved, back, width));
    trials.push({filter, bias: dense.bias && shiftBias(dense, filter, moments.means)});
  }
  return trials;
}

/** So that the mean outputs stay. */
function shiftBias({filter, bias}: LayerWeights, changed: Float32Array, means: Float64Array): Float32Array {
  const filters = bias!.length;
  const shifted = Float64Array.from(bias!);
  for (let k = 0, at = 0; k < means.length; k++) {
    for (let f = 0; f < filters; f++, at++) shifted[f] += (filter[at] - changed[at]) * means[k];
  }
  return Float32Array.from(shifted);
}

function blockSums(scores: Float64Array, {filters, channels, n}: FitShape): Float64Array {
  const sums = new Float64Array(Math.ceil(filters / n) * channels);
  for (let f = 0, at = 0; f < filters; f++) {
    const row = Math.floor(f / n) * channels;
    for (let c = 0; c < channels; c++, at++) sums[row + c] += scores[at];
  }
  return sums;
}

/** `H W^T`, `[width, filters]`. */
function product(normal: Float64Array, weights: Float64Array, width: number, filters: number): Float64Array {
  const result = new Float64Array(width * filters);
  for (let f = 0; f < filters; f++) {
    for (let k = 0; k < width; k++) {
      const weight = weights[f * width + k];
      if (weight === 0) continue;
      for (let i = 0; i < width; i++) result[i * filters + f] += normal[k * width + i] * weight;
    }
  }
  return result;
}
