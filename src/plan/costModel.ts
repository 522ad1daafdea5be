import {BLOCK_SIZES, type BlockSize, type BlockStatistics, type FilterShape} from '../packed';
import {COST_CONSTANTS, type KernelCost, type PathName} from './costConstants';

/** Which kernel variant runs: with fused multiply-adds (relaxed SIMD) or without. */
export type Variant = 'relaxed' | 'simd128';

/** What the cost model has to know of a convolution or MatMul beside its weights. */
export interface LayerGeometry {
  readonly filter: FilterShape;
  /** Output pixels over the whole batch: `batch * outHeight * outWidth`, or the rows of a MatMul's left-hand side. */
  readonly outputPixels: number;
  /** Tiles of 2x2 output pixels over the whole batch (`winogradTiles`); 0, the default, where the layer has none. */
  readonly winogradTiles?: number;
}

/** How a layer runs: tfjs's own kernel, our dense kernel, Winograd's algorithm, or the 1xN kernel on packed weights. */
export type LayerPath =
  | {readonly kind: 'stock'}
  | {readonly kind: 'dense'}
  | {readonly kind: 'winograd'}
  | {readonly kind: 'packed'; readonly n: BlockSize};

/** A path and the time the model expects of it on the reference core. */
export interface PathCandidate {
  readonly path: LayerPath;
  readonly expectedMs: number;
}

/** The path chosen and all that it was compared with, cheapest first. */
export interface PathChoice extends PathCandidate {
  readonly candidates: readonly PathCandidate[];
}

/** A path's work in the units that `KernelCost` prices. */
export interface Work {
  /** Tiles of pixels; Winograd: tiles of its tiles. */
  readonly tiles: number;
  /** What the last of them takes, as a share of the others: 1 or two pixels go one by one, 16 of 32 as half a tile. */
  readonly lastTile: number;
  /** Kept entries of the weight matrix: all of K x block rows where dense. */
  readonly entries: number;
  /** Block rows; N = 16 and 32 count each pass of 8 channels. */
  readonly rows: number;
  /** K = kh * kw * inChannels; Winograd: 16 * inChannels. */
  readonly k: number;
  /** Values copied by im2col, which kernels of packed rows of 8 need: pixels x K; 0 where the input serves as it lies. */
  readonly copied: number;
  /** How much of a panel, or of a slice of it, lies beyond the level-1 cache, 0 to 1. */
  readonly overflow: number;
}

/** Columns from which a panel of 32 pixels fills the level-1 cache; N = 1 has a kernel of 16 for those. */
const LONG_K = 320;
/** Up to so many pixels the kernels of one pixel run. */
const FEW_PIXELS = 2;
/** What one of them takes, as a share of a whole tile's time. An estimate from the loads of the two loops. */
const LAST_PIXEL = 0.4;
/** What N = 1 takes for up to 16 pixels at the end, as a share of a tile of 32: the ratio of the two kernels' entries. */
const HALF_TILE = 0.56;
/** Columns of a slice of N = 1, at most: SLICE_COLUMNS of kernels/convTask.ts. */
const SLICE_COLUMNS = 640;

/**
 * What a dense block row of at most 4 channels counts, as a share of one of 8. Set by hand, not fitted: of seven layers of 1
 * to 4 output channels 0.85 left four to stock's kernel that ours runs in 0.64 to 0.81 of its time (relaxed), and 0.7
 * preferred the dense kernel to 1x1 blocks for a single output channel, where it takes longer.
 */
const NARROW_ROW = 0.75;

/** An index of kept blocks counts columns in 16 bits. */
export const MOST_COLUMNS = 65536;

const LEVEL_1_BYTES = 32 * 1024;

/**
 * The work of a path.
 *
 * @param entries kept entries 1 x N of the matrix [K, outChannels]; of packed paths alone.
 */
