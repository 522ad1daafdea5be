// The drivers by number.
import {conv2d} from './conv2d';
import {depthwiseConv2d} from './depthwiseConv2d';
import {addN, elementwise} from './elementwise';
import {Header, Job} from './task';

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
  // Job.nothing falls through.
}
