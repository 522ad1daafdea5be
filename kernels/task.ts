// Task records: what a driver needs to know of one call, as 32-bit words in the shared heap.
//
// This file is compiled twice, by AssemblyScript into the kernels and by TypeScript into the runtime that fills the
// records, so that both sides agree by construction. Words named `...Bits` hold a float32, all others an int32; pointers
// are byte addresses in the heap.

/** The drivers by number. Each computes a range of items (tiles, rows, ...) of the task that a record describes. */
export enum Job {
  conv2d,
  depthwiseConv2d,
  meanPixels,
  depthToSpace,
  pad4d,
  maxPool,
  avgPool,
  resizeBilinear,
  resizeNearest,
  concat,
  slice,
  topK,
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
  /** Depthwise: 11 pixels of zeros, then the packed taps (`packTaps`). */
  taps,
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

/** Job.meanPixels: [batch, pixels, channels] to [batch, channels]. Items: groups of 16 channels of an image. */
export enum MeanTask {
  input = 4, // Header.words, as in every record below
  output,
  pixels,
  channels,
}

/**
 * Job.depthToSpace: [rows, width, blockHeight, blockWidth * depth] to [rows, blockHeight, width, blockWidth * depth]. Items:
 * output rows.
 */
export enum DepthToSpaceTask {
  input = 4,
  output,
  width,
  blockHeight,
  /** Floats that stay together: blockWidth * depth. */
  run,
}

/** Job.pad4d: [batch, height, width, channels] with borders. Items: output rows. Numbers after an axis count along it. */
export enum PadTask {
  input = 4,
  output,
  batch,
  height,
  width,
  channels,
  before0,
  before1,
  after1,
  before2,
  after2,
  before3,
  after3,
  valueBits,
}

/** Job.maxPool, Job.avgPool: NHWC. Items: output rows. No window lies outside the image. */
export enum PoolTask {
  input = 4,
  output,
  inHeight,
  inWidth,
  channels,
  outHeight,
  outWidth,
  filterHeight,
  filterWidth,
  strideHeight,
  strideWidth,
  padTop,
  padLeft,
}

/** Job.resizeBilinear, Job.resizeNearest: NHWC. Items: output rows. */
export enum ResizeTask {
  input = 4,
  output,
  inHeight,
  inWidth,
  channels,
  outHeight,
  outWidth,
  alignCorners,
  halfPixelCenters,
}

/** Job.concat: inputs [rows, floats of each] to [rows, rowFloats]. Items: parts of rows, parts innermost. */
export enum ConcatTask {
  output = 4,
  rowFloats,
  /** Parts of a row: the same part of every input. */
  parts,
  inputs,
  /** For every input three words: its address, its floats in a row, those of a part. */
  table,
}

/** Job.slice: runs of floats at three strides to [size0, size1, size2, run]. Items: parts of runs, parts innermost. */
export enum SliceTask {
  /** Where the first run begins. */
  input = 4,
  output,
  size1,
  size2,
  /** Distances in floats. */
  stride0,
  stride1,
  stride2,
  run,
  parts,
  /** Floats of a part. */
  part,
}

/** Job.topK: the k largest of each row and where they lie. Items: rows. */
export enum TopKTask {
  input = 4,
  values,
  indices,
  rowFloats,
  k,
}

/** The control block of a pool of threads: byte offsets. What different threads write lies in cache lines of its own. */
export enum Control {
  /** 64 bits: epoch (32), units of the task (16), units claimed (16). One word, so that a claim is one operation. */
  claim = 0,
  /** The upper half of `claim`: the number of the task. Workers sleep on it. */
  epoch = 4,
  job = 64,
  task = 68,
  /** Threads that may take part, the caller included. Workers beyond it sleep on this word. */
  threads = 72,
  /** How often a worker looks for the next task before it sleeps. */
  spins = 76,
  /** 1 tells workers to return. */
  stop = 80,
  /** Units of the task that are done. The caller sleeps on it. */
  done = 128,
  callerWaits = 132,
  /** Set by a worker whose kernel threw. */
  failed = 136,
  /** Workers asleep. */
  sleepers = 192,
  /** Workers that have begun their life. */
  started = 196,
  bytes = 256,
}
