import {allBlocks, packFilter, type BlockSize} from '../../src/packed';
import {columnBytes, type HeapWeights, type TfjsHeap, weightLayout} from '../../src/runtime';

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
  const layout = weightLayout(n, dense);
  const index = dense ? [] : [...columns.map((column) => column * columnBytes(layout)), ...rowStart];
  const bytes = (values.length + index.length) * 4;
  const address = heap.allocate(bytes);
  const end = address + 4 * values.length;
  heap.f32.set(values, address / 4);
  heap.i32.set(index, end / 4);
  return {
    layout,
    n,
    k,
    outChannels,
    values: address,
    offsets: dense ? 0 : end,
    rowStart: end + 4 * columns.length,
    negativeZeros: 0,
    bytes,
  };
}
