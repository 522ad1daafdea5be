/**
 * The 1xN block format (Lin et al., "1xN Pattern for Pruning Convolutional Neural Networks", arXiv 2105.14713, section 3).
 *
 * A block is N consecutive output channels (filters) at one input channel, with all of their kh x kw taps. Block row `r`
 * holds the output channels `rN .. rN + N - 1`; blocks are kept or dropped whole.
 */

/** The block heights that the format knows, smallest first. */
export const BLOCK_SIZES = [1, 2, 4, 8, 16, 32] as const;

/** N: output channels a block. */
export type BlockSize = (typeof BLOCK_SIZES)[number];

/** Shape of convolution weights `[kh, kw, inChannels, outChannels]`; a MatMul's `[K, M]` is `kh = kw = 1`. */
export interface FilterShape {
  readonly kh: number;
  readonly kw: number;
  readonly inChannels: number;
  readonly outChannels: number;
}

/** Weights of which only the kept blocks are stored. */
export interface PackedFilter extends FilterShape {
  readonly n: BlockSize;
  /**
   * For every kept block, in block-row order and by ascending column within a row, its `kh * kw` taps (row-major) times
   * N filters, N innermost. The last block row may be ragged: the filters beyond `outChannels` are zeros.
   */
  readonly values: Float32Array;
  /** Input channel of every kept block, ascending within a block row. */
  readonly columns: Int32Array;
  /** Block row `r` owns the blocks `rowStart[r] .. rowStart[r + 1] - 1`; length `ceil(outChannels / n) + 1`. */
  readonly rowStart: Int32Array;
}

/** A weight tensor that is at hand in packed form alone. */
export interface PackedWeight {
  /** The tensor's, `[kh, kw, inChannels, outChannels]` or that of a matrix. */
  readonly shape: readonly number[];
  /** It is a matrix `[outChannels, inChannels]`. */
  readonly transposed: boolean;
  readonly layout: FilterShape & {readonly n: BlockSize};
  /** Its blocks, decoded anew by each call. The padding of a ragged last row may be anything. */
  filter(): PackedFilter;
  /** All of the tensor's values, unpacked anew by each call. */
  values(): Float32Array;
}
