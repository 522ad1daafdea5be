/** What is shorter than this no scheduler did, in milliseconds. */
const SHORTEST_STALL = 1;
/** A task that takes so many times as long as expected, by the measure of others, was held up. */
const MUCH_LONGER = 2.5;
/** The first back-off; one that comes soon after the last is twice as long as that. */
const SHORTEST = 25;
const LONGEST = 400;
/** Longer than a page takes from one frame to the next, so that it is found out whether each of them stalls. */
const SOON = 150;

/** How a task went; times in milliseconds. */
export interface TaskTimes {
  /** When it was published. */
  readonly begin: number;
  /** When the caller had no unit left to take. */
  readonly ownEnd: number;
  /** When the last worker was done with its one. */
  readonly end: number;
  /** What it was expected to take on a reference machine; 0 where that is not known well. */
  readonly expected: number;
}

/**
 * Decides when a pool does without its workers for a while.
 *
 * Where other work takes a core, a thread that holds a unit is put off for a slice of the scheduler's time, several
 * milliseconds, and all wait for it: two threads are slower than one then. One such stall happens; when a second comes soon
 * after it, tasks run on the caller alone, briefly at first, longer each time that the next tries stall again.
 */
export class BackOff {
  private until = -Infinity;
  private length = 0;
  /** Time taken by time expected: the best of the last tasks, drifting upwards. */
  private usual = Infinity;

  /** Whether workers are done without at this time. */
  isOn(now: number): boolean {
    return now < this.until;
  }

  /** Judges a task that workers took part in. */
  hear(task: TaskTimes): void {
    if (!this.isStall(task)) return;
    const {end} = task;
    const soon = end - this.until < SOON;
    this.length = soon ? Math.min(Math.max(2 * this.length, SHORTEST), LONGEST) : 0;
    this.until = end + this.length;
  }

  private isStall({begin, ownEnd, end, expected}: TaskTimes): boolean {
    const waited = end - ownEnd;
    // A worker that runs needs no longer for one unit than the caller did for its share of them.
    if (waited > SHORTEST_STALL && waited > ownEnd - begin) return true;
    if (!expected) return false;
    const ratio = (end - begin) / expected;
    this.usual = Math.min(this.usual * 1.01, ratio);
    return end - begin > SHORTEST_STALL && ratio > MUCH_LONGER * this.usual;
  }
}
