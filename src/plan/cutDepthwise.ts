import {DEPTHWISE_COST, THREAD_COST} from './costConstants';
import {unitItems} from './unitItems';

/** What the plan of a depthwise convolution depends on; sizes in pixels. */
export interface DepthwiseLayer {
  readonly batch: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly outChannels: number;
  /** Output channels of an input channel. */
  readonly multiplier: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly strideHeight: number;
  readonly strideWidth: number;
  readonly dilationHeight: number;
  readonly dilationWidth: number;
}

/** How a depthwise convolution is cut into units that threads take in turn. */
export interface DepthwiseCut {
  /** Whether the kernels of 3x3 and 5x5 serve, rather than the one for any filter. */
  readonly tiled: boolean;
  /** Whether input rows are copied between borders of zeros, so that no pixel has taps outside. */
  readonly copyRows: boolean;
  /** Output channels of a group: all, or a multiple of 16. */
  readonly groupChannels: number;
  readonly groups: number;
  /** Output rows of a unit, counted through the batch and the groups; all of them where one thread runs alone. */
  readonly unitRows: number;
}

/** Up to this width of the output copying the rows saves more than it costs. */
const NARROW_PIXELS = 16;
/** A group of channels is a multiple of this: a cache line of a pixel. */
const SLICE = 16;
/** Where each thread has fewer rows than this, it is dealt channels. */
const FEW_ROWS = 2;
/** Groups are so small that the copied rows that a tile reads stay within this, if they can. */
const COPIED_BYTES = 128 * 1024;

/**
 * How a depthwise convolution is cut for a number of threads, which the values of its output do not depend on. By rows: the
 * layers around it are cut by pixels, and what a thread has written it has in its cache (576 channels at 14x14 on two threads:
 * 0.11 ms by channels, 0.04 by rows, 0.054 on one thread). By channels only where rows are copied and are so few that each
 * thread would copy most of them.
 */
export function cutDepthwise(layer: DepthwiseLayer, threads: number): DepthwiseCut {
  const {outChannels} = layer;
  const tiled = hasTiles(layer);
  const copyRows = !tiled || (layer.outWidth <= NARROW_PIXELS && layer.strideWidth === 1);
  const rows = layer.batch * layer.outHeight;
  const nanoseconds = rowNanoseconds(layer);
  if (!copyRows) {
    const unitRows = unitItems(rows, nanoseconds, threads);
    return {tiled, copyRows, groupChannels: outChannels, groups: 1, unitRows};
  }
  const slices = Math.ceil(outChannels / SLICE);
  const dealt =
    slices >= threads && rows < FEW_ROWS * threads ? unitItems(slices, (rows * nanoseconds) / slices, threads) : slices;
  const most = Math.max(1, Math.floor(COPIED_BYTES / (4 * SLICE * rowsOfFilter(layer) * copiedColumns(layer))));
  const parts = Math.ceil(slices / Math.min(dealt, most));
  const groupChannels = Math.min(outChannels, SLICE * Math.ceil(slices / parts));
  // Fewer than 4 channels that are left over join the last group.
  const groups = Math.max(1, Math.ceil((outChannels - 3) / groupChannels));
  const alike = () => unitItems(rows * groups, nanoseconds / groups, threads, copiedAgain(layer) / groups);
  const unitRows = dealt < slices && groups > 1 ? rows : alike();
  return {tiled, copyRows, groupChannels, groups, unitRows};
}

/** Nanoseconds of each unit as far as they are known. */
export function depthwisePieces(layer: DepthwiseLayer, {unitRows, copyRows, groups}: DepthwiseCut): number[] {
  const groupRows = layer.batch * layer.outHeight;
  const rows = groupRows * groups;
  const row = rowNanoseconds(layer) / groups;
  if (unitRows >= rows) return [rows * row];
  const more = THREAD_COST.claim + (copyRows && unitRows < groupRows ? copiedAgain(layer) / groups : 0);
  return Array.from({length: Math.ceil(rows / unitRows)}, (_, unit) => {
    return Math.min(unitRows, rows - unit * unitRows) * row + more;
  });
}

/** Whether the kernels of 3x3 and 5x5 serve: stride 1 or 2 either way, vectors of 4 channels. */
function hasTiles(layer: DepthwiseLayer): boolean {
  const {kernelHeight, kernelWidth, strideHeight, strideWidth, dilationHeight, dilationWidth} = layer;
  return (
    layer.multiplier === 1 &&
    layer.outChannels >= 4 &&
    (kernelHeight === 3 || kernelHeight === 5) &&
    kernelWidth === kernelHeight &&
    (strideHeight === 1 || strideHeight === 2) &&
    strideWidth === strideHeight &&
    dilationHeight === 1 &&
    dilationWidth === 1
  );
}

function rowNanoseconds({outWidth, outChannels, kernelHeight, kernelWidth}: DepthwiseLayer): number {
  return outWidth * outChannels * kernelHeight * kernelWidth * DEPTHWISE_COST.madd;
}

/** Nanoseconds that a unit of all channels takes to copy the rows that it shares with the one above. */
function copiedAgain(layer: DepthwiseLayer): number {
  const shared = Math.max(0, rowsOfFilter(layer) - layer.strideHeight);
  return shared * copiedColumns(layer) * layer.outChannels * DEPTHWISE_COST.copy;
}

/** Input rows from the first to the last that an output row depends on. */
function rowsOfFilter({kernelHeight, dilationHeight}: DepthwiseLayer): number {
  return (kernelHeight - 1) * dilationHeight + 1;
}

/** Pixels of a copied row. */
function copiedColumns({outWidth, strideWidth, kernelWidth, dilationWidth}: DepthwiseLayer): number {
  return (outWidth - 1) * strideWidth + (kernelWidth - 1) * dilationWidth + 1;
}
