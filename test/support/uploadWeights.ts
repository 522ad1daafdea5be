import {allBlocks, packFilter, type BlockSize} from '../../src/packed';
import type {HeapWeights, TfjsHeap} from '../../src/runtime';

/**
 * Packs a matrix by the reference of src/packed and copies it into the heap.
 *
 * @param weights [k, outChannels]
 * @param dense all blocks are kept, N is 8 and no index is stored
 */
export function uploadWeights(
  heap: TfjsHeap,
  weights: Float32Array,
  outChannels: number,
  n: BlockSize,
  dense: boolean,
): HeapWeights {
  const k = weights.length / outChannels;
  const shape = {kh: 1, kw: 1, inChannels: k, outChannels};
  const {values, columns, rowStart} = packFilter(weights, shape, n, dense ? allBlocks(shape, n) : undefined);
  const rowStartBytes = dense ? 0 : 4 * rowStart.length;
  const columnBytes = dense ? 0 : 4 * Math.ceil(columns.length / 2);
  const bytes = 4 * values.length + rowStartBytes + columnBytes;
  const address = heap.allocate(bytes);
  const rows = address + 4 * values.length;
  heap.f32.set(values, address / 4);
  if (!dense) {
    heap.i32.set(rowStart, rows / 4);
    new Uint16Array(heap.memory.buffer).set(columns, (rows + rowStartBytes) / 2);
  }
  return {
    dense,
    n,
    k,
    outChannels,
    values: address,
    columns: dense ? 0 : rows + rowStartBytes,
    rowStart: rows,
    negativeZeros: 0,
    bytes,
  };
}
