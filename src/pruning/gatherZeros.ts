import {BLOCK_SIZES, blockStatistics, popcount, type BlockSize, type BlockStatistics} from '../packed';
import {identityOrder, permuteAxis, type ChannelOrder} from './order';

type Kept = BlockStatistics['kept'];

/** A filter that has zeros already. */
export interface FilterZeros {
  /** What errors call the filter. */
  readonly name: string;
  /** `[columns, channels]`, row-major, as `[kh, kw, inChannels, outChannels]` lies in memory: a column for every tap. */
  readonly weights: Float32Array;
  /** The time the filter's layer is expected to take with so many nonzero blocks of each N, in any unit. */
  readonly expectedTime: (kept: Kept) => number;
}

export interface GatheredZeros {
  readonly order: ChannelOrder;
  /** Expected time of all filters as they are. */
  readonly before: number;
  /** Expected time in that order: `before` where nothing moves. */
  readonly after: number;
}

/** Channels stay where they are unless the expected time falls by at least this share. */
const LEAST_GAIN = 0.02;
/** Blocks are paired until they have so many channels: kernels of larger N run in passes of 8. */
const LARGEST_BLOCK = 8;
/** Words of 32 columns that are compared at a time, at most: some 60 ms. Beyond, a sample of the words decides. */
const MOST_WORDS = 1 << 24;
/** More channels stay where they are: their pairs alone would take seconds. */
const MOST_CHANNELS = 4096;

/**
 * Finds an order of a group's channels in which filters with alike zeros are neighbours, so that whole 1xN blocks are
 * zero that were only thinned before. Nothing is lost: weights only move.
 *
 * Channels are paired by the number of columns in which both are not zero, most first: each of those is a block of two
 * that is there once instead of twice. Pairs are paired in the same way, and these once more, so one order serves N = 2,
 * 4 and 8; the expected times decide.
 *
 * @param channels output channels of each filter.
 * @param leastGain channels stay where they are unless the expected time of all filters falls by at least this share.
 * @returns the same for the same arguments.
 * @throws RangeError that names the filter whose weights are not a row of channels for every column.
 */
export function gatherZeros(
  channels: number,
  filters: readonly FilterZeros[],
  leastGain: number = LEAST_GAIN,
): GatheredZeros {
  for (const {name, weights} of filters) {
    if (!weights.length || weights.length % channels) {
      const expected = `a row of ${channels} channels for every column expected`;
      throw new RangeError(`gatherZeros: ${name} has ${weights.length} weights, ${expected}`);
    }
  }
  const keptOf = (weights: Float32Array) =>
    blockStatistics(weights, {kh: 1, kw: 1, inChannels: weights.length / channels, outChannels: channels}).kept;
  const timeOf = (kept: readonly Kept[]) => filters.reduce((sum, filter, i) => sum + filter.expectedTime(kept[i]), 0);

  const kept = filters.map(({weights}) => keptOf(weights));
  const before = timeOf(kept);
  const least = before * (1 - leastGain);
  const asItIs = {order: identityOrder(channels), before, after: before};
  if (channels > MOST_CHANNELS || timeOf(kept.map(fewest)) > least) return asItIs;
  const order = pairUp(channels, filters);
  const rearrange = ({weights}: FilterZeros) => permuteAxis(weights, [weights.length / channels, channels], 1, order);
  const after = timeOf(filters.map((filter) => keptOf(rearrange(filter))));
  return after < before && after <= least ? {order, before, after} : asItIs;
}

/** Nonzero blocks, were they all full: no order has fewer. */
function fewest(kept: Kept): Kept {
  const blocks = BLOCK_SIZES.map((n) => [n, Math.ceil(kept[1] / n)] as const);
  return Object.fromEntries(blocks) as Record<BlockSize, number>;
}

/** The order that pairs channels, pairs of them, and pairs of those. Blocks that find no other stand last. */
function pairUp(channels: number, filters: readonly FilterZeros[]): ChannelOrder {
  const bits = nonzeroBits(channels, filters);
  const {perBlock} = bits;
  let {words} = bits;
  let blocks = Array.from({length: channels}, (_, channel) => [channel]);
  const last: number[][] = [];
  while (blocks.length && blocks[0].length < LARGEST_BLOCK) {
    const partners = matchPairs(words, blocks.length, perBlock);
    const union = new Int32Array((blocks.length >> 1) * perBlock);
    const pairs: number[][] = [];
    partners.forEach((b, a) => {
      if (b === a) last.unshift(blocks[a]);
      if (b <= a) return;
      for (let i = 0; i < perBlock; i++) {
        union[pairs.length * perBlock + i] = words[a * perBlock + i] | words[b * perBlock + i];
      }
      pairs.push([...blocks[a], ...blocks[b]]);
    });
    [words, blocks] = [union, pairs];
  }
  return Int32Array.from([...blocks, ...last].flat());
}

/** A bit for every column of every filter that has zeros, 1 where a channel is not zero: `perBlock` words a channel. */
function nonzeroBits(channels: number, filters: readonly FilterZeros[]): {words: Int32Array; perBlock: number} {
  const sparse = filters.filter(({weights}) => weights.includes(0));
  const perFilter = sparse.map(({weights}) => Math.ceil(weights.length / channels / 32));
  const perBlock = perFilter.reduce((sum, count) => sum + count, 0);
  const words = new Int32Array(channels * perBlock);
  sparse.forEach(({weights}, f) => {
    const first = perFilter.slice(0, f).reduce((sum, count) => sum + count, 0);
    for (let i = 0, column = 0; i < weights.length; column++) {
      const bit = 1 << (column & 31);
      for (let at = first + (column >> 5); at < words.length; at += perBlock) {
        if (weights[i++] !== 0) words[at] |= bit;
      }
    }
  });
  return {words, perBlock};
}

/** The partner of every block, itself for one that is left over: greedily, pairs with most bits in common first. */
function matchPairs(words: Int32Array, count: number, perBlock: number): Int32Array {
  const common = new Int32Array((count * (count - 1)) / 2);
  const step = Math.ceil((common.length * perBlock) / MOST_WORDS);
  let most = 0;
  for (let a = 1, pair = 0; a < count; a++) {
    for (let j = 0; j < a * perBlock; pair++) {
      const end = j + perBlock;
      let bits = 0;
      for (let i = a * perBlock; j < end; i += step, j += step) bits += popcount(words[i] & words[j]);
      j = end;
      common[pair] = bits;
      if (bits > most) most = bits;
    }
  }
  // Sorted by counting: `at[bits]` is where the next pair with so many goes.
  const at = new Int32Array(most + 2);
  for (const bits of common) at[most - bits + 1]++;
  for (let i = 1; i < at.length; i++) at[i] += at[i - 1];
  const firsts = new Uint16Array(common.length);
  const seconds = new Uint16Array(common.length);
  for (let a = 1, pair = 0; a < count; a++) {
    for (let b = 0; b < a; b++) {
      const to = at[most - common[pair++]]++;
      firsts[to] = b;
      seconds[to] = a;
    }
  }
  const partners = Int32Array.from({length: count}, (_, block) => block);
  for (let i = 0, left = count >> 1; left > 0; i++) {
    const [a, b] = [firsts[i], seconds[i]];
    if (partners[a] !== a || partners[b] !== b) continue;
    [partners[a], partners[b]] = [b, a];
    left--;
  }
  return partners;
}
