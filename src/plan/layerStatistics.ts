import {blockStatistics, type BlockStatistics, type FilterShape} from '../packed';

/**
 * A filter as the kernels see it: the matrix [K, outChannels] with K = kh * kw * inChannels, taps outermost. Every zero
 * entry 1 x 1 x N can be skipped on its own there, not only whole kh x kw blocks.
 */
export function asMatrix(shape: FilterShape): FilterShape {
  return {kh: 1, kw: 1, inChannels: shape.kh * shape.kw * shape.inChannels, outChannels: shape.outChannels};
}

/**
 * What the cost model needs to know of a layer's zeros.
 *
 * @param weights `[kh, kw, inChannels, outChannels]`, row-major.
 */
export function layerStatistics(weights: Float32Array, shape: FilterShape): BlockStatistics {
  return blockStatistics(weights, asMatrix(shape));
}
