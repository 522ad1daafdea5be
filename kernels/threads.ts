// Threads that share one heap: a caller and its workers, each an instance of this module.
//
// The caller writes a task's record, deals its units out to the threads in ranges and computes like everybody else: first
// its own range from the front, then what is left of the others' from the back. Ranges keep a part of the image with the
// thread that computed it in the layer before; taking from others evens out slow cores.
//
// A range is one 64-bit word: number of the task, end, next unit. A unit is claimed by compare-and-swap of the whole word,
// so a worker that slept through a task can take a unit neither of it nor of a later one by what it read of an earlier one.
// The caller waits for units that were claimed, never for workers.
import {Control} from './control';
import {runAlone, runUnit} from './jobs';
import {Step} from './task';

/**
 * Publishes a task, wakes sleeping workers and computes units until none is left.
 *
 * @param control address of the control block (control.ts)
 * @param units 1 to 65535
 */
export function publish(control: usize, job: i32, task: usize, units: i32): void {
  const epoch = atomic.load<i32>(control, Control.epoch) + 1;
  atomic.store<i32>(control, job, Control.job);
  atomic.store<i32>(control, <i32>task, Control.task);
  atomic.store<i32>(control, 0, Control.done);
  store<i32>(control, units, Control.units);
  const awakeWorkers = load<i32>(control, Control.awake);
  const ranges = min(min(units, atomic.load<i32>(control, Control.threads)), awakeWorkers + 1);
  for (let i = 0, begin = 0; i < ranges; i++) {
    const end = units * (i + 1) / ranges;
    atomic.store<u64>(rangeOf(control, i), (<u64><u32>epoch << 32) | (<u64>end << 16) | <u64>begin);
    begin = end;
  }
  atomic.store<i32>(control, ranges, Control.ranges);
  atomic.store<i32>(control, epoch, Control.epoch);
  if (atomic.load<i32>(control, Control.sleepers) > 0) {
    const wake = min(units - 1, awakeWorkers) - workersAwake(control);
    if (wake > 0) atomic.notify(control + Control.epoch, wake);
  }
  takeUnits(control, 0);
}

/**
 * Runs a program's steps from `step` on, each when the one before is done: a barrier that threads meet awake.
 *
 * @param control 0 where the calling thread is alone
 * @param steps address of the first step: see `Step`
 * @returns the step that is not done after a caller has looked so often: the rest has to be asked for when it is. The
 *     number of steps when all are done.
 */
export function runSteps(control: usize, steps: usize, step: i32, count: i32, spins: i32): i32 {
  for (; step < count; step++) {
    const at = steps + <usize>step * (Step.words << 2);
    const job = load<i32>(at, Step.job << 2), task = <usize>load<i32>(at, Step.task << 2);
    const units = load<i32>(at, Step.units << 2);
    if (!control || units < 2) {
      runAlone(job, task);
    } else {
      publish(control, job, task, units);
      if (!isDone(control, spins)) return step;
    }
  }
  return count;
}

/** Whether all units of the task are done; looks as often as `spins` before it says no. */
export function isDone(control: usize, spins: i32): bool {
  const units = load<i32>(control, Control.units);
  for (let i = 0; i < spins; i++) {
    if (atomic.load<i32>(control, Control.done) == units) return true;
  }
  return false;
}

/** Sleeps until all units are done or so many milliseconds have passed. Traps where waiting is forbidden. */
export function waitUntilDone(control: usize, milliseconds: i32): bool {
  const units = load<i32>(control, Control.units);
  atomic.store<i32>(control, 1, Control.callerWaits);
  const done = atomic.load<i32>(control, Control.done);
  // The last unit alone wakes the caller: up to then `done` may move on without a word.
  if (done != units) atomic.wait<i32>(control + Control.done, done, <i64>milliseconds * 1_000_000);
  atomic.store<i32>(control, 0, Control.callerWaits);
  return atomic.load<i32>(control, Control.done) == units;
}

/**
 * A worker's life: takes units, spins a while for the next task, sleeps until one comes. Returns when told to stop.
 *
 * @param thread 1 or more
 */
export function work(control: usize, thread: i32): void {
  atomic.add<i32>(control, 1, Control.started);
  while (true) {
    const limit = atomic.load<i32>(control, Control.threads);
    const epoch = atomic.load<i32>(control, Control.epoch);
    // Both words change after `stop` is set: nobody sleeps on what they have become.
    if (atomic.load<i32>(control, Control.stop)) return;
    if (thread >= limit) {
      atomic.add<i32>(control, 1, Control.parked);
      atomic.wait<i32>(control + Control.threads, limit, -1);
      atomic.sub<i32>(control, 1, Control.parked);
      continue;
    }
    let spins = 0;
    // Workers that come from parking come all at once: those beyond the cores go to sleep.
    if (workersAwake(control) <= load<i32>(control, Control.awake)) {
      takeUnits(control, thread);
      spins = load<i32>(control, Control.spins);
    }
    while (spins > 0 && atomic.load<i32>(control, Control.epoch) == epoch) spins--;
    if (spins > 0) continue;
    atomic.add<i32>(control, 1, Control.sleepers);
    // Returns at once if a task was published since: the caller looks for sleepers after that.
    atomic.wait<i32>(control + Control.epoch, epoch, -1);
    atomic.sub<i32>(control, 1, Control.sleepers);
  }
}

@inline
function workersAwake(control: usize): i32 {
  const asleep = atomic.load<i32>(control, Control.sleepers) + atomic.load<i32>(control, Control.parked);
  return atomic.load<i32>(control, Control.started) - asleep;
}

/** Computes units of the task at hand until all are claimed. */
function takeUnits(control: usize, thread: i32): void {
  const ranges = atomic.load<i32>(control, Control.ranges);
  const own = thread < ranges;
  for (let i = own ? 0 : 1; i <= ranges; i++) {
    takeRange(control, rangeOf(control, (thread + i) % ranges), thread, own && i == 0);
  }
}

/** Computes units of one range, from its front or its back, until all of it is claimed. */
function takeRange(control: usize, range: usize, thread: i32, front: bool): void {
  while (true) {
    const claim = atomic.load<u64>(range);
    const next = <i32>claim & 0xffff, end = <i32>(claim >> 16) & 0xffff;
    if (next >= end) return;
    // Read before the claim, right if it succeeds: they change only when all units of a task are done.
    const job = atomic.load<i32>(control, Control.job), task = <usize>atomic.load<i32>(control, Control.task);
    if (atomic.cmpxchg<u64>(range, claim, front ? claim + 1 : claim - 0x10000) != claim) continue;
    runUnit(job, task, front ? next : end - 1, thread);
    const done = atomic.add<i32>(control, 1, Control.done) + 1;
    if (atomic.load<i32>(control, Control.callerWaits) && done == load<i32>(control, Control.units)) {
      atomic.notify(control + Control.done, 1);
    }
  }
}

@inline
function rangeOf(control: usize, i: i32): usize {
  return control + Control.firstRange + <usize>i * Control.rangeBytes;
}
