import {COST_CONSTANTS, THREAD_COST} from './costConstants';
import {
  expectedMs,
  kernelPixels,
  kernelTile,
  pathName,
  pathWork,
  type LayerGeometry,
  type LayerPath,
  type Variant,
} from './costModel';
import {macroTile, winogradMacroTile} from './macroTile';

/** How a convolution is cut into pieces that threads take in turn. */
export interface Cut {
  /** Output pixels of a piece, or Winograd's tiles. */
  readonly macroTile: number;
  /** Output channels of a piece: all, or a multiple of 16 and of N. */
  readonly groupChannels: number;
  /** Whether a thread is dealt channels of all pixels rather than pixels of all channels. */
  readonly channelsOutermost: boolean;
  /** Whether more than one thread takes part. */
  readonly parallel: boolean;
  /** Nanoseconds of each piece as the model expects them; one piece where not parallel. */
  readonly pieces: readonly number[];
  /** All of them together. */
  readonly workMs: number;
  readonly expectedMs: number;
}

/** Output channels of a piece are a multiple of this: the panel kernels write so many at a time. */
const CHANNEL_STEP = 16;
/** Numbers of groups of output channels that are tried. */
const GROUPS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32];
/** Up to so many pieces the schedule is played through; with more of them the last one's wait is small. */
const PLAYED_PIECES = 96;
/** More pieces than this a thread only cost claims. */
const PIECES_A_THREAD = 16;
/** Workers are asked for if they are expected to take off at least this share of the time. */
const CLEAR_GAIN = 0.9;

/**
 * How a layer is cut for a number of threads. Every value of the output is computed by the same instructions in the same
 * order however it is cut, so this decides about time alone.
 *
 * @param entries kept entries 1 x N of the matrix [K, outChannels]; of packed paths alone
 */
export function cutLayer(
  layer: LayerGeometry,
  path: Exclude<LayerPath, {kind: 'stock'}>,
  entries: number,
  variant: Variant,
  threads: number,
): Cut {
  const {kh, kw, inChannels, outChannels} = layer.filter;
  const pixels = kernelPixels(layer, path);
  const work = pathWork(layer, path, entries, variant);
  const cost = COST_CONSTANTS[variant][pathName(path, pixels, work.k)];
  const alone = expectedMs(work, cost);
  const largest =
    path.kind === 'winograd'
      ? winogradMacroTile(inChannels, outChannels)
      : macroTile(kh * kw * inChannels, outChannels);
  const whole = {
    macroTile: largest,
    groupChannels: outChannels,
    channelsOutermost: false,
    parallel: false,
    pieces: [alone * 1e6],
    workMs: alone,
    expectedMs: alone,
  };
  if (threads < 2 || alone * 1e6 < THREAD_COST.breakEven) return whole;

  const tile = kernelTile(path, pixels, work.k, variant);
  const largestTiles = Math.max(1, Math.min(work.tiles, Math.ceil(Math.min(largest, pixels) / tile)));
  const step = path.kind === 'packed' && path.n > CHANNEL_STEP ? path.n : CHANNEL_STEP;
  const prices: LayerPrices = {
    tiles: work.tiles,
    lastTile: work.lastTile,
    passes: Math.ceil(work.tiles / largestTiles),
    outChannels,
    perTile: work.entries * (cost.entry + cost.overflow * work.overflow) + work.rows * cost.row,
    layOut: work.k * cost.column + (work.copied / (work.tiles - 1 + work.lastTile)) * cost.copy,
    fixed: work.k * work.rows * cost.weight,
    call: cost.call,
    weightBytes: work.entries * (path.kind === 'packed' ? path.n : 8) * 4,
    inputBytes: layer.outputPixels * inChannels * 4, // at a stride of 1
  };
  let best: Cut = whole;
  let bestScore = alone * 1e6 * CLEAR_GAIN;
  for (const pieceTiles of tileCounts(work.tiles, largestTiles, threads)) {
    for (const groupChannels of groupSizes(outChannels, step)) {
      const candidate = price(prices, pieceTiles, groupChannels, threads);
      if (!candidate || candidate.score >= bestScore) continue;
      const {pieces, channelsOutermost, nanoseconds} = candidate;
      bestScore = candidate.score;
      best = {
        macroTile: pieceTiles * tile,
        groupChannels,
        channelsOutermost,
        parallel: true,
        pieces,
        workMs: pieces.reduce((sum, piece) => sum + piece, 0) / 1e6,
        expectedMs: nanoseconds / 1e6,
      };
    }
  }
  return best;
}

