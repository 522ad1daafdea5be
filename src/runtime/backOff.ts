/** A wait shorter than this is none that the system's scheduler made. */
const SHORTEST_STALL = 1;
/** The first back-off; each that follows upon the last is twice as long. */
const SHORTEST = 25;
const LONGEST = 400;

/**
 * Decides when a pool does without its workers for a while; all times in milliseconds.
 *
 * Where other work takes a core, a worker that holds a unit is put off for a slice of the scheduler's time, several
 * milliseconds, and the caller has to wait for it: two threads are slower than one then. So after such a stall tasks run
 * on the caller alone, briefly at first, longer each time that the next try stalls again.
 */
export class BackOff {
  private until = -Infinity;
  private length = 0;

  /** Whether workers are done without at this time. */
  isOn(now: number): boolean {
    return now < this.until;
  }

  /**
   * Judges a task that had to be waited for.
   *
   * @param begin when it was published
   * @param ownEnd when the caller had no unit left to take
   * @param end when the last worker was done with its one
   */
  hear(begin: number, ownEnd: number, end: number): void {
    const waited = end - ownEnd;
    // A worker that runs needs no longer for one unit than the caller did for its share of them.
    if (waited < SHORTEST_STALL || waited < ownEnd - begin) return;
    const again = end - this.until < this.length;
    this.length = again ? Math.min(2 * this.length, LONGEST) : SHORTEST;
    this.until = end + this.length;
  }
}
