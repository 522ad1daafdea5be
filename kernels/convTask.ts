// Compiled by AssemblyScript and by TypeScript, like task.ts.

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
  /** For every kept entry its column, in 16 bits. Unused by dense kernels. */
  columns,
  /** Block row r owns the entries rowStart[r] .. rowStart[r + 1] - 1. */
  rowStart,
  /** outChannels floats, padded with zeros to a multiple of 32. */
  bias,
  /** Which microkernel runs: see `Kernel`. Depthwise: 1 for those of 3x3 and 5x5, 0 for the one for any filter. */
  kernel,
  /** Pixels that the microkernel computes at a time. */
  tile,
  /** N: output channels a block. */
  n,
  /** K = kh * kw * inChannels. */
  k,
  outChannels,
  /** Output pixels over the whole batch. */
  pixels,
  /** Output pixels of one macro tile, a multiple of the kernel's tile of pixels. */
  macroTile,
  /** So many pixels at the very end go one by one: they fill no tile. */
  lastPixels,
  /** Whether up to 16 pixels at the end may take a panel of 16 in the place of one of 32. It sums in another order. */
  halfPanel,
  /** Output channels of an item: all of them, or a multiple of 16 and of N. */
  groupChannels,
  /** 1 if items are counted with the groups of channels outermost, 0 if with the macro tiles. */
  channelsOutermost,
  /** Depthwise: bias and weights as `packTaps` gathers them. */
  taps,
  /** Depthwise: a row of zeros, as long as those that are read. */
  zeros,
  /** 1 if the output pixels' input is one run (1x1, stride 1). Depthwise: 1 if input rows are read in place. */
  direct,
  /** A pixel's input: so many runs of floats (inputPixels.ts). */
  segments,
  segmentBytes,
  /** Bytes from one segment to the next; 0 where every pixel is copied. */
  segmentPitch,
  /** Where in a thread's working memory these begin, in bytes. At its start are the pointers to a macro tile's pixels. */
  patchesAt,
  panelsAt,
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
  /** Winograd: rows and columns of the output; the geometry is that of the input's patches (runtime/kernelRunner.ts). */
  imageHeight,
  imageWidth,
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

/** Winograd: output channels whose products are transformed at a time, a multiple of 8. */
export const WINOGRAD_CHANNELS = 64;

/**
 * The microkernels by number. A name is a specification: type, gemm (dense) or spmm (sparse), 1xN block, p = pixels of a
 * tile. Those of 1x8 read pixel rows and serve N = 16 and 32 too; the others read panels.
 */
export enum Kernel {
  f32_gemm_1x8_p1,
  f32_gemm_1x8_p4,
  f32_gemm_1x8_p6,
  /** For a last block row of at most 4 channels; it runs beside one of the others. */
  f32_gemm_1x4_p8,
  f32_spmm_1x8_p1,
  f32_spmm_1x8_p4,
  f32_spmm_1x8_p6,
  f32_spmm_1x4_p1,
  f32_spmm_1x2_p1,
  f32_spmm_1x1_p1,
  f32_spmm_1x4_p8,
  f32_spmm_1x2_p16,
  f32_spmm_1x1_p16,
  f32_spmm_1x1_p32,
}

/** The last pixel's pointer so many times more, for a tile that it does not fill: the widest is of 32 pixels. */
export const SPARE_POINTERS = 32;

/**
 * N = 1: so many columns of a panel of 16 pixels stay in the level-1 cache. Rows of more are walked in slices of K, as equal
 * as can be. Where a slice's rows end is noted as at `rowStart` + 1: that of the last one there, those of the others before
 * it, each as many words as `rowStart` has.
 */
export const SLICE_COLUMNS = 640;
