import type {BlockSize, FilterShape} from '../packed';

/**
 * What goes or stays as a whole: blocks of N filters at one input channel; or, to compare with (Lin et al., arXiv
 * 2105.14713, tables 1 and 2), single weights, 2-D kernels (one filter at one input channel), whole filters.
 */
export const PATTERNS = ['1xN', 'weight', 'kernel', 'filter'] as const;

/** One of `PATTERNS`. */
export type Pattern = (typeof PATTERNS)[number];

/** A filter's memory read so that the 1xN blocks of this shape are what a pattern drops. */
export interface BlockGrid {
  readonly shape: FilterShape;
  readonly n: BlockSize;
}

/**
 * The blocks of a pattern. All of them are 1xN blocks of the same memory in another shape: a weight is a 1x1 block of the
 * matrix `[kh * kw * inChannels, outChannels]`, a filter one of as many taps at a single input channel.
 *
 * @param n of the pattern '1xN'; the others have one filter a block.
 */
export function blockGrid(pattern: Pattern, shape: FilterShape, n: BlockSize): BlockGrid {
  const length = shape.kh * shape.kw * shape.inChannels;
  switch (pattern) {
    case '1xN':
      return {shape, n};
    case 'kernel':
      return {shape, n: 1};
    case 'weight':
      return {shape: {...shape, kh: 1, kw: 1, inChannels: length}, n: 1};
    case 'filter':
      return {shape: {...shape, kh: length, kw: 1, inChannels: 1}, n: 1};
  }
}
