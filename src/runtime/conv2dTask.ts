import {Task} from '../../kernels/task';
import type {KernelVariant} from './features';
import type {TfjsHeap} from './heap';
import type {KernelModule} from './kernelModule';
import {KERNEL_TILES, microkernel, panelTile} from './microkernels';
import type {HeapWeights} from './packedWeights';

/** Geometry of a convolution; a MatMul is a 1x1 convolution over an image of `rows` x 1 pixels. Lengths in pixels. */
export interface Conv2DGeometry {
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

/** One convolution on the heap; addresses in bytes. */
export interface Conv2DCall {
  readonly input: number;
  readonly output: number;
  readonly weights: HeapWeights;
  /** Address of outChannels floats, 0 for none. */
  readonly bias: number;
  readonly geometry: Conv2DGeometry;
  readonly epilogue: Epilogue;
  /** Output pixels of a macro tile, before rounding to the kernel's tile. */
  readonly macroTile: number;
}

const RECORD_BYTES = 256;
/** Planes of a group of output channels between a panel kernel and its transpose: 16 channels x 32 pixels. */
const PLANES_BYTES = 4096;

/**
 * Runs convolutions on the calling thread. Owns the working memory that they need: a task record, the padded bias, im2col
 * rows and panels. It grows to the largest call and is freed by `dispose`.
 */
export class Conv2DRunner {
  private arena = 0;
  private arenaBytes = 0;

  constructor(
    private readonly heap: TfjsHeap,
    private readonly kernels: KernelModule,
    private readonly variant: KernelVariant,
  ) {}

  /** Bytes of working memory held. */
  get bytes(): number {
    return this.arenaBytes;
  }

  /** @throws Error if the heap is exhausted; the output is untouched then. */
  run(call: Conv2DCall): void {
    const {geometry: g, weights: w} = call;
    const pixels = g.batch * g.outHeight * g.outWidth;
    const kernel = microkernel(w.layout, pixels, this.variant);
    const tile = KERNEL_TILES[kernel];
    const macroTile = Math.ceil(Math.min(call.macroTile, pixels) / tile) * tile;
    const direct = isDirect(g);
    const rowBytes = macroTile * w.k * 4;
    const biasBytes = align(w.outChannels * 4 + 128);
    const copies = (direct ? 0 : 1) + (panelTile(w.layout) ? 1 : 0);
    this.reserve(RECORD_BYTES + biasBytes + copies * rowBytes + PLANES_BYTES);

    const biasAddress = this.arena + RECORD_BYTES;
    const bias = this.heap.floats(biasAddress, biasBytes / 4).fill(0);
    if (call.bias) bias.set(this.heap.floats(call.bias, w.outChannels));

    const record = this.heap.ints(this.arena, RECORD_BYTES / 4);
    record[Task.input] = call.input;
    record[Task.output] = call.output;
    record[Task.values] = w.values;
    record[Task.offsets] = w.offsets;
    record[Task.rowStart] = w.rowStart;
    record[Task.bias] = biasAddress;
    record[Task.scratch] = biasAddress + biasBytes;
    record[Task.kernel] = kernel;
    record[Task.n] = w.n;
    record[Task.k] = w.k;
    record[Task.outChannels] = w.outChannels;
    record[Task.macroTile] = macroTile;
    record[Task.direct] = direct ? 1 : 0;
    record[Task.inHeight] = g.inHeight;
    record[Task.inWidth] = g.inWidth;
    record[Task.inChannels] = g.inChannels;
    record[Task.outHeight] = g.outHeight;
    record[Task.outWidth] = g.outWidth;
    record[Task.kernelHeight] = g.kernelHeight;
    record[Task.kernelWidth] = g.kernelWidth;
    record[Task.strideHeight] = g.strideHeight;
    record[Task.strideWidth] = g.strideWidth;
    record[Task.dilationHeight] = g.dilationHeight;
    record[Task.dilationWidth] = g.dilationWidth;
    record[Task.padTop] = g.padTop;
    record[Task.padLeft] = g.padLeft;
    this.writeEpilogue(call.epilogue, record);
    this.kernels.conv2d(this.arena, 0, pixels);
  }

  dispose(): void {
    if (this.arena) this.heap.free(this.arena);
    this.arena = 0;
    this.arenaBytes = 0;
  }

  private writeEpilogue({min, max, slope}: Epilogue, record: Int32Array): void {
    const floats = this.heap.floats(this.arena, RECORD_BYTES / 4);
    floats[Task.minBits] = min;
    floats[Task.maxBits] = max;
    if (slope === undefined) {
      record[Task.slopeCount] = 0;
    } else if (typeof slope === 'number') {
      floats[Task.words] = slope; // the word behind the record
      record[Task.slopeCount] = 1;
      record[Task.slopes] = this.arena + Task.words * 4;
    } else {
      record[Task.slopeCount] = slope.count;
      record[Task.slopes] = slope.address;
    }
  }

  private reserve(bytes: number): void {
    if (bytes <= this.arenaBytes) return;
    this.dispose();
    this.arena = this.heap.allocate(bytes);
    this.arenaBytes = bytes;
  }
}

/** Whether the im2col rows of the output are the input's pixels as they lie. */
function isDirect(g: Conv2DGeometry): boolean {
  return (
    g.kernelHeight === 1 &&
    g.kernelWidth === 1 &&
    g.strideHeight === 1 &&
    g.strideWidth === 1 &&
    g.padTop === 0 &&
    g.padLeft === 0 &&
    g.outHeight === g.inHeight &&
    g.outWidth === g.inWidth
  );
}

function align(bytes: number): number {
  return Math.ceil(bytes / 64) * 64;
}
