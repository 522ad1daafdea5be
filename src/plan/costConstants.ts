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
    // error: median 2%, 90th percentile 4%
    dense: {call: 867, entry: 1.37, overflow: 0, row: 5.37, column: 0.21, copy: 0, weight: 0.241},
    // error: median 1%, 90th percentile 3%
    winograd: {call: 390, entry: 1.32, overflow: 0, row: 187, column: 0.293, copy: 0, weight: 4.61},
    // error: median 3%, 90th percentile 8%
    '1x1': {call: 599, entry: 1.87, overflow: 0.192, row: 8.2, column: 6.82, copy: 0, weight: 0.009},
    // error: median 2%, 90th percentile 7%
    '1x1, long K': {call: 2660, entry: 0.83, overflow: 0.372, row: 0, column: 3.8, copy: 0, weight: 0.095},
    // error: median 3%, 90th percentile 6%
    '1x2': {call: 1240, entry: 1.35, overflow: 0.267, row: 6.45, column: 3.22, copy: 0, weight: 0.0193},
    // error: median 3%, 90th percentile 10%
    '1x4': {call: 1470, entry: 1.37, overflow: 0.0362, row: 8.07, column: 1.46, copy: 0, weight: 0.00836},
    // error: median 4%, 90th percentile 13%
    '1x8': {call: 627, entry: 1.44, overflow: 0, row: 6.09, column: 0.281, copy: 0.0822, weight: 0.229},
    // error: median 5%, 90th percentile 10%
    stock: {call: 2940, entry: 0.0508, overflow: 0, row: 0.147, column: 0.164, copy: 0, weight: 0},
    // error: median 8%, 90th percentile 29%
    'dense, few pixels': {call: 983, entry: 0.759, overflow: 0, row: 2.76, column: 0, copy: 0, weight: 0},
    // error: median 5%, 90th percentile 11%
    '1x1, few pixels': {call: 1070, entry: 0.367, overflow: 0, row: 4.84, column: 0, copy: 0, weight: 0.00303},
    // error: median 4%, 90th percentile 7%
    '1x2, few pixels': {call: 1000, entry: 0.401, overflow: 0, row: 6.08, column: 0, copy: 0, weight: 0.00104},
    // error: median 4%, 90th percentile 13%
    '1x4, few pixels': {call: 1000, entry: 0.469, overflow: 0, row: 2.09, column: 0, copy: 0, weight: 0.00223},
    // error: median 5%, 90th percentile 14%
    '1x8, few pixels': {call: 941, entry: 0.91, overflow: 0, row: 6.1, column: 0, copy: 0, weight: 0.000236},
    // error: median 8%, 90th percentile 40%
    'stock, few pixels': {call: 957, entry: 0.0783, overflow: 0, row: 0, column: 0, copy: 0, weight: 0},
  },
  relaxed: {
    // error: median 2%, 90th percentile 5%
    dense: {call: 869, entry: 1.47, overflow: 0, row: 7.6, column: 0.262, copy: 0, weight: 0.0383},
    // error: median 1%, 90th percentile 2%
    winograd: {call: 0, entry: 1.42, overflow: 0, row: 231, column: 0.701, copy: 0, weight: 2.23},
    // error: median 3%, 90th percentile 8%
    '1x1': {call: 706, entry: 1.2, overflow: 0.07, row: 7.59, column: 6.25, copy: 0, weight: 0.0259},
    // error: median 2%, 90th percentile 8%
    '1x1, long K': {call: 0, entry: 0.678, overflow: 0.367, row: 1.61, column: 3.57, copy: 0, weight: 0.103},
    // error: median 3%, 90th percentile 11%
    '1x2': {call: 603, entry: 0.993, overflow: 0.182, row: 7.01, column: 2.81, copy: 0, weight: 0.0551},
    // error: median 4%, 90th percentile 11%
    '1x4': {call: 785, entry: 1, overflow: 0, row: 6.4, column: 1.36, copy: 0, weight: 0.0663},
    // error: median 4%, 90th percentile 21%
    '1x8': {call: 1010, entry: 1.59, overflow: 0, row: 8.15, column: 0.186, copy: 0.109, weight: 0.118},
    // error: median 4%, 90th percentile 10%
    stock: {call: 2800, entry: 0.0502, overflow: 0, row: 0.109, column: 0.149, copy: 0, weight: 0},
    // error: median 9%, 90th percentile 50%
    'dense, few pixels': {call: 1160, entry: 0.494, overflow: 0, row: 0, column: 0, copy: 0, weight: 0},
    // error: median 5%, 90th percentile 11%
    '1x1, few pixels': {call: 1140, entry: 0.347, overflow: 0, row: 6.14, column: 0, copy: 0, weight: 0.00103},
    // error: median 7%, 90th percentile 11%
    '1x2, few pixels': {call: 1190, entry: 0.353, overflow: 0, row: 4.04, column: 0, copy: 0, weight: 0.00344},
    // error: median 7%, 90th percentile 13%
    '1x4, few pixels': {call: 1160, entry: 0.46, overflow: 0, row: 0.853, column: 0, copy: 0, weight: 0.00426},
    // error: median 8%, 90th percentile 20%
    '1x8, few pixels': {call: 1110, entry: 0.71, overflow: 0, row: 0, column: 0, copy: 0, weight: 0.00428},
    // error: median 9%, 90th percentile 39%
    'stock, few pixels': {call: 958, entry: 0.0744, overflow: 0, row: 0, column: 0, copy: 0, weight: 0},
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
