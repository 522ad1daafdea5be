import type {BlockSize} from '../packed';
import {BlockSums} from './blockSums';
import {nthSmallest} from './nthSmallest';
import {identityOrder, orderByNorm, type ChannelOrder} from './order';
import {randomNumbers} from './random';
import {swapChannels} from './swapChannels';

/** How channels are ordered before pruning: as they are, by norm (the paper's choice), or by search. */
export const ORDER_METHODS = ['none', 'sort', 'search'] as const;

/** One of `ORDER_METHODS`. */
export type OrderMethod = (typeof ORDER_METHODS)[number];

/** What pruning one filter of a group will ask for. */
export interface FilterScores {
  /** What errors call the filter. */
  readonly name: string;
  /**
   * A score for every weight or column of taps, `[channels, columns]`, row-major, at least 0 and finite; a block's score
   * is the sum over its channels. For l1: `l1BlockScores(weights, shape, 1)`.
   */
  readonly scores: Float64Array;
  readonly n: BlockSize;
  /** Share of the filter's blocks to drop, 0 to 1. */
  readonly rate: number;
}

export interface OrderOptions {
  /** Default 'search'. */
  readonly method?: OrderMethod;
  /** Of the order in which the search visits channels. Default 0. */
  readonly seed?: number;
  /** Blocks that the search looks at, at most: about a nanosecond each. Default 100 million. */
  readonly budget?: number;
}

/** Share of the scores in the blocks that stay, 0 to 1, for each order that was computed; 1 where all scores are 0. */
export interface KeptShares {
  readonly none: number;
  readonly sort?: number;
  readonly search?: number;
}

export interface FoundOrder {
  readonly order: ChannelOrder;
  /** For every filter, as given. */
  readonly kept: readonly KeptShares[];
  /** Their mean, which the search maximises. */
  readonly meanKept: KeptShares;
}

const BUDGET = 1e8;
/** The search ends with a pass that raises the share kept by less. */
const LEAST_RISE = 2e-4;
/** Small groups start several times, as long as a share of the budget lasts: ends differ by some tenths of a percent. */
const STARTS = 8;
const SHARE_FOR_STARTS = 0.05;

/**
 * Finds the order of a group's channels for which pruning keeps most of the scores: channels that matter in the same
 * columns share block rows. The filters of a group are those whose output channels have to move together; each counts as
 * much as another, whatever the size of its scores.
 *
 * 'sort' is the filter rearrangement of Lin et al., arXiv 2105.14713, section 3.3: by descending sum of scores. 'search'
 * starts from the better one of the order as it is and the sorted one, and swaps channels as long as that raises
 * `sum(max(block - threshold, 0))`, the threshold being the score up to which blocks are dropped; so it never keeps less
 * than the two; small groups start from shuffled orders, too. Nothing moves where no order differs from another: N = 1, a single block row, a rate of 0 or 1.
 *
 * @param channels output channels of each filter.
 * @returns the same for the same arguments.
 * @throws RangeError that names the filter where scores are not finite, negative or of another length, or its rate is out of
 *     range.
 */
export function searchOrder(
  channels: number,
  filters: readonly FilterScores[],
  {method = 'search', seed = 0, budget = BUDGET}: OrderOptions = {},
): FoundOrder {
  const group = filters.map((filter) => new RatedFilter(channels, filter));
  const relevant = group.filter(({orderMatters}) => orderMatters);
  const keptBy = (order: ChannelOrder) => group.map((filter) => filter.place(order));

  const identity = identityOrder(channels);
  const none = keptBy(identity);
  if (method === 'none') return report(identity, {none});
  const norms = new Float64Array(channels);
  for (const filter of relevant) filter.addNorms(norms);
  const sorted = relevant.length ? orderByNorm(norms) : identity;
  const sort = keptBy(sorted);
  if (method === 'sort') return report(sorted, {none, sort});

  const sums = relevant.map((filter) => filter.blocks);
  const random = randomNumbers(seed);
  let start = mean(sort) > mean(none) ? sorted : identity;
  let found = {order: start, search: keptBy(start)};
  let left = relevant.length ? budget : 0;
  for (let starts = 1; left > 0; starts++) {
    const order = start.slice();
    for (let kept = mean(keptBy(order)); left > 0;) {
      const {swaps, looked} = swapChannels(sums, order, random, left);
      left -= looked;
      const search = keptBy(order);
      const rise = mean(search) - kept;
      kept += rise;
      if (kept > mean(found.search)) found = {order: order.slice(), search};
      if (swaps === 0 || rise < LEAST_RISE) break;
    }
    if (starts === STARTS || left < budget * (1 - SHARE_FOR_STARTS)) break;
    start = shuffle(identity, random);
  }
  return report(found.order, {none, sort, search: found.search});
}

