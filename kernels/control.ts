// Compiled by AssemblyScript and by TypeScript, like task.ts.

/** The control block of a pool of threads: byte offsets. What different threads write lies in cache lines of its own. */
export enum Control {
  /** The number of the task. Workers sleep on it. */
  epoch = 0,
  job = 64,
  task = 68,
  units = 72,
  /** Ranges that the units are dealt out to: thread i begins with range i. */
  ranges = 76,
  /** Threads that may take part, the caller included. Workers beyond it sleep on this word. */
  threads = 80,
  /** Workers that are awake at once: beyond the number of cores they would only take time from each other. */
  awake = 84,
  /** How often a worker looks for the next task before it sleeps. */
  spins = 88,
  /** 1 tells workers to return. */
  stop = 92,
  /** Units of the task that are done. The caller sleeps on it. */
  done = 128,
  callerWaits = 132,
  /** Set by a worker whose kernel threw. */
  failed = 136,
  /** Workers asleep. */
  sleepers = 192,
  /** Workers beyond the number of threads, asleep too. */
  parked = 196,
  /** Workers that have begun their life. */
  started = 200,
  /** 64 bits each: number of the task (32), end (16), next unit (16). */
  firstRange = 256,
  rangeBytes = 64,
  /** As many ranges as there may be threads: 64. */
  bytes = 4352,
}
