import {COST_CONSTANTS, THREAD_COST} from './costConstants';
import {
  expectedMs,
  kernelTile,
  pathName,
  pathWork,
  type LayerGeometry,
  type LayerPath,
  type Variant,
} from './costModel';
import {macroTile} from './macroTile';

/** How a convolution is cut into pieces that threads take in turn. */
export interface Cut {
  /** Output pixels of a piece. */
  readonly macroTile: number;
  /** Output channels of a piece: all, or a multiple of 16 and of N. */
  readonly groupChannels: number;
  /** Whether a thread is dealt channels of all pixels rather than pixels of all channels. */
  readonly channelsOutermost: boolean;
  /** Whether more than one thread takes part. */
  readonly parallel: boolean;
  /** Nanoseconds of each piece as the model expects them; one piece where not parallel. */
  readonly pieces: readonly number[];
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
/** No thread is ever as fast as another: this share of a piece is the wait for the last one. */
const TAIL_WEIGHT = 0.25;
/** Workers are asked for if they are expected to take off at least this share of the time. */
const CLEAR_GAIN = 0.9;

/**
 * How a layer is cut for a number of threads. Every value of the output is computed by the same instructions in the same
 * order however it is cut, so this decides about time alone.
 *
 * @param entries kept entries 1 x N of the matrix [K, outChannels]; ignored where dense
 */
export function cutLayer(
  layer: LayerGeometry,
  path: Exclude<LayerPath, {kind: 'stock'}>,
  entries: number,
  variant: Variant,
  threads: number,
): Cut {
  const {kh, kw, inChannels, outChannels} = layer.filter;
  const pixels = layer.outputPixels;
  const cost = COST_CONSTANTS[variant][pathName(path, pixels)];
  const work = pathWork(layer, path, entries, variant);
  const alone = expectedMs(work, cost);
  const largest = macroTile(kh * kw * inChannels, outChannels);
  const whole = {
    macroTile: largest,
    groupChannels: outChannels,
    channelsOutermost: false,
    parallel: false,
    pieces: [alone * 1e6],
    expectedMs: alone,
  };
  if (threads < 2 || alone * 1e6 < THREAD_COST.breakEven) return whole;

  const tile = kernelTile(path, pixels, variant);
  const {tiles} = work;
  const largestTiles = Math.max(1, Math.min(tiles, Math.ceil(Math.min(largest, pixels) / tile)));
  const passes = Math.ceil(tiles / largestTiles);
  const step = path.kind === 'packed' && path.n > CHANNEL_STEP ? path.n : CHANNEL_STEP;
  const perTile = work.entries * (cost.entry + cost.overflow * work.overflow) + work.rows * cost.row;
  const layOut = work.k * cost.column + (work.copied / tiles) * cost.copy;
  const fixed = work.k * work.rows * cost.weight;
  const weightBytes = work.entries * (path.kind === 'dense' ? 8 : path.n) * 4;
  const inputBytes = pixels * inChannels * 4; // of a stride of 1

  let best: Cut = whole;
  let bestScore = alone * 1e6 * CLEAR_GAIN;
  for (const pieceTiles of tileCounts(tiles, largestTiles, threads)) {
    const parts = Math.ceil(tiles / pieceTiles);
    // Smaller pieces of pixels than one thread would take stream the weights more often.
    const restream = (Math.max(0, parts - passes) * weightBytes) / THREAD_COST.weightBytesPerNs;
    for (const wanted of GROUPS) {
      const groupChannels = Math.min(outChannels, Math.ceil(outChannels / wanted / step) * step);
      const groups = Math.ceil(outChannels / groupChannels);
      if (groups !== wanted && wanted > 1) continue;
      const count = parts * groups;
      if (count < 2 || (count > threads * PIECES_A_THREAD && (parts > passes || groups > 1))) continue;

      // A thread fetches all weights and its part of the input, or all of the input and its part of the weights.
      const byPixels = weightBytes + inputBytes / Math.min(parts, threads);
      const byChannels = weightBytes / Math.min(groups, threads) + inputBytes;
      const channelsOutermost = byChannels < byPixels;
      const fetched = Math.min(byPixels, byChannels) - (weightBytes + inputBytes) / threads;

      const each = (fixed + restream) / count + THREAD_COST.claim;
      const partTiles = sizesOf(tiles, pieceTiles);
      const channels = sizesOf(outChannels, groupChannels);
      const time = (size: number, outputs: number) => size * (layOut + (perTile * outputs) / outChannels) + each;
      const pieces = channelsOutermost
        ? channels.flatMap((outputs) => partTiles.map((size) => time(size, outputs)))
        : partTiles.flatMap((size) => channels.map((outputs) => time(size, outputs)));
      const nanoseconds =
        cost.call + THREAD_COST.fork + makespan(pieces, threads) + fetched / THREAD_COST.fetchedBytesPerNs;
      const score = nanoseconds + TAIL_WEIGHT * pieces[0];
      if (score < bestScore) {
        bestScore = score;
        best = {
          macroTile: pieceTiles * tile,
          groupChannels,
          channelsOutermost,
          parallel: true,
          pieces,
          expectedMs: nanoseconds / 1e6,
        };
      }
    }
  }
  return best;
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

/** Units that a thread takes of a task of alike items, at most. */
const MOST_ROUNDS = 8;

/**
 * How many of a task's items a thread takes at a time, for tasks of many alike items.
 *
 * @param nanoseconds of one item
 * @param more nanoseconds that each unit takes beside its items
 * @returns all of them where more threads do not pay
 */
export function unitItems(items: number, nanoseconds: number, threads: number, more = 0): number {
  if (threads < 2 || items * nanoseconds < THREAD_COST.breakEven) return Math.max(1, items);
  let best = Math.ceil(items / threads);
  let bestScore = Infinity;
  for (let rounds = 1; rounds <= MOST_ROUNDS; rounds++) {
    const unit = Math.ceil(items / (rounds * threads));
    if (rounds > 1 && unit * nanoseconds < THREAD_COST.smallestUnit) break;
    const each = unit * nanoseconds + more + THREAD_COST.claim;
    const played = Math.ceil(Math.ceil(items / unit) / threads);
    const score = (played + TAIL_WEIGHT) * each;
    if (score < bestScore) {
      bestScore = score;
      best = unit;
    }
  }
  return best;
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
