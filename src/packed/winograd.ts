import {allBlocks, packFilter} from './pack';
import type {FilterShape, PackedFilter} from './types';

/**
 * Filters of 3x3 as Winograd's algorithm F(2x2, 3x3) multiplies them (Lavin & Gray, "Fast Algorithms for Convolutional
 * Neural Networks", 2016, section 4.1): GgG' in double precision, rounded once.
 *
 * @param weights `[3, 3, inChannels, outChannels]`, row-major
 * @returns the 16 matrices `[inChannels, outChannels]`, row by row of GgG', each filled up with zeros to a multiple of 8
 *     output channels, side by side and packed densely with N = 8: values `[16, ceil(outChannels / 8), inChannels, 8]`
 */
export function winogradMatrices(weights: Float32Array, {inChannels, outChannels}: FilterShape): PackedFilter {
  const padded = Math.ceil(outChannels / 8) * 8;
  const matrices = new Float32Array(inChannels * 16 * padded);
  const tap = inChannels * outChannels;
  const columns = new Float64Array(12); // Gg, row-major
  for (let from = 0; from < tap; from++) {
    const o = from % outChannels;
    const to = ((from - o) / outChannels) * 16 * padded + o;
    for (let x = 0; x < 3; x++) expand(weights, from + x * tap, 3 * tap, columns, x, 3);
    for (let y = 0; y < 4; y++) expand(columns, 3 * y, 1, matrices, to + 4 * y * padded, padded);
  }
  const shape = {kh: 1, kw: 1, inChannels, outChannels: 16 * padded};
  return packFilter(matrices, shape, 8, allBlocks(shape, 8));
}

type Floats = Float32Array | Float64Array;

/** Multiplies G by three numbers. */
function expand(from: Floats, at: number, step: number, to: Floats, first: number, toStep: number): void {
  const [a, b, c] = [from[at], from[at + step], from[at + 2 * step]];
  to[first] = a;
  to[first + toStep] = (a + b + c) / 2;
  to[first + 2 * toStep] = (a - b + c) / 2;
  to[first + 3 * toStep] = c;
}
