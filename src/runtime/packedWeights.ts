import type {PackedFilter} from '../packed';
import type {TfjsHeap} from './heap';
import type {WeightLayout} from './microkernels';

/** Weights in the heap, in the form that a microkernel walks. */
export interface HeapWeights extends WeightLayout {
  /** They are the matrices of `winogradMatrices`, K is the number of input channels. */
  readonly winograd: boolean;
  readonly outChannels: number;
  readonly values: number;
  readonly columns: number;
  readonly rowStart: number;
  /** Bytes that they hold. */
  readonly bytes: number;
}

/**
 * Copies packed weights of shape [1, 1, K, outChannels] into the heap.
 *
 * @param dense all blocks are present and N is 8: no index is stored and the dense microkernel runs.
 * @throws Error if the heap is exhausted; nothing is leaked then.
 */
export function uploadWeights(heap: TfjsHeap, packed: PackedFilter, dense: boolean): HeapWeights {
  const {n, values, columns, rowStart, inChannels: k, outChannels} = packed;
  const blocks = columns.length;
  const rowStartBytes = dense ? 0 : rowStart.length * 4;
  const columnBytes = dense ? 0 : Math.ceil(blocks / 2) * 4;
  const bytes = values.length * 4 + rowStartBytes + columnBytes;
  const address = heap.allocate(bytes);
  // Views only now: the allocation may have moved the heap.
  heap.f32.set(values, address / 4);
  const rows = address + values.length * 4;
  const indexes = rows + rowStartBytes;
  if (!dense) {
    heap.i32.set(rowStart, rows / 4);
    new Uint16Array(heap.memory.buffer).set(columns, indexes / 2);
  }
  return {winograd: false, dense, n, k, outChannels, values: address, columns: indexes, rowStart: rows, bytes};
}

/**
 * Copies the matrices of `winogradMatrices` [16, ceil(outChannels / 8), K, 8] into the heap.
 *
 * @throws Error if the heap is exhausted; nothing is leaked then.
 */
export function uploadWinograd(heap: TfjsHeap, matrices: PackedFilter, outChannels: number): HeapWeights {
  return {...uploadWeights(heap, matrices, true), winograd: true, outChannels};
}

/** Frees what `uploadWeights` allocated. */
export function freeWeights(heap: TfjsHeap, weights: HeapWeights): void {
  heap.free(weights.values);
}
