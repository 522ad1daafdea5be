/** The paths that have prices of their own; N = 16 and 32 run on the kernels of 1x8. */
export type PathName =
  | 'stock'
  | 'stock, few pixels'
  | 'dense'
  | 'dense, few pixels'
  | 'winograd'
  | '1x8'
  | '1x8, few pixels'
  | '1x4'
  | '1x2'
  | '1x1';

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
 * simd128 in Node 20. What counts for a choice is the ratio of two prices. Printed by benchmarks/fitCostModel.mjs, before
 * macro tiles went from 96 to 48 KiB and half-width rows got a kernel of their own. Those of `winograd` are estimates: the
 * dense kernel's for its products, some 8 instructions a nanosecond for its transforms.
 */
export const COST_CONSTANTS: Readonly<Record<'relaxed' | 'simd128', Readonly<Record<PathName, KernelCost>>>> = {
  simd128: {
    // error: median 2%, 90th percentile 4%
    dense: {call: 1350, entry: 1.35, overflow: 0, row: 5.47, column: 0.137, copy: 0.135, weight: 0.0654},
    // estimated
    winograd: {call: 1600, entry: 1.35, overflow: 0, row: 140, column: 1, copy: 0, weight: 0.0654},
    // error: median 3%, 90th percentile 10%
    '1x1': {call: 1060, entry: 1.82, overflow: 0.554, row: 7.3, column: 7.67, copy: 0.114, weight: 0},
    // error: median 2%, 90th percentile 9%
    '1x2': {call: 1180, entry: 1.34, overflow: 0.307, row: 7.77, column: 3.59, copy: 0.1, weight: 0.00285},
    // error: median 3%, 90th percentile 11%
    '1x4': {call: 1170, entry: 1.38, overflow: 0.204, row: 9.36, column: 1.49, copy: 0.116, weight: 0.0201},
    // error: median 4%, 90th percentile 18%
    '1x8': {call: 1200, entry: 1.96, overflow: 0, row: 4.71, column: 0.172, copy: 0.112, weight: 0.187},
    // error: median 4%, 90th percentile 12%
    stock: {call: 3660, entry: 0.0494, overflow: 0, row: 0.142, column: 0.245, copy: 0, weight: 0},
    // error: median 6%, 90th percentile 18%
    'dense, few pixels': {call: 1120, entry: 0.936, overflow: 0, row: 22, column: 0, copy: 0, weight: 2.01e-14},
    // error: median 7%, 90th percentile 24%
    '1x8, few pixels': {call: 1060, entry: 1.19, overflow: 0, row: 12.5, column: 0.0545, copy: 0, weight: 0.00114},
    // error: median 7%, 90th percentile 19%
    'stock, few pixels': {call: 1200, entry: 0.116, overflow: 0, row: 0, column: 0, copy: 0, weight: 2.67e-14},
  },
  relaxed: {
    // error: median 2%, 90th percentile 7%
    dense: {call: 1000, entry: 1.46, overflow: 0, row: 7.15, column: 0.375, copy: 0.1, weight: 0.414},
    // estimated
    winograd: {call: 1200, entry: 1.46, overflow: 0, row: 210, column: 1.5, copy: 0, weight: 0.414},
    // error: median 4%, 90th percentile 11%
    '1x1': {call: 1020, entry: 1.13, overflow: 0.725, row: 7.19, column: 7.03, copy: 0.106, weight: 0.00294},
    // error: median 3%, 90th percentile 9%
    '1x2': {call: 1240, entry: 1.13, overflow: 0.168, row: 6.72, column: 3.06, copy: 0.0936, weight: 0.00269},
    // error: median 3%, 90th percentile 12%
    '1x4': {call: 1370, entry: 1.13, overflow: 0.521, row: 7.76, column: 1.28, copy: 0.0941, weight: 0.000969},
    // error: median 4%, 90th percentile 16%
    '1x8': {call: 580, entry: 1.54, overflow: 0, row: 9.42, column: 0.422, copy: 0.0786, weight: 0.205},
    // error: median 4%, 90th percentile 12%
    stock: {call: 4070, entry: 0.0481, overflow: 0, row: 0.159, column: 0.226, copy: 0, weight: 0},
    // error: median 9%, 90th percentile 17%
    'dense, few pixels': {call: 1120, entry: 0.919, overflow: 0, row: 4.25, column: 0, copy: 0, weight: 7.7e-14},
    // error: median 11%, 90th percentile 27%
    '1x8, few pixels': {call: 1110, entry: 1.02, overflow: 0, row: 8.74, column: 0, copy: 0, weight: 0.00704},
    // error: median 9%, 90th percentile 17%
    'stock, few pixels': {call: 1140, entry: 0.118, overflow: 0, row: 3.26, column: 0, copy: 0, weight: 0},
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
