// Packing on our kernels; src/packed says the same in TypeScript.
import {SLICE_COLUMNS} from '../../kernels/convTask';
import {CHANNEL_GROUP, COUNT_WORDS, Job} from '../../kernels/task';
import {BLOCK_SIZES, winogradMatrices, type BlockSize, type PackedFilter} from '../packed';
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
  const signs = dense || !sum(groups, BLOCK_SIZES.length) ? 0 : k * items;
  const {rows, bytes, partsAt} = heapLayout(matrix, dense ? null : n, kept[n], signs);
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

/**
 * Writes blocks as they are stored into the form that a matrix with such weights is packed to: single zero taps go.
 *
 * @param kept blocks with a nonzero, by `countTapBlocks`
 * @throws Error if the heap is exhausted; nothing is held then.
 */
export function packStored(heap: TfjsHeap, filter: PackedFilter, kept: number): HeapWeights {
  const {n, kh, kw, inChannels, outChannels} = filter;
  const taps = kh * kw;
  const k = taps * inChannels;
  const {rows, ends, bytes, partsAt} = heapLayout({k, outChannels}, n, kept, 0);
  const parts = partsAt(heap.allocate(bytes));
  const {i32} = heap;
  const columns = new Uint16Array(heap.memory.buffer, parts.columns);
  const [to, rowStart] = [parts.values / 4, parts.rowStart / 4];
  const bits = new Int32Array(filter.values.buffer, filter.values.byteOffset, filter.values.length);
  const slices = ends / (rows + 1) + 1;
  const slice = Math.ceil(k / slices);
  let at = 0;
  for (let r = 0; r < rows; r++) {
    i32[rowStart + r] = at;
    const filters = Math.min(n, outChannels - r * n);
    // Where in its slice of K a row ends is noted before the first block beyond it.
    let ended = 0;
    const endSlices = (count: number) => {
      for (; ended < count; ended++) i32[rowStart - ends + ended * (rows + 1) + r + 1] = at;
    };
    for (let tap = 0; tap < taps; tap++) {
      for (let block = filter.rowStart[r]; block < filter.rowStart[r + 1]; block++) {
        const from = (block * taps + tap) * n;
        let nonzero = 0;
        for (let j = 0; j < filters; j++) nonzero |= bits[from + j] << 1; // 0 and -0 alike
        if (!nonzero) continue;
        const column = tap * inChannels + filter.columns[block];
        if (ends) endSlices(Math.min(slices - 1, Math.floor(column / slice)));
        columns[at] = column;
        for (let j = 0; j < n; j++) i32[to + at * n + j] = j < filters ? bits[from + j] : 0;
        at++;
      }
    }
    endSlices(slices - 1);
  }
  i32[rowStart + rows] = at;
  return {dense: false, n, k, outChannels, ...parts, bytes};
}

/** @param n null for a dense matrix, in rows of 8 */
function heapLayout(
  {k, outChannels}: Pick<WeightMatrix, 'k' | 'outChannels'>,
  n: BlockSize | null,
  kept: number,
  signs: number,
) {
  const rows = Math.ceil(outChannels / (n ?? 8));
  const blocks = n === null ? rows * k : kept;
  // Where the rows of each slice but the last end: see SLICE_COLUMNS.
  const ends = n === 1 ? Math.ceil(k / SLICE_COLUMNS - 1) * (rows + 1) : 0;
  const bytes = 4 * (blocks * (n ?? 8) + ends + (n === null ? 0 : rows + 1 + Math.ceil(blocks / 2) + signs));
  const partsAt = (values: number) => {
    const rowStart = values + 4 * ((n ?? 8) * blocks + ends);
    const columns = rowStart + 4 * (rows + 1);
    return {values, rowStart, columns: n === null ? 0 : columns, negativeZeros: signs && values + bytes - 4 * signs};
  };
  return {rows, ends, bytes, partsAt};
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
