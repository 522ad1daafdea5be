// Task records: what a driver needs to know of one call, as 32-bit words in the shared heap.
//
// This file is compiled twice, by AssemblyScript into the kernels and by TypeScript into the runtime that fills the
// records, so that both sides agree by construction. Words named `...Bits` hold a float32, all others an int32; pointers
// are byte addresses in the heap.

/** The drivers by number. Each computes a range of items (tiles, rows, ...) of the task that a record describes. */
export enum Job {
  conv2d,
  depthwiseConv2d,
  elementwise,
  addN,
  /** Computes nothing: what is left is the cost of dispatch (`npm run bench:kernels -- --dispatch`). */
  nothing,
}

/** The words that every record begins with. */
export enum Header {
  /** What there is to compute, in the driver's own unit. */
  items,
  /** Items that a thread takes at a time. */
  unitItems,
  /** Working memory of thread 0. */
  scratch,
  /** Distance to the next thread's. */
  scratchBytes,
  /** Number of words. */
  words,
}

/** The record of a convolution, depthwise convolution or MatMul. */
export enum Task {
  items,
  unitItems,
  scratch,
  scratchBytes,
  /** Input, NHWC float32. */
  input,
  /** Output, NHWC float32. */
  output,
  /** Packed values: for every kept entry N filters, N innermost, in block-row order. */
  values,
  /** For every kept entry its byte offset in a panel or pixel row. Unused by dense kernels. */
  offsets,
  /** Block row r owns the entries rowStart[r] .. rowStart[r + 1] - 1. */
  rowStart,
  /** outChannels floats, padded with zeros to a multiple of 32. Depthwise: 0 or a float for each channel. */
  bias,
  /** Which microkernel runs: see `Kernel`. */
  kernel,
  /** N: output channels a block. */
  n,
  /** K = kh * kw * inChannels: the length of a pixel's im2col row. */
  k,
  outChannels,
  /** Output pixels over the whole batch. */
  pixels,
  /** Output pixels of one macro tile, a multiple of the kernel's tile of pixels. */
  macroTile,
  /** Output channels of an item; all of them, or a multiple of 16 and of N. */
  groupChannels,
  /** Depthwise: bias and weights as `packTaps` gathers them. */
  taps,
  /** Depthwise: 11 pixels of zeros, which a row of the widest tile reads (4 outputs of 5x5 at stride 2). */
  zeros,
  /** 1 if the im2col row of output pixel i is simply the input's pixel i (1x1, stride 1, no padding). */
  direct,
  inHeight,
  inWidth,
  inChannels,
  outHeight,
  outWidth,
  kernelHeight,
  kernelWidth,
  strideHeight,
  strideWidth,
  dilationHeight,
  dilationWidth,
  padTop,
  padLeft,
  /** Clamp of the epilogue; -Infinity and Infinity where there is none. */
  minBits,
  maxBits,
  /** Floats of negative slope: 0 for none, 1 for one slope, outChannels for one a channel. */
  slopeCount,
  /** Pointer to the slopes (prelu, leakyrelu). */
  slopes,
  /** Number of words. */
  words,
}

/**
 * The microkernels by number. A name is a specification: type, gemm (dense) or spmm (sparse), 1xN block, p = pixels of a
 * tile. Those of 1x8 read pixel rows and serve N = 16 and 32 too; the others read panels.
 */
export enum Kernel {
  f32_gemm_1x8_p1,
  f32_gemm_1x8_p4,
  f32_gemm_1x8_p6,
  f32_spmm_1x8_p1,
  f32_spmm_1x8_p4,
  f32_spmm_1x8_p6,
  f32_spmm_1x4_p8,
  f32_spmm_1x2_p16,
  f32_spmm_1x1_p32,
}

/** What `Job.elementwise` computes of each pair of values x, y. NaN and -0 are treated as stock's kernels treat them. */
export enum Elementwise {
  add,
  subtract,
  multiply,
  divide,
  maximum,
  minimum,
  /** Bytes: 1 where x equals y, otherwise 0. */
  equal,
  /** x, or x * y where x is negative; y times 0 is added to the former. */
  prelu,
  /** x, or x * y where x is negative. */
  leakyRelu,
  /** x limited to [0, y]. */
  reluUpTo,
  /** 0 + x + y: never -0. */
  sumFromZero,
  /** These two disregard y. */
  relu,
  sigmoid,
}

/** Floats of an item of the elementwise jobs, a multiple of 16. */
export const SPAN_FLOATS = 1024;

/** Floats of working memory of the elementwise jobs. */
export const ELEMENTWISE_SCRATCH_FLOATS = 288;

/**
 * The record of an elementwise operation on two operands: x and the output of shape [images, repeats, row], y of shape
 * [images, 1, row]. An item is a span of the output.
 */
export enum ElementwiseTask {
  op = 4,
  /** Floats of the output: images * repeats * row. */
  size,
  x,
  /** 0 for the one number `valueBits`. */
  y,
  output,
  repeats,
  row,
  /** 1 if y is the first operand: y - x, not x - y. */
  swapped,
  valueBits,
  words,
}

/** The record of a sum of two or more tensors of one shape. An item is a span of it. */
export enum AddNTask {
  /** Floats of each tensor. */
  size = 4,
  output,
  /** Number of tensors. */
  count,
  /** Their addresses. */
  inputs,
}

/** The control block of a pool of threads: byte offsets. What different threads write lies in cache lines of its own. */
export enum Control {
  /** The number of the task. Workers sleep on it. */
  epoch = 0,
  job = 64,
  task = 68,
  units = 72,
  /** Ranges that the units are dealt out to: thread i begins with range i. */
  ranges = 76,
  /** Threads that may take part, the caller included. Workers beyond it sleep on this word. */
  threads = 80,
  /** Workers that are awake at once: beyond the number of cores they would only take time from each other. */
  awake = 84,
  /** How often a worker looks for the next task before it sleeps. */
  spins = 88,
  /** 1 tells workers to return. */
  stop = 92,
  /** Units of the task that are done. The caller sleeps on it. */
  done = 128,
  callerWaits = 132,
  /** Set by a worker whose kernel threw. */
  failed = 136,
  /** Workers asleep. */
  sleepers = 192,
  /** Workers beyond the number of threads, asleep too. */
  parked = 196,
  /** Workers that have begun their life. */
  started = 200,
  /** 64 bits each: number of the task (32), end (16), next unit (16). */
  firstRange = 256,
  rangeBytes = 64,
  /** As many ranges as there may be threads: 64. */
  bytes = 4352,
}
