import type {Job} from '../../kernels/task';
import {unitItems} from '../plan';
import type {KernelRunner} from '../runtime';

/** What it takes to copy a float, in nanoseconds. */
export const COPY_NS = 0.4;

/** A kernel's work as many alike items: rows, images, spans of floats. */
export interface ItemTask {
  readonly job: Job;
  /** The record's own words (kernels/task.ts); floats as `floatBits`. */
  readonly words: readonly number[];
  readonly items: number;
  /** What an item takes, as good as it is known: decides whether workers are asked for. */
  readonly nanosecondsAnItem: number;
  /** Working memory of each thread. */
  readonly scratchBytes?: number;
}

/**
 * Runs a task on as many threads as pay.
 *
 * @throws Error if the heap is exhausted; PoolFailure if a worker died in it (`makeOutput` knows what to do then).
 */
export function runItems({runner}: {readonly runner: KernelRunner}, task: ItemTask): void {
  const {job, words, items, scratchBytes} = task; // to copy the whole record takes longer than a small task
  const unit = unitItems(items, task.nanosecondsAnItem, runner.threads);
  runner.run({job, words, items, unitItems: unit, scratchBytes});
}
