type Kernels = 'stock' | 'dense' | '1x8' | '1x4' | '1x2' | '1x1';

/** The paths that have prices of their own; N = 16 and 32 run on the kernels of 1x8. */
export type PathName = Kernels | `${Kernels}, few pixels` | '1x1, long K' | 'winograd';

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
 * Measured on one core of an Intel Xeon (AVX-512 and AMX; 48 KiB level 1, 2 MiB level 2; peak 67 GFLOP/s with fused
 * multiply-adds) with the shapes of kernels/shapes.json at 8, 25, 50 and 100% of blocks kept; relaxed in V8 of Node 26,
 * simd128 in Node 20. What counts for a choice is the ratio of two prices. Printed by benchmarks/fitCostModel.mjs.
 */
export const COST_CONSTANTS: Readonly<Record<'relaxed' | 'simd128', Readonly<Record<PathName, KernelCost>>>> = {
  simd128: {
    // error: median 1%, 90th percentile 3%
    dense: {call: 1010, entry: 1.35, overflow: 0, row: 5.3, column: 0.221, copy: 0, weight: 0.325},
    // error: median 0%, 90th percentile 1%
    winograd: {call: 6400, entry: 1.33, overflow: 0, row: 172, column: 0.346, copy: 0, weight: 1.58},
    // error: median 3%, 90th percentile 11%
    '1x1': {call: 902, entry: 1.87, overflow: 0.254, row: 8.22, column: 6.61, copy: 0, weight: 0},
    // error: median 2%, 90th percentile 4%
    '1x1, long K': {call: 0, entry: 0.839, overflow: 0.411, row: 25.8, column: 0.764, copy: 0, weight: 0},
    // error: median 2%, 90th percentile 7%
    '1x2': {call: 1120, entry: 1.33, overflow: 0.274, row: 6.25, column: 3.3, copy: 0, weight: 0.0176},
    // error: median 2%, 90th percentile 9%
    '1x4': {call: 1050, entry: 1.34, overflow: 0.0888, row: 8.18, column: 1.47, copy: 0, weight: 0.0717},
    // error: median 4%, 90th percentile 19%
    '1x8': {call: 645, entry: 1.42, overflow: 0, row: 5.78, column: 0.292, copy: 0.0888, weight: 0.294},
    // error: median 6%, 90th percentile 57%
    stock: {call: 2800, entry: 0.0519, overflow: 0, row: 0.137, column: 0.18, copy: 0, weight: 0},
    // error: median 8%, 90th percentile 25%
    'dense, few pixels': {call: 1240, entry: 0.756, overflow: 0, row: 0, column: 0, copy: 0, weight: 0},
    // error: median 3%, 90th percentile 9%
    '1x1, few pixels': {call: 1290, entry: 0.354, overflow: 0, row: 5.51, column: 0, copy: 0, weight: 0.00332},
    // error: median 4%, 90th percentile 8%
    '1x2, few pixels': {call: 1310, entry: 0.389, overflow: 0, row: 3.98, column: 0, copy: 0, weight: 0.00461},
    // error: median 4%, 90th percentile 14%
    '1x4, few pixels': {call: 1300, entry: 0.464, overflow: 0, row: 3.63, column: 0, copy: 0, weight: 0.00415},
    // error: median 5%, 90th percentile 13%
    '1x8, few pixels': {call: 1220, entry: 0.911, overflow: 0, row: 3.18, column: 0, copy: 0, weight: 0.0016},
    // error: median 8%, 90th percentile 34%
    'stock, few pixels': {call: 960, entry: 0.0782, overflow: 0, row: 0, column: 0, copy: 0, weight: 0},
  },
  relaxed: {
    // error: median 1%, 90th percentile 5%
    dense: {call: 1190, entry: 1.46, overflow: 0, row: 7.72, column: 0.246, copy: 0, weight: 0},
    // error: median 0%, 90th percentile 1%
    winograd: {call: 1250, entry: 1.42, overflow: 0, row: 240, column: 0.516, copy: 0, weight: 1.48},
    // error: median 3%, 90th percentile 8%
    '1x1': {call: 1050, entry: 1.19, overflow: 0.187, row: 7.29, column: 6.19, copy: 0, weight: 0.0224},
    // error: median 2%, 90th percentile 6%
    '1x1, long K': {call: 0, entry: 0.661, overflow: 0.378, row: 13.6, column: 2.03, copy: 0, weight: 0.0119},
    // error: median 4%, 90th percentile 9%
    '1x2': {call: 834, entry: 1.03, overflow: 0.215, row: 6.64, column: 2.76, copy: 0, weight: 0.056},
    // error: median 4%, 90th percentile 9%
    '1x4': {call: 1210, entry: 1.11, overflow: 0.109, row: 5.9, column: 1.25, copy: 0, weight: 0.0315},
    // error: median 3%, 90th percentile 17%
    '1x8': {call: 978, entry: 1.53, overflow: 0, row: 8.92, column: 0.308, copy: 0.0908, weight: 0.0587},
    // error: median 3%, 90th percentile 10%
    stock: {call: 2990, entry: 0.0496, overflow: 0, row: 0.11, column: 0.139, copy: 0, weight: 0},
    // error: median 10%, 90th percentile 44%
    'dense, few pixels': {call: 1210, entry: 0.526, overflow: 0, row: 0, column: 0, copy: 0, weight: 0},
    // error: median 6%, 90th percentile 10%
    '1x1, few pixels': {call: 1280, entry: 0.344, overflow: 0, row: 4.75, column: 0, copy: 0, weight: 0.00441},
    // error: median 5%, 90th percentile 8%
    '1x2, few pixels': {call: 1290, entry: 0.346, overflow: 0, row: 3.88, column: 0, copy: 0, weight: 0.00578},
    // error: median 5%, 90th percentile 12%
    '1x4, few pixels': {call: 1240, entry: 0.466, overflow: 0, row: 1.51, column: 0, copy: 0, weight: 0.00561},
    // error: median 8%, 90th percentile 22%
    '1x8, few pixels': {call: 1190, entry: 0.713, overflow: 0, row: 0, column: 0, copy: 0, weight: 0.00596},
    // error: median 9%, 90th percentile 36%
    'stock, few pixels': {call: 925, entry: 0.0756, overflow: 0, row: 0, column: 0, copy: 0, weight: 0},
  },
};

