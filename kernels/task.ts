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
  countBlocks,
  packBlocks,
  sumTaps,
  winograd,
  strips,
  softmax,
  filterGradient,
  depthwiseFilterGradient,
  depthwiseInputGradient,
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

/** Room for the longest record and what is put behind it. */
export const RECORD_BYTES = 256;

/** A step of a program: words. */
export enum Step {
  job,
  /** Address of its record. */
  task,
  units,
  words,
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
  /** Bytes: 1 where x is at most y, otherwise 0. */
  lessEqual,
  /** x, or x * y where x is negative; y times 0 is added to the former. */
  prelu,
  /** x, or x * y where x is negative. */
  leakyRelu,
  /** x limited to [0, y]. */
  reluUpTo,
  /** 0 + x + y: never -0. */
  sumFromZero,
  /** x where y lies above 0, or between 0 and 6; otherwise 0. */
  reluGradient,
  relu6Gradient,
  /** These disregard y. */
  relu,
  sigmoid,
  /** The float32 nearest to an int32. */
  fromInteger,
  /** 0 or 1 of a byte. */
  fromBool,
}

/** Floats of an item of the elementwise jobs, a multiple of 16. */
export const SPAN_FLOATS = 1024;

/** Floats of working memory of the elementwise jobs. */
export const ELEMENTWISE_SCRATCH_FLOATS = 1056;

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

/** Job.meanPixels: [batch, pixels, channels] to [batch, channels]. Items: groups of 16 channels of an image. */
export enum MeanTask {
  input = 4, // Header.words, as in every record below
  output,
  pixels,
  channels,
  /** The sums are divided by it. */
  divisorBits,
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
  /** Distances in floats, 0 where runs are repeated. */
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

/** Job.softmax: items are rows. */
export enum SoftmaxTask {
  input = 4,
  output,
  rowFloats,
}

/** Output channels of an item of the jobs that pack: the largest N, so that no block lies in two items. */
export const CHANNEL_GROUP = 32;

/** Words that `Job.countBlocks` gives for an item: blocks to keep for N = 1, 2, 4, 8, 16, 32, and 1 if one of the weights is -0. */
export const COUNT_WORDS = 7;

/**
 * Job.countBlocks, Job.packBlocks: weights [k, channels] in any order. Items: groups of `CHANNEL_GROUP` channels. The former
 * has no words after `output`.
 */
export enum PackTask {
  weights = 4,
  k,
  channels,
  /** Bytes from one weight to that of the next of k, and of the next channel. */
  kBytes,
  channelBytes,
  /** `COUNT_WORDS` words for each item, or the packed values: see `Task` (convTask.ts), as for these. */
  output,
  n,
  /** 0 keeps all blocks and stores no index. */
  columns,
  /** The entry of a group's first block row is there already. Of N = 1 see SLICE_COLUMNS (convTask.ts), too. */
  rowStart,
  /** One bit for every weight, [groups, k, channels of a group]: 1 for -0. 0 where there is none. */
  negativeZeros,
}

/**
 * Job.sumTaps: what each input pixel of a transposed convolution adds to each pixel that its filter covers,
 * [batch, inHeight, inWidth, kernelHeight, kernelWidth * depth], to [batch, outHeight, outWidth * depth]. Items: output
 * rows.
 */
export enum SumTapsTask {
  input = 4,
  output,
  inHeight,
  inWidth,
  kernelHeight,
  outHeight,
  strideHeight,
  padTop,
  /** Floats of a row of the filter: kernelWidth * depth. */
  run,
  /** Floats of an output row: outWidth * depth. */
  line,
  /** Floats from where a pixel adds to where the next one does: strideWidth * depth. */
  step,
  /** Floats that the first one lies left of the output: padLeft * depth. */
  left,
}

/** The gradients of a convolution in NHWC; items are told by the jobs (gradients.ts). */
export enum GradientTask {
  /** [batch, inHeight, inWidth, inChannels]; of Job.depthwiseInputGradient the filter. */
  input = 4,
  /** [batch, outHeight, outWidth, outChannels] */
  dy,
  /** Shaped as the filter, or as the input. */
  output,
  batch,
  inHeight,
  inWidth,
  inChannels,
  outHeight,
  outWidth,
  outChannels,
  kernelHeight,
  kernelWidth,
  strideHeight,
  strideWidth,
  dilationHeight,
  dilationWidth,
  padTop,
  padLeft,
}

/** Job.strips: convolutions of which each reads what the one before writes. Items: bands of rows, an image's together. */
export enum StripsTask {
  stages = 4,
  /** Bands of an image. */
  bands,
  /** Rows of the last stage's output: of a band, and of a strip of it. */
  bandRows,
  stripRows,
  /** Where in a thread's working memory the stages' own begins, in bytes. */
  workingAt,
  /** For every stage three words: its job, its record, where in a thread's working memory its rows are held. */
  table,
}

/** Bytes of a thread's working memory that a stage's record takes, with what is known of the rows that are held. */
export const STAGE_BYTES = RECORD_BYTES + 64;
