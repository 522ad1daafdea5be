/** The paths that have prices of their own; N = 16 and 32 run on the kernels of 1x8. */
export type PathName =
  'stock' | 'stock, few pixels' | 'dense' | 'dense, few pixels' | '1x8' | '1x8, few pixels' | '1x4' | '1x2' | '1x1';

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
  simd128: {
    // error: median 1%, 90th percentile 4%
    dense: {call: 1000, entry: 1.34, overflow: 0, row: 5.36, column: 0.196, copy: 0.139, weight: 0.389},
    // error: median 4%, 90th percentile 12%
    '1x1': {call: 951, entry: 1.82, overflow: 0.553, row: 7.48, column: 7.7, copy: 0.129, weight: 0.014},
    // error: median 2%, 90th percentile 9%
    '1x2': {call: 1250, entry: 1.33, overflow: 0.336, row: 7.85, column: 3.61, copy: 0.107, weight: 0.0129},
    // error: median 3%, 90th percentile 10%
    '1x4': {call: 1320, entry: 1.36, overflow: 0.159, row: 9.35, column: 1.57, copy: 0.112, weight: 0.0312},
    // error: median 3%, 90th percentile 18%
    '1x8': {call: 1540, entry: 1.96, overflow: 0, row: 5.3, column: 0.112, copy: 0.136, weight: 0.111},
    // error: median 4%, 90th percentile 12%
    stock: {call: 4080, entry: 0.049, overflow: 0, row: 0.153, column: 0.245, copy: 0.0019, weight: 0},
    // error: median 6%, 90th percentile 16%
    'dense, few pixels': {call: 1210, entry: 1.07, overflow: 0, row: 13.6, column: 0, copy: 0, weight: 0},
    // error: median 9%, 90th percentile 27%
    '1x8, few pixels': {call: 1220, entry: 1.12, overflow: 0, row: 1.36, column: 0, copy: 0, weight: 0.0559},
    // error: median 7%, 90th percentile 12%
    'stock, few pixels': {call: 1690, entry: 0.126, overflow: 0, row: 0, column: 0, copy: 0, weight: 2.17e-18},
  },
  relaxed: {
    // error: median 2%, 90th percentile 6%
    dense: {call: 1090, entry: 1.46, overflow: 0, row: 7.3, column: 0.296, copy: 0.108, weight: 0.37},
    // error: median 5%, 90th percentile 14%
    '1x1': {call: 1180, entry: 1.13, overflow: 0.748, row: 7.18, column: 6.34, copy: 0.119, weight: 0.00564},
    // error: median 4%, 90th percentile 10%
    '1x2': {call: 1400, entry: 1.11, overflow: 0.212, row: 6.86, column: 2.84, copy: 0.099, weight: 0},
    // error: median 4%, 90th percentile 12%
    '1x4': {call: 1350, entry: 1.12, overflow: 0.249, row: 7.98, column: 1.25, copy: 0.0974, weight: 0.0105},
    // error: median 4%, 90th percentile 16%
    '1x8': {call: 890, entry: 1.52, overflow: 0, row: 9.79, column: 0.435, copy: 0.078, weight: 0.318},
    // error: median 5%, 90th percentile 12%
    stock: {call: 4250, entry: 0.0481, overflow: 0, row: 0.156, column: 0.234, copy: 0, weight: 0},
    // error: median 9%, 90th percentile 12%
    'dense, few pixels': {call: 1280, entry: 0.948, overflow: 0, row: 5.79, column: 0, copy: 0, weight: 0},
    // error: median 9%, 90th percentile 28%
    '1x8, few pixels': {call: 1340, entry: 1.01, overflow: 0, row: 0, column: 0, copy: 0, weight: 0.031},
    // error: median 9%, 90th percentile 16%
    'stock, few pixels': {call: 1650, entry: 0.118, overflow: 0, row: 0, column: 0, copy: 0, weight: 5.16e-15},
  },
};
