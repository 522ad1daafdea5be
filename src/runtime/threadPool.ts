import {Control, type Job} from '../../kernels/task';
import type {TfjsHeap} from './heap';
import type {CompiledKernels} from './kernelModule';
import {mayBlock, startWorker, type StartedWorker, type WorkerFactory} from './workerHost';

/** A worker died in a task, or was not heard of for seconds: its output is not complete, and may still be written to. */
export class PoolFailure extends Error {}

/** How long a worker looks for its next task before it sleeps: the gaps between the kernels of a model are shorter. */
const WORKER_SPIN_MICROSECONDS = 200;
/** How long the caller looks before it sleeps, where it may. */
const CALLER_SPIN_MICROSECONDS = 50;
/** Longest sleep of the caller between two looks at the workers' health. */
const NAP_MILLISECONDS = 5;
/** A unit takes microseconds to a millisecond. Whoever holds one for so long without a sign is given up. */
const PATIENCE_MILLISECONDS = 2000;

const CALIBRATION_SPINS = 200_000;

/**
 * Workers that share the heap with the calling thread and compute units of its tasks (kernels/threads.ts). Blocking: a
 * task is complete when `run` returns.
 */
export class ThreadPool {
  private readonly workers: StartedWorker[] = [];
  private readonly control: number;
  private callerSpins = 1000;
  private wanted = 1;
  private disposed = false;

  /**
   * A pool without workers yet; `setThreads` starts them.
   *
   * @param heap on a shared memory
   * @param compiled the kernels on it
   * @param factory null for workers of our own
   * @param onTrouble hears of workers that do not start or die: fewer threads run then
   */
  constructor(
    private readonly heap: TfjsHeap,
    private readonly compiled: CompiledKernels,
    private readonly factory: WorkerFactory | null,
    private readonly onTrouble: (message: string) => void,
  ) {
    this.control = heap.allocate(Control.bytes);
    heap.i32.fill(0, this.control / 4, (this.control + Control.bytes) / 4);
    this.calibrateSpins();
  }

  /** Threads that take part in a task, the calling one included. */
  get threads(): number {
    return Math.min(this.wanted, 1 + this.alive);
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
    this.wanted = threads;
    this.limitThreads();
    const missing = threads - 1 - this.alive;
    if (missing <= 0) return;
    const started = await Promise.allSettled(
      Array.from({length: missing}, () => startWorker(this.factory, this.compiled.module, this.heap.memory)),
    );
    const failures = started.filter((result) => result.status === 'rejected');
    for (const result of started) if (result.status === 'fulfilled') this.admit(result.value);
    this.limitThreads();
    if (failures.length && !this.disposed) {
      const reason = String((failures[0].reason as Error).message ?? failures[0].reason);
      this.onTrouble(`${failures.length} of ${missing} worker threads did not start (${reason})`);
    }
    await this.untilStarted();
  }

  /**
   * Computes all units of a task.
   *
   * @param units 2 to 65535
   * @throws PoolFailure if a worker died. The pool has no workers then, and what they worked on must not be freed.
   */
  run(job: Job, task: number, units: number): void {
    const {exports: kernels} = this.compiled;
    kernels.publish(this.control, job, task, units, Math.min(units, this.threads) - 1);
    if (!kernels.isDone(this.control, this.callerSpins)) this.waitForWorkers(units);
  }

  /** Stops all workers. */
  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.stop();
    // The control block is not freed: workers read it until they are gone.
  }

  private get alive(): number {
    return this.workers.filter((worker) => worker.alive).length;
  }

  private waitForWorkers(units: number): void {
    const {exports: kernels} = this.compiled;
    const block = mayBlock();
    const words = this.heap.i32;
    let seen = -1;
    let deadline = 0;
    for (;;) {
      const done = block
        ? kernels.waitUntilDone(this.control, NAP_MILLISECONDS)
        : kernels.isDone(this.control, this.callerSpins);
      if (done) return;
      if (Atomics.load(words, this.word(Control.failed))) this.fail('a worker thread threw');
      const count = Atomics.load(words, this.word(Control.done));
      const now = performance.now();
      if (count !== seen) {
        seen = count;
        deadline = now + PATIENCE_MILLISECONDS;
      } else if (now > deadline) {
        this.fail(`a worker thread was silent for ${PATIENCE_MILLISECONDS / 1000} s (${count} of ${units} done)`);
      }
    }
  }

  private fail(reason: string): never {
    this.stop();
    this.onTrouble(reason);
    throw new PoolFailure(reason);
  }

  private stop(): void {
    this.wanted = 1;
    const words = this.heap.i32;
    Atomics.store(words, this.word(Control.stop), 1);
    Atomics.add(words, this.word(Control.epoch), 1);
    Atomics.notify(words, this.word(Control.epoch));
    Atomics.notify(words, this.word(Control.threads));
    for (const worker of this.workers) worker.terminate();
  }

  private admit(worker: StartedWorker): void {
    if (this.disposed) {
      worker.terminate();
      return;
    }
    this.workers.push(worker);
    worker.onDeath = (reason) => {
      if (!this.disposed && this.wanted > 1) this.onTrouble(`a worker thread ended (${reason})`);
    };
    worker.work({
      control: this.control,
      thread: this.workers.length,
      failed: this.control + Control.failed,
      done: this.control + Control.done,
    });
  }

  private limitThreads(): void {
    const words = this.heap.i32;
    Atomics.store(words, this.word(Control.threads), Math.min(this.wanted, this.slots));
    Atomics.notify(words, this.word(Control.threads));
  }

  /** Resolves when every worker has entered the kernels, or after a while without it: they come late then. */
  private async untilStarted(): Promise<void> {
    const begin = performance.now();
    while (Atomics.load(this.heap.i32, this.word(Control.started)) < this.alive && performance.now() < begin + 500) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /** There is no clock in WebAssembly: spins are counted, and their duration measured here. */
  private calibrateSpins(): void {
    const {exports: kernels} = this.compiled;
    this.heap.i32[this.word(Control.done)] = 1; // of no units: never reached
    let nanoseconds = Infinity;
    for (let i = 0; i < 3; i++) {
      const begin = performance.now();
      kernels.isDone(this.control, CALIBRATION_SPINS);
      nanoseconds = Math.min(nanoseconds, ((performance.now() - begin) * 1e6) / CALIBRATION_SPINS);
    }
    this.heap.i32[this.word(Control.done)] = 0;
    const spinsIn = (microseconds: number) => Math.ceil((microseconds * 1000) / Math.max(nanoseconds, 0.2));
    this.callerSpins = spinsIn(CALLER_SPIN_MICROSECONDS);
    this.heap.i32[this.word(Control.spins)] = spinsIn(WORKER_SPIN_MICROSECONDS);
  }

  private word(offset: Control): number {
    return (this.control + offset) / 4;
  }
}
