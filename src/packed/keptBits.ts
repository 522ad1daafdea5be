// Which blocks are kept, as it is stored: columns take 16 to 32 times as much, and may be out of range.
import {blockRows} from './pack';
import {assertBlockSize, checkSizes} from './serialize';
import type {BlockSize, FilterShape, PackedFilter} from './types';

/** Shape of a filter and the height of its blocks. */
export type BlockLayout = FilterShape & {readonly n: BlockSize};

/** Bytes of `keptBits`. */
export function keptBytes(shape: FilterShape, n: BlockSize): number {
  return Math.ceil((blockRows(shape, n) * shape.inChannels) / 8);
}

/** One bit a block, `[blockRows, inChannels]`, 1 where it is kept; the first in the lowest bit, the last byte filled up with 0. */
export function keptBits(filter: PackedFilter): Uint8Array {
  const {n, inChannels, columns, rowStart} = filter;
  const bits = new Uint8Array(keptBytes(filter, n));
  for (let r = 0; r + 1 < rowStart.length; r++) {
    for (let block = rowStart[r]; block < rowStart[r + 1]; block++) {
      const i = r * inChannels + columns[block];
      bits[i >> 3] |= 1 << (i & 7);
    }
  }
  return bits;
}

/**
 * Checks what was stored of a filter, so that `filterOf` can follow it.
 *
 * @param values how many are stored
 * @throws RangeError naming the field: N that is none, a dimension below 1, 2^30 weights or more, too many or too few bytes or values, a
 *     bit beyond the last block.
 */
export function checkKept(layout: BlockLayout, bits: Uint8Array, values: number): void {
  assertBlockSize(layout.n);
  checkSizes(layout, 0);
  const all = blockRows(layout, layout.n) * layout.inChannels;
  const bytes = Math.ceil(all / 8);
  if (bits.length !== bytes)
    throw new RangeError(`packed filter: ${bits.length} bytes of kept bits, ${bytes} expected`);
  if (all % 8 && bits[bytes - 1] >> (all % 8)) throw new RangeError('packed filter: kept bits beyond the last block');
  let blocks = 0;
  for (let byte of bits) for (; byte; byte &= byte - 1) blocks++;
  const expected = checkSizes(layout, blocks).values;
  if (values !== expected) throw new RangeError(`packed filter: ${values} values, ${expected} expected`);
}

/**
 * The filter of what was stored and passed `checkKept`.
 *
 * @param values kept without a copy
 */
export function filterOf(layout: BlockLayout, bits: Uint8Array, values: Float32Array): PackedFilter {
  const {kh, kw, n, inChannels, outChannels} = layout;
  const rows = blockRows(layout, n);
  const rowStart = new Int32Array(rows + 1);
  const columns = new Int32Array(values.length / (kh * kw * n));
  for (let r = 0, i = 0, block = 0; r < rows; rowStart[++r] = block) {
    for (let c = 0; c < inChannels; c++, i++) if ((bits[i >> 3] >> (i & 7)) & 1) columns[block++] = c;
  }
  return {kh, kw, inChannels, outChannels, n, values, columns, rowStart};
}
