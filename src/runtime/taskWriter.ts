import {Task} from '../../kernels/convTask';
import {Header, RECORD_BYTES} from '../../kernels/task';

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

/** Distance of two threads' working memories is a multiple of this: they share no cache line, nor the one beside it. */
export const SCRATCH_ALIGNMENT = 128;

/** Writes the record of one task at a time, and the data beside it that all threads read. */
export abstract class TaskWriter {
  /** The memory that the record lies in, as words; dead after the next allocation. */
  abstract get i32(): Int32Array;
  /** The same memory. */
  abstract get f32(): Float32Array;
  /** Where the record begins, in words. */
  abstract get at(): number;
  /** Its address. */
  abstract get record(): number;

  /**
   * Begins a record: makes room for it and writes where the working memories lie.
   *
   * @param sharedBytes for data that all threads read
   * @param scratchBytes for each thread
   * @throws Error if the heap is exhausted; nothing is held then.
   */
  abstract reserve(sharedBytes: number, scratchBytes: number): void;

  /** Copies floats of the heap (from address 0: none) to the data that all threads read, and fills the rest with zeros. */
  abstract setShared(source: number, floats: number, bytes: number): void;

  /** Address of the data that all threads read. */
  get shared(): number {
    return this.record + RECORD_BYTES;
  }

  /** Writes how the task is cut. */
  setItems(items: number, unitItems: number): void {
    const {i32, at} = this;
    i32[at + Header.items] = items;
    i32[at + Header.unitItems] = unitItems;
  }

  /** Writes a record's own words, those behind the header. */
  setWords(words: readonly number[]): void {
    this.i32.set(words, this.at + Header.words);
  }

  setGeometry(g: ConvGeometry): void {
    const {i32, at: record} = this;
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
    const {f32, i32, at: record} = this;
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
}

export function roundUp(bytes: number, alignment: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}
