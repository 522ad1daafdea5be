import {Task} from '../../kernels/convTask';
import {Header} from '../../kernels/task';
import type {TfjsHeap} from './heap';
import {HeapBlock} from './heapBlock';

/**
 * Geometry of a convolution; a MatMul is a 1x1 convolution over an image of `rows` x 1 pixels. Lengths in pixels. The
 * names are those of the task record, which these numbers are copied to.
 */
export interface ConvGeometry {
  readonly batch: number;
  readonly inHeight: number;
  readonly inWidth: number;
  readonly inChannels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly strideHeight: number;
  readonly strideWidth: number;
  readonly dilationHeight: number;
  readonly dilationWidth: number;
  readonly padTop: number;
  readonly padLeft: number;
}

/** What the kernels apply to an output value after the bias: a clamp, then a slope for negative values. */
export interface Epilogue {
  readonly min: number;
  readonly max: number;
  /** One slope for all (leakyrelu), or the address of `count` slopes in the heap: 1, or one a channel (prelu). */
  readonly slope?: number | {readonly address: number; readonly count: number};
}

/** Room for the longest record and what `setEpilogue` puts behind it. */
const RECORD_BYTES = 256;

/** Distance of two threads' working memories is a multiple of this: they share no cache line, nor the one beside it. */
const SCRATCH_ALIGNMENT = 128;

/**
 * The task record of one call, data that all threads read, and each thread's working memory. Grows to the largest call;
 * `free` gives it back.
 */
export class TaskArena {
  private readonly block: HeapBlock;

  constructor(private readonly heap: TfjsHeap) {
    this.block = new HeapBlock(heap);
  }

  /** Address of the record. */
  get record(): number {
    return this.block.address;
  }

  /** Address of the data that all threads read. */
  get shared(): number {
    return this.record + RECORD_BYTES;
  }

  /** Bytes held. */
  get bytes(): number {
    return this.block.bytes;
  }

  /**
   * Makes room and writes where the working memories lie into the record.
   *
   * @param sharedBytes for data that all threads read
   * @param scratchBytes for each thread
   * @throws Error if the heap is exhausted; nothing is held then.
   */
  reserve(sharedBytes: number, scratchBytes: number, threads: number): void {
    const common = RECORD_BYTES + roundUp(sharedBytes, SCRATCH_ALIGNMENT);
    const each = roundUp(scratchBytes, SCRATCH_ALIGNMENT);
    const bytes = common + each * threads;
    this.block.reserve(bytes);
    const {i32} = this.heap;
    const record = this.record / 4;
    i32[record + Header.scratch] = this.record + common;
    i32[record + Header.scratchBytes] = each;
  }

  /** Writes how the task is cut. */
  setItems(items: number, unitItems: number): void {
    const {i32} = this.heap;
    const record = this.record / 4;
    i32[record + Header.items] = items;
    i32[record + Header.unitItems] = unitItems;
  }

  /** Writes a record's own words, those behind the header. */
  setWords(words: readonly number[]): void {
    this.heap.i32.set(words, this.record / 4 + Header.words);
  }

  setGeometry(g: ConvGeometry): void {
    const {i32} = this.heap;
    const record = this.record / 4;
    i32[record + Task.inHeight] = g.inHeight;
    i32[record + Task.inWidth] = g.inWidth;
    i32[record + Task.inChannels] = g.inChannels;
    i32[record + Task.outHeight] = g.outHeight;
    i32[record + Task.outWidth] = g.outWidth;
    i32[record + Task.kernelHeight] = g.kernelHeight;
    i32[record + Task.kernelWidth] = g.kernelWidth;
    i32[record + Task.strideHeight] = g.strideHeight;
    i32[record + Task.strideWidth] = g.strideWidth;
    i32[record + Task.dilationHeight] = g.dilationHeight;
    i32[record + Task.dilationWidth] = g.dilationWidth;
    i32[record + Task.padTop] = g.padTop;
    i32[record + Task.padLeft] = g.padLeft;
  }

  setEpilogue({min, max, slope}: Epilogue): void {
    const {f32, i32} = this.heap;
    const record = this.record / 4;
    f32[record + Task.minBits] = min;
    f32[record + Task.maxBits] = max;
    if (slope === undefined) {
      i32[record + Task.slopeCount] = 0;
    } else if (typeof slope === 'number') {
      f32[record + Task.words] = slope; // the word behind the record
      i32[record + Task.slopeCount] = 1;
      i32[record + Task.slopes] = this.record + Task.words * 4;
    } else {
      i32[record + Task.slopeCount] = slope.count;
      i32[record + Task.slopes] = slope.address;
    }
  }

  free(): void {
    this.block.free();
  }

  /** Leaves the memory to whoever may still write to it: it is never freed. */
  abandon(): void {
    this.block.abandon();
  }
}

function roundUp(bytes: number, alignment: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}
