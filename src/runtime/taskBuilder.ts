import {SPARE_POINTERS, Task, WINOGRAD_CHANNELS} from '../../kernels/convTask';
import {Job} from '../../kernels/task';
import type {KernelVariant} from './features';
import {KERNEL_TILES, microkernel, readsPanels} from './microkernels';
import {inputLayout} from './inputLayout';
import type {HeapWeights} from './packedWeights';
import {type ConvGeometry, type Epilogue, roundUp, type TaskWriter} from './taskWriter';

/** How a convolution is cut into pieces: what a thread computes at a time. */
export interface ConvCut {
  /** Output pixels of a piece, or Winograd's tiles of 2x2 of them, before rounding to the kernel's tile. */
  readonly macroTile: number;
  /** Output channels of a piece: all, or a multiple of 16 and of N. */
  readonly groupChannels: number;
  /** Whether a thread is dealt channels of all pixels rather than pixels of all channels. */
  readonly channelsOutermost: boolean;
  /** Whether workers take part. */
  readonly parallel: boolean;
  /** What the pieces together are expected to take on one core of a reference machine. */
  readonly workMs: number;
}

/** One convolution or MatMul on the heap; addresses in bytes. */
export interface Conv2DCall {
  readonly input: number;
  readonly output: number;
  readonly weights: HeapWeights;
  /** Address of outChannels floats, 0 for none. */
  readonly bias: number;
  readonly geometry: ConvGeometry;
  readonly epilogue: Epilogue;
  readonly cut: ConvCut;
}

/** How a depthwise convolution is cut; an item is an output row of a group of channels. */
export interface DepthwiseCut {
  /** Whether the kernels for square filters of 3 and 5, stride 1 or 2 either way and no dilation serve. */
  readonly tiled: boolean;
  /** Whether input rows are copied between borders of zeros; needed where not `tiled` and where there are groups. */
  readonly copyRows: boolean;
  /** Output channels of a group: all, or a multiple of 4. Up to 3 that are left over join the last one. */
  readonly groupChannels: number;
  readonly groups: number;
  /** Items that a thread takes at a time. */
  readonly unitRows: number;
}

/** One depthwise convolution on the heap. */
export interface DepthwiseCall {
  readonly input: number;
  readonly output: number;
  /** Address of weights and bias as `packTaps` gathers them. */
  readonly taps: number;
  readonly geometry: ConvGeometry;
  readonly outChannels: number;
  readonly epilogue: Epilogue;
  readonly cut: DepthwiseCut;
}

/** Up to so many pixels beyond the last whole tile go one by one: that takes less time than a tile that they do not fill. */
const LAST_PIXELS = 2;
/** Planes of a group of output channels between a panel kernel and its transpose: 16 channels x 32 pixels. */
const PLANES_BYTES = 4096;
/** Kernels read the bias of whole block rows: room for one more of 32 channels. */
const BIAS_PADDING_BYTES = 128;

/** A task of a job that is not a convolution: a record's own words, and how to cut it. */
export interface TaskCall {
  readonly job: Job;
  /** What follows the header in the record; floats as `floatBits`. */
  readonly words: readonly number[];
  readonly items: number;
  /** Items that a thread takes at a time; all of them for a task that runs on the calling thread alone. */
  readonly unitItems: number;
  /** Working memory of each thread. */
  readonly scratchBytes?: number;
}

/** Writes the records of our kernels' tasks. What becomes of them is up to those who extend it. */
export abstract class TaskBuilder {
  constructor(protected readonly variant: KernelVariant) {}

  /** Threads that may take part in a task, the calling one included. */
  abstract get threads(): number;

  protected abstract readonly tasks: TaskWriter;

  /** The address of so many bytes of zeros that nobody writes to. */
  protected abstract zeros(bytes: number): number;

  /** The record is written: `items` there are to compute, `unitItems` at a time. */
  protected abstract submit(job: Job, items: number, unitItems: number, workMs: number): void;

