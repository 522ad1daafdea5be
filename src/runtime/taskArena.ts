import {Task} from '../../kernels/task';
import type {TfjsHeap} from './heap';

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

const RECORD_BYTES = 256;

/**
 * The task record of one call and the working memory behind it. Grows to the largest call; `free` gives it back.
 */
export class TaskArena {
  private address = 0;
  private size = 0;

  constructor(private readonly heap: TfjsHeap) {}

  /** Address of the record. */
  get record(): number {
    return this.address;
  }

  /** Address of the working memory. */
  get scratch(): number {
    return this.address + RECORD_BYTES;
  }

  /** Bytes held. */
  get bytes(): number {
    return this.size;
  }

  /** @throws Error if the heap is exhausted; nothing is held then. */
  reserve(scratchBytes: number): void {
    const bytes = RECORD_BYTES + scratchBytes;
    if (bytes <= this.size) return;
    this.free();
    this.address = this.heap.allocate(bytes);
    this.size = bytes;
  }

  setGeometry(g: ConvGeometry): void {
    const {i32} = this.heap;
    const record = this.address / 4;
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
    const record = this.address / 4;
    f32[record + Task.minBits] = min;
    f32[record + Task.maxBits] = max;
    if (slope === undefined) {
      i32[record + Task.slopeCount] = 0;
    } else if (typeof slope === 'number') {
      f32[record + Task.words] = slope; // the word behind the record
      i32[record + Task.slopeCount] = 1;
      i32[record + Task.slopes] = this.address + Task.words * 4;
    } else {
      i32[record + Task.slopeCount] = slope.count;
      i32[record + Task.slopes] = slope.address;
    }
  }

  free(): void {
    if (this.address) this.heap.free(this.address);
    this.address = 0;
    this.size = 0;
  }
}