export function pathWork(layer: LayerGeometry, path: LayerPath, entries: number, variant: Variant): Work {
  const {kh, kw, inChannels, outChannels} = layer.filter;
  const winograd = path.kind === 'winograd';
  const k = (winograd ? 16 : kh * kw) * inChannels;
  const pixels = kernelPixels(layer, path);
  if (path.kind === 'stock') {
    // Its tiles are whole vectors of output channels.
    return {
      tiles: pixels,
      lastTile: 1,
      entries: Math.ceil(outChannels / 4) * 4 * k,
      rows: outChannels,
      k,
      copied: 0,
      overflow: 0,
    };
  }
  const packed = path.kind === 'packed';
  const n = packed ? path.n : 8;
  const tile = kernelTile(path, pixels, k, variant);
  const blockRows = Math.ceil(outChannels / n);
  const panelColumns = n === 1 ? k / Math.ceil(k / SLICE_COLUMNS) : k;
  // N = 16 and 32 run in passes of 8 channels; a ragged last row needs fewer.
  const passes = n > 8 ? Math.ceil(outChannels / 8) : blockRows;
  const rows = path.kind === 'dense' && pixels > FEW_PIXELS ? denseRows(outChannels) : passes;
  return {
    tiles: Math.ceil(pixels / tile),
    lastTile: winograd ? 1 : lastTile(tile, pixels % tile),
    entries: packed ? (entries * rows) / blockRows : k * rows,
    rows,
    k,
    copied: packed && n >= 8 && kh > 1 ? pixels * k : 0,
    overflow: n < 8 ? Math.max(0, 1 - LEVEL_1_BYTES / (panelColumns * tile * 4)) : 0,
  };
}

/** What the microkernels of a path take for pixels: output pixels, or Winograd's tiles. */
export function kernelPixels({outputPixels, winogradTiles = 0}: LayerGeometry, {kind}: LayerPath): number {
  return kind === 'winograd' ? winogradTiles : outputPixels;
}

/** Output pixels that the microkernel of a path computes at a time. */
export function kernelTile(
  path: Exclude<LayerPath, {kind: 'stock'}>,
  pixels: number,
  k: number,
  variant: Variant,
): number {
  const n = path.kind === 'packed' ? path.n : 8;
  if (n < 8 && pixels <= FEW_PIXELS) return 1;
  if (n === 1) return k > LONG_K ? 16 : 32;
  return n < 8 ? 32 / n : rowTile(pixels, variant);
}

/** What the last tile takes, as a share of the others, if `rest` pixels lie beyond whole tiles. */
function lastTile(tile: number, rest: number): number {
  if (tile === 1 || rest === 0) return 1;
  if (rest <= FEW_PIXELS) return rest * LAST_PIXEL;
  return tile === 32 && rest <= 16 ? HALF_TILE : 1;
}

/** Dense block rows of 8; a last one of at most 4 channels has a kernel of its own. */
function denseRows(outChannels: number): number {
  const rest = outChannels % 8;
  return Math.floor(outChannels / 8) + (rest === 0 ? 0 : rest <= 4 ? NARROW_ROW : 1);
}

/** Pixels of a tile where rows of pixels are read; six of them need fused multiply-adds (runtime/microkernels.ts). */
function rowTile(pixels: number, variant: Variant): number {
  if (pixels <= FEW_PIXELS) return 1;
  return variant === 'relaxed' ? 6 : 4;
}

/** Milliseconds that work takes at given prices. */
export function expectedMs(work: Work, cost: KernelCost): number {
  const perTile =
    work.entries * (cost.entry + cost.overflow * work.overflow) + work.rows * cost.row + work.k * cost.column;
  const tiles = work.tiles - 1 + work.lastTile;
  return (cost.call + tiles * perTile + work.copied * cost.copy + work.k * work.rows * cost.weight) / 1e6;
}

/** The row of constants that prices a path at a number of pixels and of columns. */
export function pathName(path: LayerPath, outputPixels: number, k: number): PathName {
  if (path.kind === 'winograd') return path.kind;
  const name = path.kind === 'packed' ? (`1x${Math.min(path.n, 8) as 1 | 2 | 4 | 8}` as const) : path.kind;
  if (outputPixels <= FEW_PIXELS) return `${name}, few pixels`;
  return name === '1x1' && k > LONG_K ? '1x1, long K' : name;
}

/**
 * Stock's kernel runs unless a path of ours is expected to take less than this share of its time. Below that an
 * expectation is no better than the model's own error. Large products of few pixels are bound by memory: both take as long
 * (measured, whatever is expected: ours 0.98 to 1.02 of stock's time), and ours is shared by threads, splits no region and
 * needs no second copy of the weights, which stock makes on first use.
 */
