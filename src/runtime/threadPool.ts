import {Control} from '../../kernels/control';
import {type Job} from '../../kernels/task';
import {BackOff} from './backOff';
import type {TfjsHeap} from './heap';
import type {CompiledKernels} from './kernelModule';
import {mayBlock, startWorker, type StartedWorker, type WorkerFactory} from './workerHost';

/** A worker died in a task, or was not heard of for seconds: its output is not complete, and may still be written to. */
export class PoolFailure extends Error {}

/** What a pool is made of. */
export interface PoolParts {
  /** On a shared memory. */
  readonly heap: TfjsHeap;
  /** The kernels on it. */
  readonly kernels: CompiledKernels;
  /** Threads that the machine runs at once: no more are awake at a time, whatever their number. */
  readonly cores: number;
  /** Makes a worker; null for one of our own. Asked whenever workers are started. */
  readonly factory: () => WorkerFactory | null;
  /** Hears of workers that do not start or die: fewer threads run then. */
  readonly onTrouble: (message: string) => void;
}

/** How long a worker looks for its next task before it sleeps: the gaps between the kernels of a model are shorter. */
const WORKER_SPIN_MICROSECONDS = 200;
/** How long the caller looks before it sleeps, where it may. */
const CALLER_SPIN_MICROSECONDS = 50;
/** Longest sleep of the caller between two looks at the workers' health. */
const NAP_MILLISECONDS = 5;
/** A unit takes microseconds to a millisecond. Whoever holds one for so long without a sign is given up. */
const PATIENCE_MILLISECONDS = 2000;
/** Workers that have not entered the kernels by then come late, which does no harm. */
const ENTRY_MILLISECONDS = 500;

const CALIBRATION_SPINS = 200_000;

/**
 * Workers that share the heap with the calling thread and compute units of its tasks (kernels/threads.ts). Blocking: a
 * task is complete when `run` returns.
 */
export class ThreadPool {
  private workers: StartedWorker[] = [];
  private control: number;
  /** Workers that are starting, and when they will have. */
  private startingCount = 0;
  private starting: Promise<unknown> = Promise.resolve();
  private wanted = 1;
  /** The control block is left to workers that were given up. */
  private controlIsSpent = false;
  private disposed = false;
  private readonly backOff = new BackOff();
  private readonly nanosecondsASpin: number;
  private readonly callerSpins: number;

  /** A pool without workers yet; `setThreads` starts them. */
  constructor(private readonly parts: PoolParts) {
    this.control = this.newControl();
    this.nanosecondsASpin = this.measureSpin();
    this.callerSpins = this.spinsIn(CALLER_SPIN_MICROSECONDS);
    this.setWorkerSpins();
  }

  /** Threads that take part in a task, the calling one included. */
  get threads(): number {
    return Math.min(this.wanted, this.slots);
  }

  /** Threads that may hold working memory: their numbers are less than this. */
  get slots(): number {
    return 1 + this.workers.length;
  }

  /**
   * Changes the number of threads, the calling one included. Fewer take part at once; more do as soon as they have
   * started, which the promise waits for.
   */
  async setThreads(threads: number): Promise<void> {
    if (this.controlIsSpent) this.renewControl();
    this.wanted = threads;
    this.limitThreads();
    const missing = threads - 1 - this.workers.length - this.startingCount;
    if (missing > 0) this.starting = Promise.all([this.starting, this.startWorkers(missing)]);
    await this.starting;
    await this.untilEntered();
  }

  /**
   * Computes all units of a task; for a while on the calling thread alone where workers were found to wait for a core.
   *
   * @param task address of its record
   * @param units 2 to 65535
   * @param workMs what it takes one core of a reference machine; 0 where that is not known well
   * @throws PoolFailure if a worker died. The pool has no workers then, and what they worked on must not be freed.
   */
  run(job: Job, task: number, units: number, workMs = 0): void {
    const {exports: kernels} = this.parts.kernels;
    const begin = performance.now();
    if (this.backOff.isOn(begin)) {
      kernels.runAlone(job, task);
      return;
    }
    kernels.publish(this.control, job, task, units);
    const prompt = kernels.isDone(this.control, this.callerSpins);
    const ownEnd = performance.now();
    if (!prompt) this.waitForWorkers(units);
    const expected = workMs / Math.min(this.threads, this.parts.cores);
    this.backOff.hear({begin, ownEnd, end: prompt ? ownEnd : performance.now(), expected});
  }

  /**
   * Runs a program of such tasks (kernels/threads.ts), otherwise as `run`.
   *
   * @param steps address of the first of `count` steps
   * @throws PoolFailure as `run`
   */
  runSteps(steps: number, count: number): void {
    const {exports: kernels} = this.parts.kernels;
    const begin = performance.now();
    if (this.backOff.isOn(begin)) {
      kernels.runSteps(0, steps, 0, count, 0);
      return;
    }
    let since = begin;
    for (let step = 0; step < count; step++) {
      step = kernels.runSteps(this.control, steps, step, count, this.callerSpins);
      if (step === count) break;
      const ownEnd = performance.now();
      this.waitForWorkers(this.words[this.word(Control.units)]);
      const end = performance.now();
      // What a program takes in all is not known well: not all tasks have a price.
      this.backOff.hear({begin: since, ownEnd, end, expected: 0});
      since = end;
    }
  }

