import {BLOCK_SIZES, type BlockSize, type FilterShape, type PackedFilter} from './types';

/** Number of block rows of `shape`: `ceil(outChannels / n)`. */
export function blockRows(shape: FilterShape, n: BlockSize): number {
  return Math.ceil(shape.outChannels / n);
}

/**
 * Which blocks hold a value other than zero.
 *
 * @param weights `[kh, kw, inChannels, outChannels]`, row-major.
 * @returns one byte a block, `[blockRows, inChannels]`: 1 where the block has to be kept. Negative zero counts as zero
 *     (a mask that multiplies leaves it behind), NaN does not.
 */
export function nonzeroBlocks(weights: Float32Array, shape: FilterShape, n: BlockSize): Uint8Array {
  checkFilter(weights, shape, n);
  const {inChannels, outChannels} = shape;
  const keep = new Uint8Array(blockRows(shape, n) * inChannels);
  const shift = Math.log2(n);
  for (let tap = 0, i = 0; tap < shape.kh * shape.kw; tap++) {
    for (let c = 0; c < inChannels; c++) {
      for (let o = 0; o < outChannels; o++, i++) {
        if (weights[i] !== 0) keep[(o >> shift) * inChannels + c] = 1;
      }
    }
  }
  return keep;
}

/** A mask that keeps every block: the dense filter in block-row order. */
export function allBlocks(shape: FilterShape, n: BlockSize): Uint8Array {
  return new Uint8Array(blockRows(shape, n) * shape.inChannels).fill(1);
}

/**
 * Packs the kept blocks. Bits are copied, so `unpackFilter(packFilter(w))` equals `w` bit for bit in every kept block.
 *
 * @param weights `[kh, kw, inChannels, outChannels]`, row-major.
 * @param keep `[blockRows, inChannels]`, as `nonzeroBlocks` gives it (the default).
 * @throws RangeError if a length does not fit the shape.
 */
export function packFilter(
  weights: Float32Array,
  shape: FilterShape,
  n: BlockSize,
  keep: Uint8Array = nonzeroBlocks(weights, shape, n),
): PackedFilter {
  checkFilter(weights, shape, n);
  const {kh, kw, inChannels, outChannels} = shape;
  const rows = blockRows(shape, n);
  const taps = kh * kw;
  if (keep.length !== rows * inChannels) {
    throw new RangeError(
      `packFilter: the mask has ${keep.length} entries, ${rows} block rows x ${inChannels} expected`,
    );
  }
  const rowStart = new Int32Array(rows + 1);
  for (let r = 0; r < rows; r++) {
    let kept = 0;
    for (let c = 0; c < inChannels; c++) kept += keep[r * inChannels + c] ? 1 : 0;
    rowStart[r + 1] = rowStart[r] + kept;
  }
  const blocks = rowStart[rows];
  const columns = new Int32Array(blocks);
  const values = new Float32Array(blocks * taps * n);
  // Copy through integers: a float copy may quieten a signalling NaN.
  const from = new Int32Array(weights.buffer, weights.byteOffset, weights.length);
  const to = new Int32Array(values.buffer);
  for (let r = 0, block = 0; r < rows; r++) {
    const first = r * n;
    const filters = Math.min(n, outChannels - first);
    for (let c = 0; c < inChannels; c++) {
      if (!keep[r * inChannels + c]) continue;
      columns[block] = c;
      for (let tap = 0; tap < taps; tap++) {
        const source = (tap * inChannels + c) * outChannels + first;
        const target = (block * taps + tap) * n;
        for (let j = 0; j < filters; j++) to[target + j] = from[source + j];
      }
      block++;
    }
  }
  return {kh, kw, inChannels, outChannels, n, values, columns, rowStart};
}

/** The dense weights `[kh, kw, inChannels, outChannels]` of a packed filter; zeros where blocks were dropped. */
export function unpackFilter(packed: PackedFilter): Float32Array {
  const {kh, kw, inChannels, outChannels, n, values, columns, rowStart} = packed;
  const taps = kh * kw;
  const weights = new Float32Array(taps * inChannels * outChannels);
  const from = new Int32Array(values.buffer, values.byteOffset, values.length);
  const to = new Int32Array(weights.buffer);
  for (let r = 0; r + 1 < rowStart.length; r++) {
    const first = r * n;
    const filters = Math.min(n, outChannels - first);
    for (let block = rowStart[r]; block < rowStart[r + 1]; block++) {
      for (let tap = 0; tap < taps; tap++) {
        const source = (block * taps + tap) * n;
        const target = (tap * inChannels + columns[block]) * outChannels + first;
        for (let j = 0; j < filters; j++) to[target + j] = from[source + j];
      }
    }
  }
  return weights;
}

/** @throws RangeError if a dimension makes no sense, N is not of the format, or the length does not fit the shape. */
export function checkFilter(weights: Float32Array, shape: FilterShape, n: BlockSize = 1): void {
  const {kh, kw, inChannels, outChannels} = shape;
  for (const [name, value] of Object.entries({kh, kw, inChannels, outChannels})) {
    if (!Number.isInteger(value) || value < 1)
      throw new RangeError(`packed filter: ${name} is ${value}, an integer >= 1 expected`);
  }
  if (!BLOCK_SIZES.includes(n))
    throw new RangeError(`packed filter: n is ${n}, one of ${BLOCK_SIZES.join(', ')} expected`);
  const size = kh * kw * inChannels * outChannels;
  if (weights.length !== size) {
    throw new RangeError(
      `packed filter: ${weights.length} weights, but ${kh} x ${kw} x ${inChannels} x ${outChannels} = ${size}`,
    );
  }
}
