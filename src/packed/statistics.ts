import {blockRows, nonzeroBlocks} from './pack';
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

/**
 * Counts the blocks that are not zero, for every N of the format.
 *
 * @param weights `[kh, kw, inChannels, outChannels]`, row-major.
 */
export function blockStatistics(weights: Float32Array, shape: FilterShape): BlockStatistics {
  let nonzeros = 0;
  for (let i = 0; i < weights.length; i++) if (weights[i] !== 0) nonzeros++;
  const total = perBlockSize((n) => blockRows(shape, n) * shape.inChannels);
  if (nonzeros === weights.length) return {nonzeros, size: weights.length, kept: total, total};

  // Blocks of 2N are pairs of blocks of N: halve the finest mask again and again.
  const kept = {} as Record<BlockSize, number>;
  let mask = nonzeroBlocks(weights, shape, 1);
  let rows = shape.outChannels;
  for (const n of BLOCK_SIZES) {
    if (n > 1) {
      mask = mergeRowPairs(mask, rows, shape.inChannels);
      rows = Math.ceil(rows / 2);
    }
    kept[n] = count(mask);
  }
  return {nonzeros, size: weights.length, kept, total};
}

function perBlockSize(f: (n: BlockSize) => number): Record<BlockSize, number> {
  return Object.fromEntries(BLOCK_SIZES.map((n) => [n, f(n)])) as Record<BlockSize, number>;
}

function mergeRowPairs(mask: Uint8Array, rows: number, columns: number): Uint8Array {
  const merged = new Uint8Array(Math.ceil(rows / 2) * columns);
  for (let r = 0, i = 0; r < rows; r++) {
    const target = (r >> 1) * columns;
    for (let c = 0; c < columns; c++, i++) merged[target + c] |= mask[i];
  }
  return merged;
}

function count(mask: Uint8Array): number {
  let ones = 0;
  for (let i = 0; i < mask.length; i++) ones += mask[i];
  return ones;
}
