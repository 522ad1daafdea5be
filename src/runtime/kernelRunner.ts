import {SPARE_POINTERS, Task, WINOGRAD_CHANNELS} from '../../kernels/convTask';
import {Job} from '../../kernels/task';
import type {KernelVariant} from './features';
import type {TfjsHeap} from './heap';
import type {KernelModule} from './kernelModule';
import {KERNEL_TILES, microkernel, readsPanels} from './microkernels';
import {inputLayout} from './inputLayout';
import type {HeapWeights} from './packedWeights';
import {type ConvGeometry, type Epilogue, TaskArena} from './taskArena';
import {Zeros} from './zeros';
import {PoolFailure, type ThreadPool} from './threadPool';

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

/** Units are counted in 16 bits: kernels/threads.ts. */
const MAX_UNITS = 65535;

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

/** Runs our kernels, on the calling thread or with a pool's workers, and owns the working memory that they need. */
export class KernelRunner {
  private readonly arena: TaskArena;
  private readonly zeros: Zeros;

  constructor(
    private readonly heap: TfjsHeap,
    private readonly kernels: KernelModule,
    private readonly variant: KernelVariant,
    /** null where there is one thread. */
    private readonly pool: ThreadPool | null,
  ) {
    this.arena = new TaskArena(heap);
    this.zeros = new Zeros(heap);
  }

  /** Bytes of working memory held. */
  get bytes(): number {
    return this.arena.bytes + this.zeros.bytes;
  }

  /** Threads that take part in a task, the calling one included. */
  get threads(): number {
    return this.pool?.threads ?? 1;
  }

  /**
   * @throws Error if the heap is exhausted; the output is untouched then.
   * @throws PoolFailure if a worker died in it.
   */
  conv2d({input, output, weights: w, bias, geometry, epilogue, cut}: Conv2DCall): void {
    const {arena} = this;
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
    arena.reserve(biasBytes, panelsAt + panelBytes + PLANES_BYTES, this.slots);

    this.writeBias(bias, arena.shared, w.outChannels, biasBytes);
    const {i32} = this.heap;
    const record = arena.record / 4;
    i32[record + Task.input] = input;
    i32[record + Task.output] = output;
    i32[record + Task.values] = w.values;
    i32[record + Task.columns] = w.columns;
    i32[record + Task.rowStart] = w.rowStart;
    i32[record + Task.bias] = arena.shared;
    i32[record + Task.kernel] = kernel;
    i32[record + Task.tile] = tile;
    i32[record + Task.n] = w.n;
    i32[record + Task.k] = w.k;
    i32[record + Task.outChannels] = w.outChannels;
    i32[record + Task.pixels] = pixels;
    i32[record + Task.macroTile] = macroTile;
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
    arena.setGeometry(rows);
    arena.setEpilogue(epilogue);
    const items = Math.ceil(pixels / macroTile) * Math.ceil(w.outChannels / cut.groupChannels);
    this.execute(w.winograd ? Job.winograd : Job.conv2d, items, cut.parallel ? 1 : items, cut.workMs);
  }

  /**
   * @throws Error if the heap is exhausted; the output is untouched then.
   * @throws PoolFailure if a worker died in it.
   */
  depthwiseConv2d({input, output, taps, geometry: g, outChannels, epilogue, cut}: DepthwiseCall): void {
    const {arena} = this;
    const {copyRows, groupChannels} = cut;
    const columns = (g.outWidth - 1) * g.strideWidth + (g.kernelWidth - 1) * g.dilationWidth + 1;
    const line = (copyRows ? columns : g.inWidth) * Math.max(4, outChannels);
    const lines = copyRows ? (g.kernelHeight - 1) * g.dilationHeight + 1 : 0;
    const zeros = this.zeros.of(4 * line);
    arena.reserve(0, 4 * (g.kernelHeight + lines * line), this.slots);
    const {i32} = this.heap;
    const record = arena.record / 4;
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
    arena.setGeometry(g);
    arena.setEpilogue(epilogue);
    this.execute(Job.depthwiseConv2d, rows * cut.groups, cut.unitRows);
  }

  /**
   * @throws Error if the heap is exhausted; the output is untouched then.
   * @throws PoolFailure if a worker died in it.
   */
  run({job, words, items, unitItems, scratchBytes = 0}: TaskCall): void {
    this.arena.reserve(0, scratchBytes, this.slots);
    this.arena.setWords(words);
    this.execute(job, items, unitItems);
  }

  dispose(): void {
    this.arena.free();
    this.zeros.free();
  }

  /** Threads that need working memory of their own. */
  private get slots(): number {
    return this.pool?.slots ?? 1;
  }

  private execute(job: Job, items: number, unitItems: number, workMs = 0): void {
    const {arena, pool} = this;
    const unit = Math.max(unitItems, Math.ceil(items / MAX_UNITS));
    arena.setItems(items, unit);
    const units = Math.ceil(items / unit);
    if (!pool || pool.threads === 1 || units < 2) {
      this.kernels.runAlone(job, arena.record);
      return;
    }
    try {
      pool.run(job, arena.record, units, workMs);
    } catch (error) {
      // A worker that is slow rather than dead may still read the record and write to its working memory.
      if (error instanceof PoolFailure) arena.abandon();
      throw error;
    }
  }

  private writeBias(source: number, target: number, outChannels: number, bytes: number): void {
    const {f32} = this.heap;
    const to = target / 4;
    if (source) f32.copyWithin(to, source / 4, source / 4 + outChannels);
    f32.fill(0, source ? to + outChannels : to, to + bytes / 4);
  }
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
  return Math.ceil(bytes / 64) * 64;
}
