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
    this.writeBias(call.bias, biasAddress, w.outChannels, biasBytes);
    this.writeEpilogue(call.epilogue);
    const {i32} = this.heap;
    const record = this.arena / 4;
    i32[record + Task.input] = call.input;
    i32[record + Task.output] = call.output;
    i32[record + Task.values] = w.values;
    i32[record + Task.offsets] = w.offsets;
    i32[record + Task.rowStart] = w.rowStart;
    i32[record + Task.bias] = biasAddress;
    i32[record + Task.scratch] = biasAddress + biasBytes;
    i32[record + Task.kernel] = kernel;
    i32[record + Task.n] = w.n;
    i32[record + Task.k] = w.k;
    i32[record + Task.outChannels] = w.outChannels;
    i32[record + Task.macroTile] = macroTile;
    i32[record + Task.direct] = direct ? 1 : 0;
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
    this.kernels.conv2d(this.arena, 0, pixels);
  }

  dispose(): void {
    if (this.arena) this.heap.free(this.arena);
    this.arena = 0;
    this.arenaBytes = 0;
  }

  /** Kernels read the bias of whole block rows: zeros follow its end. */
  private writeBias(source: number, target: number, outChannels: number, bytes: number): void {
    const {f32} = this.heap;
    const to = target / 4;
    if (source) f32.copyWithin(to, source / 4, source / 4 + outChannels);
    f32.fill(0, source ? to + outChannels : to, to + bytes / 4);
  }

  private writeEpilogue({min, max, slope}: Epilogue): void {
    const {f32, i32} = this.heap;
    const record = this.arena / 4;
    f32[record + Task.minBits] = min;
    f32[record + Task.maxBits] = max;
    if (slope === undefined) {
      i32[record + Task.slopeCount] = 0;
    } else if (typeof slope === 'number') {
      f32[record + Task.words] = slope; // the word behind the record
      i32[record + Task.slopeCount] = 1;
      i32[record + Task.slopes] = this.arena + Task.words * 4;
    } else {
      i32[record + Task.slopeCount] = slope.count;
      i32[record + Task.slopes] = slope.address;
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