const CLEAR_GAIN = {manyPixels: 0.97, memoryBound: 1.3};

/**
 * Other products of few pixels take microseconds, and a kernel of stock's in the middle of a program costs so much beside
 * its own time: ours may take as much longer.
 */
const SPLIT_MS = 0.0015;

/**
 * Winograd's algorithm runs where it is expected to take at most this share of the dense kernel's time, on layers of at
 * least so many channels, in and out, and tiles. Estimates: below, its transforms take much of what it saves.
 */
const WINOGRAD = {gain: 0.85, channels: 8, tiles: 12};

/** From so many multiply-adds on a product of few pixels counts as bound by memory: its weights fill the second cache. */
const MEMORY_BOUND_MADDS = 500_000;

/** What our best path must be expected to stay below, given the same of stock's: milliseconds. */
function clearlyFaster({filter, outputPixels}: LayerGeometry, stockMs: number): number {
  if (outputPixels > FEW_PIXELS) return CLEAR_GAIN.manyPixels * stockMs;
  const {kh, kw, inChannels, outChannels} = filter;
  const large = kh * kw * inChannels * outChannels * outputPixels >= MEMORY_BOUND_MADDS;
  return large ? CLEAR_GAIN.memoryBound * stockMs : stockMs + SPLIT_MS;
}

/** Of blocks of two sizes that are expected to take as long, to this factor, the larger are taken: their index is smaller. */
const AS_GOOD = 1.02;

function isLarger(a: LayerPath, b: LayerPath): boolean {
  return a.kind === 'packed' && b.kind === 'packed' && a.n > b.n;
}

/**
 * Chooses how a layer runs: the one place where that is decided. For one thread, whatever their number: another path
 * rounds otherwise, and results must not depend on the threads.
 *
 * @param kept of the statistics of the layer as a matrix: `layerStatistics`.
 * @param skipZeros false leaves out the paths that skip zero blocks, and Winograd's algorithm, which makes NaN of an
 *     infinity.
 * @param withStock false leaves out stock's kernel.
 */
export function choosePath(
  layer: LayerGeometry,
  {kept}: Pick<BlockStatistics, 'kept'>,
  variant: Variant,
  skipZeros = true,
  withStock = true,
): PathChoice {
  const {kh, kw, inChannels, outChannels} = layer.filter;
  const ours: LayerPath[] = [{kind: 'dense'}];
  const large = Math.min(inChannels, outChannels) >= WINOGRAD.channels && (layer.winogradTiles ?? 0) >= WINOGRAD.tiles;
  if (skipZeros && large) ours.push({kind: 'winograd'});
  const k = kh * kw * inChannels;
  if (skipZeros && k <= MOST_COLUMNS) ours.push(...BLOCK_SIZES.map((n) => ({kind: 'packed', n}) as const));
  const candidates = [{kind: 'stock'} as const, ...ours].map((path: LayerPath) => {
    const entries = path.kind === 'packed' ? kept[path.n] : 0;
    const work = pathWork(layer, path, entries, variant);
    return {path, expectedMs: expectedMs(work, COST_CONSTANTS[variant][pathName(path, layer.outputPixels, work.k)])};
  });
  const [stock, ...others] = candidates;
  if (!withStock) candidates.shift();
  const [dense] = others;
  const best = others
    .filter(({path, expectedMs}) => {
      if (path.kind === 'winograd') return expectedMs <= WINOGRAD.gain * dense.expectedMs;
      // Where nothing can be skipped the dense kernel does the same without an index.
      return path.kind !== 'packed' || kept[path.n] < k * Math.ceil(outChannels / path.n);
    })
    .reduce((a, b) => (b.expectedMs < a.expectedMs * (isLarger(b.path, a.path) ? AS_GOOD : 1) ? b : a));
  candidates.sort((a, b) => a.expectedMs - b.expectedMs);
  const chosen = withStock && best.expectedMs >= clearlyFaster(layer, stock.expectedMs) ? stock : best;
  return {...chosen, candidates};
}
