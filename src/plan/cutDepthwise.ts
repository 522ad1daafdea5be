import {DEPTHWISE_COST, THREAD_COST} from './costConstants';
import {unitItems} from './unitItems';

/** What the plan of a depthwise convolution depends on; sizes in pixels. */
export interface DepthwiseLayer {
  readonly batch: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly inChannels: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly strideWidth: number;
}

/** How a depthwise convolution is cut into units of output rows that threads take in turn. */
export interface DepthwiseCut {
  /** Output rows of a unit, counted through the batch; all of them where one thread runs alone. */
  readonly unitRows: number;
  /** Whether input rows are copied between borders of zeros, so that no pixel has taps outside. */
  readonly copyRows: boolean;
}

/** Up to this width of the output copying the rows saves more than it costs. */
const NARROW_PIXELS = 16;

/** How a depthwise convolution is cut for a number of threads, which the values of its output do not depend on. */
export function cutDepthwise(layer: DepthwiseLayer, threads: number): DepthwiseCut {
  const copyRows = layer.outWidth <= NARROW_PIXELS && layer.strideWidth === 1;
  const more = copyRows ? copiedAgain(layer) : 0;
  return {unitRows: unitItems(layer.batch * layer.outHeight, rowNanoseconds(layer), threads, more), copyRows};
}

/** Nanoseconds of each unit as far as they are known. */
export function depthwisePieces(layer: DepthwiseLayer, {unitRows, copyRows}: DepthwiseCut): number[] {
  const rows = layer.batch * layer.outHeight;
  const row = rowNanoseconds(layer);
  if (unitRows >= rows) return [rows * row];
  const more = THREAD_COST.claim + (copyRows ? copiedAgain(layer) : 0);
  return Array.from({length: Math.ceil(rows / unitRows)}, (_, unit) => {
    return Math.min(unitRows, rows - unit * unitRows) * row + more;
  });
}

function rowNanoseconds({outWidth, inChannels, kernelHeight, kernelWidth}: DepthwiseLayer): number {
  return outWidth * inChannels * kernelHeight * kernelWidth * DEPTHWISE_COST.madd;
}

/** A unit copies the rows that it shares with the one above once more. */
function copiedAgain({outWidth, inChannels, kernelHeight, kernelWidth}: DepthwiseLayer): number {
  return (kernelHeight - 1) * (outWidth - 1 + kernelWidth) * inChannels * DEPTHWISE_COST.copy;
}