/** What a layer's pieces are made of; times in nanoseconds. */
interface LayerPrices {
  /** Tiles of pixels of the whole layer. */
  readonly tiles: number;
  /** What the last of them takes, as a share of the others. */
  readonly lastTile: number;
  /** Macro tiles that one thread would take. */
  readonly passes: number;
  readonly outChannels: number;
  /** All output channels of a tile. */
  readonly perTile: number;
  /** Laying out a tile's input. */
  readonly layOut: number;
  /** What the layer costs once, however many tiles it has. */
  readonly fixed: number;
  readonly call: number;
  readonly weightBytes: number;
  readonly inputBytes: number;
}

interface PricedCut {
  readonly pieces: number[];
  readonly channelsOutermost: boolean;
  /** Until all threads are done. */
  readonly nanoseconds: number;
  /** Less is better: the time, and a share of what a late thread would make of it. */
  readonly score: number;
}

/** Prices one way to cut; null if it is of one piece, or of more than can pay. */
function price(layer: LayerPrices, pieceTiles: number, groupChannels: number, threads: number): PricedCut | null {
  const {tiles, lastTile, passes, outChannels, perTile, layOut, fixed, call, weightBytes, inputBytes} = layer;
  const partTiles = sizesOf(tiles, pieceTiles);
  partTiles[partTiles.length - 1] -= 1 - lastTile;
  const groups = sizesOf(outChannels, groupChannels);
  const count = partTiles.length * groups.length;
  const finer = partTiles.length > passes || groups.length > 1;
  if (count < 2 || (finer && count > threads * PIECES_A_THREAD)) return null;

  // A thread fetches all weights and its part of the input, or all of the input and its part of the weights.
  const byPixels = weightBytes + inputBytes / Math.min(partTiles.length, threads);
  const byChannels = weightBytes / Math.min(groups.length, threads) + inputBytes;
  const channelsOutermost = byChannels < byPixels;
  const fetched = Math.min(byPixels, byChannels) - (weightBytes + inputBytes) / threads;

  // Smaller pieces of pixels than one thread would take stream the weights more often.
  const restream = (Math.max(0, partTiles.length - passes) * weightBytes) / THREAD_COST.weightBytesPerNs;
  const each = (fixed + restream) / count + THREAD_COST.claim;
  const time = (size: number, channels: number) => size * (layOut + (perTile * channels) / outChannels) + each;
  const pieces = channelsOutermost
    ? groups.flatMap((channels) => partTiles.map((size) => time(size, channels)))
    : partTiles.flatMap((size) => groups.map((channels) => time(size, channels)));
  const nanoseconds = call + THREAD_COST.fork + makespan(pieces, threads) + fetched / THREAD_COST.fetchedBytesPerNs;
  return {pieces, channelsOutermost, nanoseconds, score: nanoseconds + THREAD_COST.tail * pieces[0]};
}

/** Sizes of groups of output channels that are tried. */
function groupSizes(outChannels: number, step: number): Set<number> {
  return new Set(GROUPS.map((groups) => Math.min(outChannels, Math.ceil(outChannels / groups / step) * step)));
}

/** The sizes of the pieces of a whole; the last may be smaller. */
function sizesOf(whole: number, piece: number): number[] {
  const count = Math.ceil(whole / piece);
  return Array.from({length: count}, (_, i) => Math.min(piece, whole - i * piece));
}

/** When the last of equal threads is done if each takes the next piece as soon as it is free. */
export function makespan(pieces: readonly number[], threads: number): number {
  if (pieces.length > PLAYED_PIECES) {
    const total = pieces.reduce((sum, piece) => sum + piece, 0);
    return total / threads + pieces[0] / 2;
  }
  const busyUntil = new Array<number>(threads).fill(0);
  for (const piece of pieces) {
    let first = 0;
    for (let i = 1; i < threads; i++) if (busyUntil[i] < busyUntil[first]) first = i;
    busyUntil[first] += piece;
  }
  return Math.max(...busyUntil);
}

/** Tiles of a piece that are tried: as many as one thread would take, fractions of it, and what deals out evenly. */
function tileCounts(tiles: number, largest: number, threads: number): number[] {
  const counts = new Set<number>();
  for (const size of [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64]) if (size < largest) counts.add(size);
  counts.add(largest);
  for (let round = 1; round <= 6; round++) {
    const even = Math.ceil(tiles / (threads * round));
    if (even <= largest) counts.add(even);
  }
  return [...counts];
}
