// The drivers by number.
import {conv2d} from './conv2d';
import {depthwiseConv2d} from './depthwiseConv2d';
import {addN, elementwise} from './elementwise';
import {depthwiseFilterGradient, depthwiseInputGradient, filterGradient} from './gradients';
import {countBlocks, packBlocks} from './packWeights';
import {avgPool, maxPool} from './pool';
import {resizeBilinear, resizeNearest} from './resize';
import {concat, slice} from './slices';
import {depthToSpace, meanPixels, pad4d} from './spatial';
import {strips} from './strips';
import {sumTaps} from './sumTaps';
import {Header, Job} from './task';
import {topK} from './topK';
import {winograd} from './winograd';

/**
 * Computes one unit of a task.
 *
 * @param task address of its record
 * @param thread whose working memory serves
 */
export function runUnit(job: i32, task: usize, unit: i32, thread: i32): void {
  const unitItems = load<i32>(task, Header.unitItems << 2);
  const begin = unit * unitItems;
  const end = min(begin + unitItems, load<i32>(task, Header.items << 2));
  const scratch = load<i32>(task, Header.scratch << 2) + thread * load<i32>(task, Header.scratchBytes << 2);
  runItems(job, task, begin, end, <usize>scratch);
}

/** Computes a whole task on the calling thread. */
export function runAlone(job: i32, task: usize): void {
  const scratch = load<i32>(task, Header.scratch << 2);
  runItems(job, task, 0, load<i32>(task, Header.items << 2), <usize>scratch);
}

function runItems(job: i32, task: usize, begin: i32, end: i32, scratch: usize): void {
  if (job == Job.conv2d) conv2d(task, begin, end, scratch);
  else if (job == Job.depthwiseConv2d) depthwiseConv2d(task, begin, end, scratch);
  else if (job == Job.elementwise) elementwise(task, begin, end, scratch);
  else if (job == Job.addN) addN(task, begin, end, scratch);
  else if (job == Job.meanPixels) meanPixels(task, begin, end);
  else if (job == Job.depthToSpace) depthToSpace(task, begin, end);
  else if (job == Job.pad4d) pad4d(task, begin, end);
  else if (job == Job.maxPool) maxPool(task, begin, end);
  else if (job == Job.avgPool) avgPool(task, begin, end);
  else if (job == Job.resizeBilinear) resizeBilinear(task, begin, end);
  else if (job == Job.resizeNearest) resizeNearest(task, begin, end);
  else if (job == Job.concat) concat(task, begin, end);
  else if (job == Job.slice) slice(task, begin, end);
  else if (job == Job.topK) topK(task, begin, end);
  else if (job == Job.countBlocks) countBlocks(task, begin, end);
  else if (job == Job.packBlocks) packBlocks(task, begin, end, scratch);
  else if (job == Job.sumTaps) sumTaps(task, begin, end);
  else if (job == Job.winograd) winograd(task, begin, end, scratch);
  else if (job == Job.strips) strips(task, begin, end, scratch);
  else if (job == Job.filterGradient) filterGradient(task, begin, end);
  else if (job == Job.depthwiseFilterGradient) depthwiseFilterGradient(task, begin, end);
  else if (job == Job.depthwiseInputGradient) depthwiseInputGradient(task, begin, end);
  // Job.nothing falls through.
}