  /** Stops all workers. */
  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.stop();
  }

  /** Starts so many workers and says so where some do not. Never rejects. */
  private async startWorkers(count: number): Promise<void> {
    const {kernels, heap, factory, onTrouble} = this.parts;
    const {module} = kernels;
    const {memory} = heap;
    this.startingCount += count;
    const starting = Array.from({length: count}, () => startWorker(factory(), {module, memory}));
    const results = await Promise.allSettled(starting);
    this.startingCount -= count;
    for (const result of results) if (result.status === 'fulfilled') this.admit(result.value);
    if (this.disposed) return;
    this.limitThreads();
    const failures = results.filter((result) => result.status === 'rejected');
    if (failures.length) {
      const reason: unknown = failures[0].reason;
      const words = reason instanceof Error ? reason.message : String(reason);
      onTrouble(`${failures.length} of ${count} worker threads did not start (${words})`);
    }
  }

  private waitForWorkers(units: number): void {
    const {exports: kernels} = this.parts.kernels;
    const sleeps = mayBlock();
    const {words} = this;
    let seen = -1;
    let silence = 0;
    let before = performance.now();
    for (;;) {
      const done = sleeps
        ? kernels.waitUntilDone(this.control, NAP_MILLISECONDS)
        : kernels.isDone(this.control, this.callerSpins);
      if (done) return;
      if (Atomics.load(words, this.word(Control.failed))) this.fail('a worker thread threw');
      const count = Atomics.load(words, this.word(Control.done));
      const now = performance.now();
      // A machine that slept, or a debugger that stopped, held up everybody: that counts as one nap.
      silence = count === seen ? silence + Math.min(now - before, 2 * NAP_MILLISECONDS) : 0;
      seen = count;
      before = now;
      if (silence > PATIENCE_MILLISECONDS) {
        this.fail(`a worker thread was silent for ${PATIENCE_MILLISECONDS / 1000} s, ${units - count} units undone`);
      }
    }
  }

  private fail(reason: string): never {
    this.stop();
    // A worker that is slow rather than dead goes on counting in the old block. A new one has to wait: there may be no
    // memory for it, and this failure is what the caller must hear of.
    this.controlIsSpent = true;
    this.parts.onTrouble(reason);
    throw new PoolFailure(reason);
  }

  /** Tells all workers to end. */
  private stop(): void {
    this.wanted = 1;
    this.releaseWorkers();
    for (const worker of this.workers) worker.terminate();
    this.workers = [];
  }

  /** Lets all workers return from the kernels. Their control block is never freed: they read it until they do. */
  private releaseWorkers(): void {
    const {words} = this;
    Atomics.store(words, this.word(Control.stop), 1);
    for (const word of [this.word(Control.epoch), this.word(Control.threads)]) {
      Atomics.add(words, word, 1); // who is about to sleep on it does not
      Atomics.notify(words, word);
    }
  }

  private renewControl(): void {
    this.control = this.newControl();
    this.controlIsSpent = false;
    this.setWorkerSpins();
    this.limitThreads();
  }

  private admit(worker: StartedWorker): void {
    if (this.disposed || !worker.alive) {
      worker.terminate();
      return;
    }
    if (this.controlIsSpent) this.renewControl();
    this.workers.push(worker);
    worker.onDeath = (reason) => {
      this.goOnWithout(worker);
      this.parts.onTrouble(`a worker thread ended (${reason})`);
    };
    this.setToWork(worker, this.workers.length);
  }

  /** A dead worker may be counted as awake or asleep: the others move to a new control block and close ranks. */
  private goOnWithout(dead: StartedWorker): void {
    dead.terminate();
    this.releaseWorkers();
    this.workers = this.workers.filter((worker) => worker !== dead);
    this.renewControl();
    this.workers.forEach((worker, i) => this.setToWork(worker, i + 1));
  }

  private setToWork(worker: StartedWorker, thread: number): void {
    worker.send({
      control: this.control,
      thread,
      failed: this.control + Control.failed,
      done: this.control + Control.done,
    });
  }

  private limitThreads(): void {
    const {words} = this;
    words[this.word(Control.awake)] = Math.min(this.wanted, this.parts.cores) - 1;
    Atomics.store(words, this.word(Control.threads), Math.min(this.wanted, this.slots));
    Atomics.notify(words, this.word(Control.threads));
  }

  /** Resolves when every worker has entered the kernels. */
  private async untilEntered(): Promise<void> {
    const begin = performance.now();
    while (
      !this.disposed &&
      Atomics.load(this.words, this.word(Control.started)) < this.workers.length &&
      performance.now() < begin + ENTRY_MILLISECONDS
    ) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  private newControl(): number {
    const control = this.parts.heap.allocate(Control.bytes);
    this.words.fill(0, control / 4, (control + Control.bytes) / 4);
    return control;
  }

  /** There is no clock in WebAssembly: spins are counted, and what one takes is measured here. */
  private measureSpin(): number {
    const {exports: kernels} = this.parts.kernels;
    this.words[this.word(Control.done)] = 1; // of no units: never reached
    let nanoseconds = Infinity;
    for (let i = 0; i < 3; i++) {
      const begin = performance.now();
      kernels.isDone(this.control, CALIBRATION_SPINS);
      nanoseconds = Math.min(nanoseconds, ((performance.now() - begin) * 1e6) / CALIBRATION_SPINS);
    }
    this.words[this.word(Control.done)] = 0;
    return Math.max(nanoseconds, 0.2);
  }

  private spinsIn(microseconds: number): number {
    return Math.ceil((microseconds * 1000) / this.nanosecondsASpin);
  }

  private setWorkerSpins(): void {
    this.words[this.word(Control.spins)] = this.spinsIn(WORKER_SPIN_MICROSECONDS);
  }

  /** The heap as words; dead after the next allocation. */
  private get words(): Int32Array {
    return this.parts.heap.i32;
  }

  private word(offset: Control): number {
    return (this.control + offset) / 4;
  }
}
