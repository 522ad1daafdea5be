/** The paths that have prices of their own; N = 16 and 32 run on the kernels of 1x8. */
export type PathName = 'stock' | 'dense' | '1x8' | '1x4' | '1x2' | '1x1';

/** Prices in nanoseconds, see `Work` in costModel.ts for what they are multiplied with. */
export interface KernelCost {
  /** A call. */
  readonly call: number;
  /** A kept entry in a tile. */
  readonly entry: number;
  /** More of it where the panel lies beyond the level-1 cache. */
  readonly overflow: number;
  /** A block row in a tile: bias, clamp, store. */
  readonly row: number;
  /** A column of a tile's panel: the transpose. */
  readonly column: number;
  /** A value that im2col copies. */
  readonly copy: number;
  /** A weight column of a block row, fetched once. */
  readonly weight: number;
}

/**
 * Measured on one core of an Intel Xeon (Sapphire Rapids class, 48 KiB level 1, 2 MiB level 2; peak 67 GFLOP/s with fused
 * multiply-adds) with the shapes of kernels/shapes.json at 8, 25, 50 and 100% of blocks kept; relaxed in V8 of Node 26,
 * simd128 in Node 20. What counts for a choice is the ratio of two prices. Printed by benchmarks/fitCostModel.mjs.
 */
export const COST_CONSTANTS: Readonly<Record<'relaxed' | 'simd128', Readonly<Record<PathName, KernelCost>>>> = {
  relaxed: {
    // error: median 4%, 90th percentile 14%
    dense: {call: 1130, entry: 1.53, overflow: 0, row: 9.25, column: 0.0914, copy: 0.136, weight: 0.138},
    // error: median 6%, 90th percentile 14%
    '1x1': {call: 981, entry: 1.15, overflow: 0.761, row: 7.85, column: 5.44, copy: 0.139, weight: 0},
    // error: median 5%, 90th percentile 11%
    '1x2': {call: 1050, entry: 1.12, overflow: 0.237, row: 7.35, column: 2.39, copy: 0.127, weight: 0},
    // error: median 4%, 90th percentile 12%
    '1x4': {call: 1090, entry: 1.12, overflow: 0.929, row: 8.39, column: 1.07, copy: 0.112, weight: 0},
    // error: median 6%, 90th percentile 25%
    '1x8': {call: 1010, entry: 1.59, overflow: 0, row: 10.6, column: 0.115, copy: 0.118, weight: 0.0841},
    // error: median 5%, 90th percentile 23%
    stock: {call: 1260, entry: 0.0496, overflow: 0, row: 0.118, column: 0.276, copy: 0, weight: 0.0492},
  },
  simd128: {
    // error: median 3%, 90th percentile 13%
    dense: {call: 1100, entry: 1.37, overflow: 0, row: 6.41, column: 0.078, copy: 0.158, weight: 0.163},
    // error: median 4%, 90th percentile 11%
    '1x1': {call: 884, entry: 1.86, overflow: 0.72, row: 7.52, column: 7.24, copy: 0.146, weight: 0},
    // error: median 3%, 90th percentile 9%
    '1x2': {call: 1070, entry: 1.37, overflow: 0.328, row: 8.71, column: 3.21, copy: 0.126, weight: 0},
    // error: median 4%, 90th percentile 10%
    '1x4': {call: 1190, entry: 1.39, overflow: 1.14, row: 9.82, column: 1.48, copy: 0.116, weight: 0},
    // error: median 5%, 90th percentile 23%
    '1x8': {call: 984, entry: 2, overflow: 0, row: 5.74, column: 0.16, copy: 0.125, weight: 0.0359},
    // error: median 5%, 90th percentile 21%
    stock: {call: 1280, entry: 0.0502, overflow: 0, row: 0.139, column: 0.296, copy: 0, weight: 0.047},
  },
};