  /**
   * @throws Error if the heap is exhausted; the output is untouched then.
   * @throws PoolFailure if a worker died in it.
   */
  conv2d({input, output, weights: w, bias, geometry, epilogue, cut}: Conv2DCall): void {
    const {tasks} = this;
    const rows = w.winograd ? patchGeometry(geometry) : geometry;
    const pixels = rows.batch * rows.outHeight * rows.outWidth;
    const kernel = microkernel(w, pixels, this.variant);
    const tile = KERNEL_TILES[kernel];
    const macroTile = Math.ceil(Math.min(cut.macroTile, pixels) / tile) * tile;
    const panels = readsPanels(kernel);
    const layout = inputLayout(rows, macroTile, !w.dense && !panels);
    const biasBytes = w.outChannels * 4 + BIAS_PADDING_BYTES;
    const patchesAt = wholeLines(4 * (macroTile + SPARE_POINTERS + 3));
    const panelsAt = patchesAt + wholeLines(layout.patchBytes);
    const panelBytes = w.winograd ? winogradBytes(macroTile, w.k) : panels ? macroTile * w.k * 4 : 0;
    tasks.reserve(biasBytes, panelsAt + panelBytes + PLANES_BYTES);

    tasks.setShared(bias, w.outChannels, biasBytes);
    const {i32, at: record} = tasks;
    i32[record + Task.input] = input;
    i32[record + Task.output] = output;
    i32[record + Task.values] = w.values;
    i32[record + Task.columns] = w.columns;
    i32[record + Task.rowStart] = w.rowStart;
    i32[record + Task.bias] = tasks.shared;
    i32[record + Task.kernel] = kernel;
    i32[record + Task.tile] = tile;
    i32[record + Task.n] = w.n;
    i32[record + Task.k] = w.k;
    i32[record + Task.outChannels] = w.outChannels;
    i32[record + Task.pixels] = pixels;
    i32[record + Task.macroTile] = macroTile;
    i32[record + Task.lastPixels] = pixels % tile > LAST_PIXELS ? 0 : pixels % tile;
    i32[record + Task.halfPanel] = 1;
    i32[record + Task.groupChannels] = cut.groupChannels;
    i32[record + Task.channelsOutermost] = cut.channelsOutermost ? 1 : 0;
    i32[record + Task.segments] = layout.segments;
    i32[record + Task.segmentBytes] = layout.segmentBytes;
    i32[record + Task.segmentPitch] = layout.segmentPitch;
    i32[record + Task.direct] = isDirect(geometry) ? 1 : 0;
    i32[record + Task.patchesAt] = patchesAt;
    i32[record + Task.panelsAt] = panelsAt;
    i32[record + Task.imageHeight] = geometry.outHeight;
    i32[record + Task.imageWidth] = geometry.outWidth;
    tasks.setGeometry(rows);
    tasks.setEpilogue(epilogue);
    const items = Math.ceil(pixels / macroTile) * Math.ceil(w.outChannels / cut.groupChannels);
    this.submit(w.winograd ? Job.winograd : Job.conv2d, items, cut.parallel ? 1 : items, cut.workMs);
  }

  /**
   * @throws Error if the heap is exhausted; the output is untouched then.
   * @throws PoolFailure if a worker died in it.
   */
  depthwiseConv2d({input, output, taps, geometry: g, outChannels, epilogue, cut}: DepthwiseCall): void {
    const {tasks} = this;
    const {copyRows, groupChannels} = cut;
    const columns = (g.outWidth - 1) * g.strideWidth + (g.kernelWidth - 1) * g.dilationWidth + 1;
    const line = (copyRows ? columns : g.inWidth) * Math.max(4, outChannels);
    const lines = copyRows ? (g.kernelHeight - 1) * g.dilationHeight + 1 : 0;
    const zeros = this.zeros(4 * line);
    tasks.reserve(0, 4 * (g.kernelHeight + lines * line));
    const {i32, at: record} = tasks;
    i32[record + Task.direct] = copyRows ? 0 : 1;
    i32[record + Task.kernel] = cut.tiled ? 1 : 0;
    i32[record + Task.input] = input;
    i32[record + Task.output] = output;
    i32[record + Task.taps] = taps;
    i32[record + Task.zeros] = zeros;
    i32[record + Task.outChannels] = outChannels;
    i32[record + Task.groupChannels] = groupChannels;
    const rows = g.batch * g.outHeight;
    i32[record + Task.pixels] = rows * g.outWidth;
    tasks.setGeometry(g);
    tasks.setEpilogue(epilogue);
    this.submit(Job.depthwiseConv2d, rows * cut.groups, cut.unitRows, 0);
  }

  /**
   * @throws Error if the heap is exhausted; the output is untouched then.
   * @throws PoolFailure if a worker died in it.
   */
  run({job, words, items, unitItems, scratchBytes = 0}: TaskCall): void {
    this.tasks.reserve(0, scratchBytes);
    this.tasks.setWords(words);
    this.submit(job, items, unitItems, 0);
  }
}

/** Units are counted in 16 bits: kernels/threads.ts. */
const MAX_UNITS = 65535;

/** Items of a unit, and units, of so many items that are taken so many at a time. */
export function unitsOf(items: number, unitItems: number): [number, number] {
  const unit = Math.max(unitItems, Math.ceil(items / MAX_UNITS));
  return [unit, Math.ceil(items / unit)];
}

/** The word that holds a float32. */
export function floatBits(value: number): number {
  FLOAT[0] = value;
  return WORD[0];
}

const FLOAT = new Float32Array(1);
const WORD = new Int32Array(FLOAT.buffer);

/** The 4x4 patches of the input that tiles of 2x2 output pixels are computed from, as a convolution. */
function patchGeometry(g: ConvGeometry): ConvGeometry {
  return {
    ...g,
    kernelHeight: 4,
    kernelWidth: 4,
    strideHeight: 2,
    strideWidth: 2,
    outHeight: Math.ceil(g.outHeight / 2),
    outWidth: Math.ceil(g.outWidth / 2),
  };
}

/** Working memory of kernels/winograd.ts: zeros, then 16 planes of inputs and of products, each with room to align. */
function winogradBytes(macroTile: number, k: number): number {
  return 64 + 16 * (4 * macroTile * (k + WINOGRAD_CHANNELS) + 2 * 128);
}

/** Whether the output pixels' input is one run of pixels. */
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

/** Bytes rounded up to whole cache lines, so that vectors behind them straddle none. */
function wholeLines(bytes: number): number {
  return roundUp(bytes, 64);
}
