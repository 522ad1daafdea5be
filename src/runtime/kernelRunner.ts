import {Task} from '../../kernels/task';
import type {KernelVariant} from './features';
import type {TfjsHeap} from './heap';
import type {KernelModule} from './kernelModule';
import {KERNEL_TILES, microkernel, panelTile} from './microkernels';
import type {HeapWeights} from './packedWeights';
import {type ConvGeometry, type Epilogue, TaskArena} from './taskArena';

/** One convolution or MatMul on the heap; addresses in bytes. */
export interface Conv2DCall {
  readonly input: number;
  readonly output: number;
  readonly weights: HeapWeights;
  /** Address of outChannels floats, 0 for none. */
  readonly bias: number;
  readonly geometry: ConvGeometry;
  readonly epilogue: Epilogue;
  /** Output pixels of a macro tile, before rounding to the kernel's tile. */
  readonly macroTile: number;
}

/** One depthwise convolution on the heap; see `hasDepthwiseKernel` for the geometries that there are kernels for. */
export interface DepthwiseCall {
  readonly input: number;
  readonly output: number;
  /** Address of the weights as tfjs has them, [k, k, channels, 1]. */
  readonly weights: number;
  /** Address of as many floats as there are channels, 0 for none. */
  readonly bias: number;
  readonly geometry: ConvGeometry;
  readonly epilogue: Epilogue;
}

/** Planes of a group of output channels between a panel kernel and its transpose: 16 channels x 32 pixels. */
const PLANES_BYTES = 4096;
/** Kernels read the bias of whole block rows: room for one more of 32 channels. */
const BIAS_PADDING_BYTES = 128;
/** Zeros that stand for input rows outside the image, in pixels: see kernels/depthwiseConv2d.ts. */
const ZERO_PIXELS = 11;

/** Up to this width of the output a depthwise convolution copies its input rows between borders of zeros. */
const NARROW_PIXELS = 16;

/** Runs our kernels on the calling thread and owns the working memory that they need. */
export class KernelRunner {
  private readonly arena: TaskArena;

  constructor(
    private readonly heap: TfjsHeap,
    private readonly kernels: KernelModule,
    private readonly variant: KernelVariant,
  ) {
    this.arena = new TaskArena(heap);
  }

  /** Bytes of working memory held. */
  get bytes(): number {
    return this.arena.bytes;
  }

  /** @throws Error if the heap is exhausted; the output is untouched then. */
  conv2d({input, output, weights: w, bias, geometry, epilogue, macroTile: wantedTile}: Conv2DCall): void {
    const {arena} = this;
    const pixels = geometry.batch * geometry.outHeight * geometry.outWidth;
    const kernel = microkernel(w.layout, pixels, this.variant);
    const tile = KERNEL_TILES[kernel];
    const macroTile = Math.ceil(Math.min(wantedTile, pixels) / tile) * tile;
    const direct = isDirect(geometry);
    const biasBytes = align(w.outChannels * 4 + BIAS_PADDING_BYTES);
    const copies = (direct ? 0 : 1) + (panelTile(w.layout) ? 1 : 0);
    arena.reserve(biasBytes + copies * macroTile * w.k * 4 + PLANES_BYTES);

    this.writeBias(bias, arena.scratch, w.outChannels, biasBytes);
    const {i32} = this.heap;
    const record = arena.record / 4;
    i32[record + Task.input] = input;
    i32[record + Task.output] = output;
    i32[record + Task.values] = w.values;
    i32[record + Task.offsets] = w.offsets;
    i32[record + Task.rowStart] = w.rowStart;
    i32[record + Task.bias] = arena.scratch;
    i32[record + Task.scratch] = arena.scratch + biasBytes;
    i32[record + Task.kernel] = kernel;
    i32[record + Task.n] = w.n;
    i32[record + Task.k] = w.k;
    i32[record + Task.outChannels] = w.outChannels;
    i32[record + Task.macroTile] = macroTile;
    i32[record + Task.direct] = direct ? 1 : 0;
    arena.setGeometry(geometry);
    arena.setEpilogue(epilogue);
    this.kernels.conv2d(arena.record, 0, pixels);
  }

  /** @throws Error if the heap is exhausted; the output is untouched then. */
  depthwiseConv2d({input, output, weights, bias, geometry, epilogue}: DepthwiseCall): void {
    const {arena} = this;
    const {inChannels, kernelHeight: k, outWidth, strideWidth} = geometry;
    const direct = outWidth > NARROW_PIXELS || strideWidth > 1;
    const taps = align4(inChannels) * (k * k + 1);
    const paddedRows = direct ? 0 : k * ((outWidth - 1) * strideWidth + k) * inChannels;
    arena.reserve(4 * (ZERO_PIXELS * inChannels + taps + paddedRows));
    const {i32} = this.heap;
    const record = arena.record / 4;
    i32[record + Task.direct] = direct ? 1 : 0;
    i32[record + Task.input] = input;
    i32[record + Task.output] = output;
    i32[record + Task.values] = weights;
    i32[record + Task.bias] = bias;
    i32[record + Task.scratch] = arena.scratch;
    arena.setGeometry(geometry);
    arena.setEpilogue(epilogue);
    this.kernels.depthwiseConv2d(arena.record, 0, geometry.batch * geometry.outHeight);
  }

  dispose(): void {
    this.arena.free();
  }

  private writeBias(source: number, target: number, outChannels: number, bytes: number): void {
    const {f32} = this.heap;
    const to = target / 4;
    if (source) f32.copyWithin(to, source / 4, source / 4 + outChannels);
    f32.fill(0, source ? to + outChannels : to, to + bytes / 4);
  }
}

/**
 * Whether there is a kernel for a depthwise convolution: 3x3 or 5x5, stride 1 or 2 either way, no dilation, one output
 * channel for each of at least 4 input channels.
 */
export function hasDepthwiseKernel(g: ConvGeometry, channelMultiplier: number): boolean {
  return (
    channelMultiplier === 1 &&
    g.inChannels >= 4 &&
    (g.kernelHeight === 3 || g.kernelHeight === 5) &&
    g.kernelWidth === g.kernelHeight &&
    (g.strideHeight === 1 || g.strideHeight === 2) &&
    g.strideWidth === g.strideHeight &&
    g.dilationHeight === 1 &&
    g.dilationWidth === 1
  );
}

/** Whether the im2col rows of the output are the input's pixels as they lie. */
function isDirect(g: ConvGeometry): boolean {
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

function align4(count: number): number {
  return Math.ceil(count / 4) * 4;
}

function align(bytes: number): number {
  return Math.ceil(bytes / 64) * 64;
}
