import type {PackedFilter} from '../packed';
import type {TfjsHeap} from './heap';
import {panelTile, type WeightLayout} from './microkernels';

/** Weights in the heap, in the form that a microkernel walks. */
export interface HeapWeights {
  readonly layout: WeightLayout;
  readonly n: number;
  readonly k: number;
  readonly outChannels: number;
  readonly values: number;
  readonly offsets: number;
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
  const layout = dense ? 'dense' : sparseLayout(n);
  const columnBytes = 4 * (panelTile(layout) || 1);
  const blocks = columns.length;
  const index = dense ? 0 : blocks + rowStart.length;
  const bytes = (values.length + index) * 4;
  const address = heap.allocate(bytes);
  // Views only now: the allocation may have moved the heap.
  heap.f32.set(values, address / 4);
  const offsets = address + values.length * 4;
  if (!dense) {
    const {i32} = heap;
    for (let i = 0, to = offsets / 4; i < blocks; i++, to++) i32[to] = columns[i] * columnBytes;
    i32.set(rowStart, offsets / 4 + blocks);
  }
  return {layout, n, k, outChannels, values: address, offsets, rowStart: offsets + blocks * 4, bytes};
}

/**
 * Copies the matrices of `winogradMatrices` [16, ceil(outChannels / 8), K, 8] into the heap.
 *
 * @throws Error if the heap is exhausted; nothing is leaked then.
 */
export function uploadWinograd(heap: TfjsHeap, matrices: PackedFilter, outChannels: number): HeapWeights {
  return {...uploadWeights(heap, matrices, true), layout: 'winograd', outChannels};
}

/** Frees what `uploadWeights` allocated. */
export function freeWeights(heap: TfjsHeap, weights: HeapWeights): void {
  heap.free(weights.values);
}

function sparseLayout(n: number): WeightLayout {
  if (n === 1) return 'panel1';
  if (n === 2) return 'panel2';
  return n === 4 ? 'panel4' : 'rows';
}
