// Threads that share one heap: a caller and its workers, each an instance of this module.
//
// The caller writes a task's record, publishes the task in one atomic word and takes units of it like everybody else. That
// word holds what a unit is claimed by, so a claim is one compare-and-swap: a worker that slept through a task cannot take
// a unit of it, nor of a later one by what it read of an earlier one. The caller waits for units that were claimed, never
// for workers.
import {runUnit} from './jobs';
import {Control} from './task';

/**
 * Publishes a task, wakes sleeping workers and computes units until none is left.
 *
 * @param control address of the control block (task.ts)
 * @param units 1 to 65535
 */
export function publish(control: usize, job: i32, task: usize, units: i32): void {
  atomic.store<i32>(control, job, Control.job);
  atomic.store<i32>(control, <i32>task, Control.task);
  atomic.store<i32>(control, 0, Control.done);
  const epoch = <u64>(atomic.load<u32>(control, Control.epoch) + 1);
  atomic.store<u64>(control, (epoch << 32) | (<u64>units << 16), Control.claim);
  const sleepers = atomic.load<i32>(control, Control.sleepers);
  if (sleepers > 0) {
    const awake = atomic.load<i32>(control, Control.started) - atomic.load<i32>(control, Control.parked) - sleepers;
    const wake = min(units - 1, load<i32>(control, Control.awake)) - awake;
    if (wake > 0) atomic.notify(control + Control.epoch, wake);
  }
  takeUnits(control, 0);
}

/** Whether all units of the task are done; looks as often as `spins` before it says no. */
export function isDone(control: usize, spins: i32): bool {
  const units = <i32>(atomic.load<u64>(control, Control.claim) >> 16) & 0xffff;
  for (let i = 0; i < spins; i++) {
    if (atomic.load<i32>(control, Control.done) == units) return true;
  }
  return false;
}

/** Sleeps until all units are done or so many milliseconds have passed. Traps where waiting is forbidden. */
export function waitUntilDone(control: usize, milliseconds: i32): bool {
  const units = <i32>(atomic.load<u64>(control, Control.claim) >> 16) & 0xffff;
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
  while (!atomic.load<i32>(control, Control.stop)) {
    const limit = atomic.load<i32>(control, Control.threads);
    if (thread >= limit) {
      atomic.add<i32>(control, 1, Control.parked);
      atomic.wait<i32>(control + Control.threads, limit, -1);
      atomic.sub<i32>(control, 1, Control.parked);
      continue;
    }
    const epoch = takeUnits(control, thread);
    let spins = atomic.load<i32>(control, Control.spins);
    while (spins > 0 && atomic.load<u32>(control, Control.epoch) == epoch) spins--;
    if (spins > 0) continue;
    atomic.add<i32>(control, 1, Control.sleepers);
    // Returns at once if a task was published since: the caller looks for sleepers after that.
    atomic.wait<i32>(control + Control.epoch, <i32>epoch, -1);
    atomic.sub<i32>(control, 1, Control.sleepers);
  }
}

/** Computes units of the task at hand until all are claimed. Returns the epoch of the last task seen. */
function takeUnits(control: usize, thread: i32): u32 {
  while (true) {
    const claim = atomic.load<u64>(control, Control.claim);
    const unit = <i32>claim & 0xffff, units = <i32>(claim >> 16) & 0xffff;
    if (unit >= units) return <u32>(claim >> 32);
    // Read before the claim, right if it succeeds: they change only when all units of a task are done.
    const job = atomic.load<i32>(control, Control.job), task = <usize>atomic.load<i32>(control, Control.task);
    if (atomic.cmpxchg<u64>(control, claim, claim + 1, Control.claim) != claim) continue;
    runUnit(job, task, unit, thread);
    const done = atomic.add<i32>(control, 1, Control.done) + 1;
    if (done == units && atomic.load<i32>(control, Control.callerWaits)) atomic.notify(control + Control.done, 1);
  }
}
