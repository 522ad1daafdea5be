import {blockRows, checkFilter} from './pack';
import {BLOCK_SIZES, type BlockSize, type FilterShape} from './types';

/** What a filter's zeros look like. */
export interface BlockStatistics {
  /** Weights that are not zero. */
  readonly nonzeros: number;
  /** All weights. */
  readonly size: number;
  /** For every N: blocks that hold a nonzero. */
  readonly kept: Readonly<Record<BlockSize, number>>;
  /** For every N: all blocks, `ceil(outChannels / n) * inChannels`. */
  readonly total: Readonly<Record<BlockSize, number>>;
}

/** Channels of a word of `channelBits`: the largest N, so that no block spans two words. */
const WORD = 32;

/** By level: the bits that are left after pairs have been merged, one a block of N = 1, 2, 4, ... */
const BLOCK_BITS = [0xffffffff, 0x55555555, 0x11111111, 0x01010101, 0x00010001, 0x00000001];

/**
 * Counts the blocks that are not zero, for every N of the format.
 *
 * @param weights `[kh, kw, inChannels, outChannels]`, row-major.
 * @throws RangeError if the length does not fit the shape.
 */
export function blockStatistics(weights: Float32Array, shape: FilterShape): BlockStatistics {
  checkFilter(weights, shape);
  const {words, nonzeros} = channelBits(weights, shape);
  const kept = perBlockSize(() => 0);
  for (let i = 0; i < words.length; i++) {
    let bits = words[i];
    for (let level = 0; level < BLOCK_SIZES.length; level++) {
      kept[BLOCK_SIZES[level]] += popcount(bits & BLOCK_BITS[level]);
      bits |= bits >>> (1 << level); // a block of 2N is a pair of blocks of N
    }
  }
  return {
    nonzeros,
    size: weights.length,
    kept,
    total: perBlockSize((n) => blockRows(shape, n) * shape.inChannels),
  };
}

/** For every input channel, words of one bit an output channel: whether any tap of that pair is not zero. */
function channelBits(weights: Float32Array, {kh, kw, inChannels, outChannels}: FilterShape) {
  const perRow = (outChannels + WORD - 1) >> 5;
  const words = new Int32Array(inChannels * perRow);
  let nonzeros = 0;
  for (let tap = 0, i = 0; tap < kh * kw; tap++) {
    for (let c = 0, word = 0; c < inChannels; c++) {
      for (let o = 0; o < outChannels; word++) {
        const end = o + WORD < outChannels ? o + WORD : outChannels;
        let bits = 0;
        for (let bit = 0; o < end; o++, bit++, i++) {
          if (weights[i] !== 0) {
            bits |= 1 << bit;
            nonzeros++;
          }
        }
        words[word] |= bits;
      }
    }
  }
  return {words, nonzeros};
}

/** Bits of a 32-bit integer that are 1. */
export function popcount(word: number): number {
  let x = word - ((word >>> 1) & 0x55555555);
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
  x = (x + (x >>> 4)) & 0x0f0f0f0f;
  x += x >>> 8;
  return (x + (x >>> 16)) & 0x3f;
}

function perBlockSize(f: (n: BlockSize) => number): Record<BlockSize, number> {
  return Object.fromEntries(BLOCK_SIZES.map((n) => [n, f(n)])) as Record<BlockSize, number>;
}