/**
 * What threads cost, in nanoseconds. `fork` and both break-evens: convolutions and sums of 2 to 40 microseconds on one and
 * on two threads, in turn, V8 of Node 20 and 26 on the core above. The empty region alone, a fifth of `fork`, is printed by
 * `npm run bench:kernels -- --dispatch`. The others are estimates.
 */
export const THREAD_COST = {
  /** Publishing a task to workers that spin, waiting for the one that is late, and hearing that all is done. */
  fork: 1200,
  /** Taking a piece. */
  claim: 150,
  /** No thread is ever as fast as another: this share of a piece is the wait for the last one. Not in nanoseconds. */
  tail: 0.25,
  /** Convolutions shorter than this run on the calling thread alone. */
  breakEven: 4000,
  /** So do other tasks, whose time is not known as well. */
  itemsBreakEven: 8000,
  /** Pieces of simple kernels are no shorter than this. */
  smallestUnit: 4000,
  /** Speed at which weights and inputs come to a core's own cache. */
  fetchedBytesPerNs: 10,
  /** Speed at which weights come from the second-level cache once more. */
  weightBytesPerNs: 20,
};

/** What depthwise convolutions cost, in nanoseconds. */
export const DEPTHWISE_COST = {
  /** A multiply-add: 30 GFLOP/s. */
  madd: 1 / 15,
  /** A value that is copied between borders of zeros. Not measured: taken to be what a copy of im2col costs. */
  copy: 0.1,
};