function shuffle(order: ChannelOrder, random: () => number): ChannelOrder {
  const shuffled = order.slice();
  for (let i = shuffled.length - 1; i > 0; i--) {
    const other = Math.floor(random() * (i + 1));
    [shuffled[i], shuffled[other]] = [shuffled[other], shuffled[i]];
  }
  return shuffled;
}

const mean = (values: readonly number[]): number =>
  values.length ? values.reduce((sum, value) => sum + value) / values.length : 1;

function report(order: ChannelOrder, kept: Partial<Record<OrderMethod, number[]>> & {none: number[]}): FoundOrder {
  const shares = (pick: (values: number[]) => number) =>
    Object.fromEntries(Object.entries(kept).map(([method, values]) => [method, pick(values)])) as unknown as KeptShares;
  return {order, kept: kept.none.map((_, i) => shares((values) => values[i])), meanKept: shares(mean)};
}

/** A filter's scores, divided by their sum, in blocks that are to be dropped at its rate. */
class RatedFilter {
  readonly blocks: BlockSums;
  readonly orderMatters: boolean;
  private readonly scores: Float64Array;
  private readonly columns: number;
  private readonly drop: number;

  constructor(
    private readonly channels: number,
    {name, scores, n, rate}: FilterScores,
  ) {
    if (!(rate >= 0 && rate <= 1)) throw new RangeError(`searchOrder: the rate of ${name} is ${rate}, 0 to 1 expected`);
    this.columns = scores.length / channels;
    if (!Number.isInteger(this.columns) || this.columns === 0) {
      throw new RangeError(
        `searchOrder: ${name} has ${scores.length} scores, columns for each of ${channels} channels expected`,
      );
    }
    let total = 0;
    for (let i = 0; i < scores.length; i++) {
      if (!(scores[i] >= 0 && (total += scores[i]) < Infinity)) {
        const at = `channel ${Math.floor(i / this.columns)}, column ${i % this.columns}`;
        throw new RangeError(
          `searchOrder: the score of ${name} at ${at} is ${scores[i]}, 0 or more and a finite sum expected`,
        );
      }
    }
    const blocks = Math.ceil(channels / n) * this.columns;
    this.drop = total > 0 ? Math.round(rate * blocks) : 0;
    this.orderMatters = n > 1 && n < channels && this.drop > 0 && this.drop < blocks;
    this.scores = total > 0 ? scores.map((score) => score / total) : scores;
    this.blocks = new BlockSums(this.scores, channels, this.columns, n);
  }

  /** Sums up the blocks of an order, sets the threshold that drops as many as are to go, and returns the share kept. */
  place(order: ChannelOrder): number {
    const sums = this.blocks.sum(order).slice();
    if (this.drop === 0) return 1;
    this.blocks.setThreshold(nthSmallest(sums, this.drop - 1));
    let dropped = 0;
    for (let i = 0; i < this.drop; i++) dropped += sums[i];
    return this.drop === sums.length ? 0 : 1 - dropped;
  }

  addNorms(norms: Float64Array): void {
    for (let c = 0, i = 0; c < this.channels; c++) {
      for (const end = i + this.columns; i < end; i++) norms[c] += this.scores[i];
    }
  }
}
