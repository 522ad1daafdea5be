// Packing on our kernels; src/packed says the same in TypeScript.
import {SLICE_COLUMNS} from '../../kernels/convTask';
import {CHANNEL_GROUP, COUNT_WORDS, Job} from '../../kernels/task';
import {BLOCK_SIZES, winogradMatrices, type BlockSize} from '../packed';
import type {LayerPath} from '../plan';
import {type HeapWeights, type KernelRunner, PoolFailure, type TfjsHeap} from '../runtime';
import {runItems} from './parallel';

/** What a weight takes, in nanoseconds. Estimates. */
const COUNT_NS = 0.5;
const PACK_NS = 1;

/** Weights as tfjs has them, read as a matrix. */
export interface WeightMatrix {
  readonly address: number;
  readonly k: number;
  readonly outChannels: number;
  /** They lie as [outChannels, k], not [k, outChannels]. */
  readonly transposed: boolean;
}

/** What a matrix's zeros look like. */
export interface BlockCounts {
  /** For every N: blocks that hold a nonzero. */
  readonly kept: Readonly<Record<BlockSize, number>>;
  /** What they are the sum of, see `COUNT_WORDS`. */
  readonly groups: Int32Array;
}

/** What packing runs on. */
export interface Packer {
  readonly heap: TfjsHeap;
  readonly runner: KernelRunner;
}

/** @throws Error if the heap is exhausted. */
export function countBlocks(packer: Packer, matrix: WeightMatrix): BlockCounts {
  const {heap} = packer;
  const items = groupsOf(matrix);
  const counts = allocateFilled(heap, 4 * COUNT_WORDS * items, (output) =>
    runItems(packer, {
      job: Job.countBlocks,
      words: [...wordsOf(matrix), output],
      items,
      nanosecondsAnItem: COUNT_NS * CHANNEL_GROUP * matrix.k,
    }),
  );
  const groups = heap.i32.slice(counts / 4, counts / 4 + COUNT_WORDS * items);
  heap.free(counts);
  const kept = Object.fromEntries(BLOCK_SIZES.map((n, level) => [n, sum(groups, level)])) as Record<BlockSize, number>;
  return {kept, groups};
}

/**
 * Packs a matrix for the kernels of a path.
 *
 * @param counts of the same matrix
 * @throws Error if the heap is exhausted; nothing is held then.
 */
export function packWeights(
  packer: Packer,
  matrix: WeightMatrix,
  {kept, groups}: BlockCounts,
  path: Exclude<LayerPath, {kind: 'stock' | 'winograd'}>,
): HeapWeights {
  const {heap} = packer;
  const {k, outChannels} = matrix;
  const items = groupsOf(matrix);
  const dense = path.kind === 'dense';
  const n = dense ? 8 : path.n;
  const rows = Math.ceil(outChannels / n);
  const blocks = dense ? rows * k : kept[n];
  const signs = dense || !sum(groups, BLOCK_SIZES.length) ? 0 : k * items;
  // Where the rows of each slice but the last end: see SLICE_COLUMNS.
  const ends = n === 1 ? Math.ceil(k / SLICE_COLUMNS - 1) * (rows + 1) : 0;
  const bytes = 4 * (blocks * n + ends + (dense ? 0 : rows + 1 + Math.ceil(blocks / 2) + signs));
  const partsAt = (values: number) => {
    const rowStart = values + 4 * (n * blocks + ends);
    const columns = rowStart + 4 * (rows + 1);
    return {values, rowStart, columns: dense ? 0 : columns, negativeZeros: signs && values + bytes - 4 * signs};
  };
  const values = allocateFilled(heap, bytes, (address) => {
    const {rowStart, columns, negativeZeros} = partsAt(address);
    if (!dense) {
      const level = BLOCK_SIZES.indexOf(n);
      for (let item = 0, start = 0; item <= items; item++) {
        heap.i32[rowStart / 4 + Math.min(rows, (item * CHANNEL_GROUP) / n)] = start;
        start += groups[item * COUNT_WORDS + level];
      }
    }
    runItems(packer, {
      job: Job.packBlocks,
      words: [...wordsOf(matrix), address, n, columns, rowStart, negativeZeros],
      items,
      nanosecondsAnItem: PACK_NS * CHANNEL_GROUP * k,
      scratchBytes: 4 * (k + 2),
    });
  });
  return {dense, n, k, outChannels, ...partsAt(values), bytes};
}

/**
 * Transforms 3x3 filters for Winograd's algorithm.
 *
 * @param matrix of k = 9 times the input channels, not transposed
 * @throws Error if the heap is exhausted; nothing is held then.
 */
export function packWinograd({heap}: Packer, {address, k, outChannels}: WeightMatrix): HeapWeights {
  const inChannels = k / 9;
  const matrices = winogradMatrices(heap.f32.subarray(address / 4, address / 4 + k * outChannels), inChannels);
  const bytes = 4 * matrices.length;
  const values = heap.allocate(bytes);
  heap.f32.set(matrices, values / 4);
  const index = {columns: 0, rowStart: 0, negativeZeros: 0};
  return {winograd: true, dense: true, n: 8, k: inChannels, outChannels, values, ...index, bytes};
}

/** Allocates what `fill` fills; if a worker died over it, once more, for it may still write to the first. */
function allocateFilled(heap: TfjsHeap, bytes: number, fill: (address: number) => void): number {
  const address = heap.allocate(bytes);
  try {
    fill(address);
  } catch (error) {
    if (error instanceof PoolFailure) return allocateFilled(heap, bytes, fill);
    heap.free(address);
    throw error;
  }
  return address;
}

function groupsOf({outChannels}: WeightMatrix): number {
  return Math.ceil(outChannels / CHANNEL_GROUP);
}

function wordsOf({address, k, outChannels, transposed}: WeightMatrix): number[] {
  return [address, k, outChannels, ...(transposed ? [4, 4 * k] : [4 * outChannels, 4])];
}

function sum(groups: Int32Array, word: number): number {
  let total = 0;
  for (let i = word; i < groups.length; i += COUNT_WORDS) total += groups[i];
  return total;
}
