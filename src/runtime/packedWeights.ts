import {Kernel} from '../../kernels/task';
import type {PackedFilter} from '../packed';
import type {TfjsHeap} from './heap';

/** Tile of pixels that each microkernel computes at once. */
export const KERNEL_TILES: Readonly<Record<Kernel, number>> = {
  [Kernel.f32_gemm_1x8_p4]: 4,
  [Kernel.f32_spmm_1x8_p4]: 4,
  [Kernel.f32_spmm_1x4_p8]: 8,
  [Kernel.f32_spmm_1x2_p16]: 16,
  [Kernel.f32_spmm_1x1_p32]: 32,
};

/** Whether a microkernel reads panels [K][tile] (its vectors run along pixels) rather than pixel rows. */
export function readsPanels(kernel: Kernel): boolean {
  return kernel >= Kernel.f32_spmm_1x4_p8;
}

/** Weights in the heap, in the form that a microkernel walks. */
export interface HeapWeights {
  readonly kernel: Kernel;
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
  const kernel = dense ? Kernel.f32_gemm_1x8_p4 : sparseKernel(n);
  const columnBytes = readsPanels(kernel) ? KERNEL_TILES[kernel] * 4 : 4;
  const blocks = columns.length;
  const index = dense ? 0 : blocks + rowStart.length;
  const bytes = (values.length + index) * 4;
  const address = heap.allocate(bytes);
  // Views only now: the allocation may have moved the heap.
  heap.floats(address, values.length).set(values);
  const offsets = address + values.length * 4;
  if (!dense) {
    const target = heap.ints(offsets, index);
    for (let i = 0; i < blocks; i++) target[i] = columns[i] * columnBytes;
    target.set(rowStart, blocks);
  }
  return {kernel, n, k, outChannels, values: address, offsets, rowStart: offsets + blocks * 4, bytes};
}

/** Frees what `uploadWeights` allocated. */
export function freeWeights(heap: TfjsHeap, weights: HeapWeights): void {
  heap.free(weights.values);
}

function sparseKernel(n: number): Kernel {
  if (n === 1) return Kernel.f32_spmm_1x1_p32;
  if (n === 2) return Kernel.f32_spmm_1x2_p16;
  if (n === 4) return Kernel.f32_spmm_1x4_p8;
  return Kernel.f32_spmm_1x8_p4;
}
