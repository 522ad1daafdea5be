/** The linear algebra of pruning with samples, in WebAssembly and on several threads. */
import {decompress} from '../compression/decompress';
import {
  type BlockRowJob,
  type BlockRowResult,
  type BlockRowSolver,
  checkMatrix,
  checkRows,
  NotPositiveDefinite,
} from '../pruning';
import {decodeBase64} from './base64';
import {availableCores} from './cores';
import {linearAlgebraBinary, linearAlgebraWorkerSource} from './generated/linearAlgebra';
import {type AlgebraAnswer, type AlgebraRequest, LinearAlgebra} from './linearAlgebraModule';
import {buffersOf} from './transfer';
import {startWorker, type StartedWorker} from './workerHost';

/** Beyond it the messages between threads take what they gain. */
const MOST_BY_DEFAULT = 4;
/** Multiply-adds of the jobs that a thread is given at a time, unless a single one has more: some milliseconds. */
const BATCH_WORK = 2e7;
/** How long the thread that asks may compute until it hears of others. */
const PAUSE_MILLISECONDS = 30;

/**
 * The inverse of a symmetric positive definite matrix, computed in this thread. A page's main thread does better to ask a
 * solver for it.
 *
 * @param matrix `[size, size]`, only read
 * @throws NotPositiveDefinite where it is not
 */
export function invertSymmetric(matrix: Float64Array, size: number): Float64Array {
  checkMatrix(matrix, size);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(binary()));
  return orThrow(new LinearAlgebra(instance).answer({matrix, columns: size, taps: 1}).inverse);
}

/**
 * A solver on several threads, each with a copy of the matrix and a work area of the size of one. The bits of its results
 * do not depend on their number, nor on the other jobs. With 1 the calling thread computes, and pauses for others every
 * 30 ms; otherwise so many workers do, started on first use, and the calling thread waits. Where workers do not start (a
 * Content-Security-Policy without `worker-src blob:`) or end, the rest is computed by those that are left, in the end by
 * the calling thread. Calls are taken one after another.
 *
 * @param threads as many as there are cores, at most 4, if it is not given
 */
export function createBlockRowSolver(threads = Math.min(availableCores(), MOST_BY_DEFAULT)): BlockRowSolver & {
  /** Ends the workers; what is not finished is rejected. */
  dispose(): void;
} {
  if (!(Number.isInteger(threads) && threads > 0)) throw new Error(`threads is ${threads}, must be 1 or more`);
  return new ThreadedSolver(threads);
}

/** A thread that computes. */
interface Hand {
  readonly alive: boolean;
  ask(request: AlgebraRequest): Promise<AlgebraAnswer>;
}

/** Jobs beside one another in the list of a call. */
interface Batch {
  readonly first: number;
  readonly jobs: BlockRowJob[];
}

class ThreadedSolver implements BlockRowSolver {
  private disposed = false;
  private last: Promise<unknown> = Promise.resolve();
  private readonly workers: StartedWorker[] = [];
  private module: Promise<WebAssembly.Module> | null = null;
  private started: Promise<unknown> | null = null;
  private own: Hand | null = null;

  constructor(private readonly threads: number) {}

  async solve(inverse: Float64Array, columns: number, taps: number, jobs: readonly BlockRowJob[]) {
    checkRows(inverse, columns, taps, jobs);
    return this.inTurn(async (hands) => {
      const batches = batchesOf(jobs, columns);
      const results: BlockRowResult[] = [];
      const work = async (hand: Hand) => {
        let matrix: Float64Array | undefined = inverse;
        for (let batch; hand.alive && (batch = batches.shift());) {
          const {rows} = await hand.ask({matrix, columns, taps, jobs: batch.jobs}).catch((error: unknown) => {
            batches.unshift(batch!);
            if (hand.alive) throw error;
            return {rows: []}; // a dead worker's batch is for others
          });
          matrix = undefined;
          if (!rows) batches.length = 0;
          orThrow(rows).forEach((row, i) => (results[batch!.first + i] = row));
        }
      };
      const ends = await Promise.allSettled(hands.map(work));
      const failed = ends.find((end) => end.status === 'rejected');
      if (failed) throw failed.reason;
      if (batches.length) await work(await this.ownHand());
      return results;
    });
  }

  async invert(matrix: Float64Array, size: number) {
    checkMatrix(matrix, size);
    const request = {matrix, columns: size, taps: 1};
    return this.inTurn(async ([hand]) => {
      const ask = (one: Hand) => one.ask(request);
      const own = () => this.ownHand().then(ask);
      const {inverse} = await (hand && hand !== this.own ? ask(hand).catch(own) : own());
      return orThrow(inverse);
    });
  }

  dispose(): void {
    this.disposed = true;
    this.own = null;
    for (const worker of this.workers) {
      worker.onDeath('disposed');
      worker.terminate();
    }
  }

  /** Calls `use` with those who compute when all calls before are done. */
  private inTurn<T>(use: (hands: Hand[]) => Promise<T>): Promise<T> {
    const turn = this.last.then(async () => {
      const hands = await this.hands();
      for (const worker of this.workers) worker.hold(true);
      try {
        return await use(hands);
      } finally {
        for (const worker of this.workers) worker.hold(false);
      }
    });
    this.last = turn.catch(() => undefined);
    return turn;
  }

  private async hands(): Promise<Hand[]> {
    this.check();
    const module = await (this.module ??= WebAssembly.compile(binary()));
    if (this.threads > 1) await (this.started ??= this.start(module));
    this.check();
    const hands = this.workers.filter(({alive}) => alive).map((worker) => this.handOf(worker));
    return hands.length ? hands : [await this.ownHand()];
  }

  private async start(module: WebAssembly.Module): Promise<void> {
    const start = () => startWorker(null, {module}, linearAlgebraWorkerSource);
    for (const end of await Promise.allSettled(Array.from({length: this.threads}, start))) {
      if (end.status === 'rejected') continue; // there are others, or this thread
      if (this.disposed) end.value.terminate();
      else this.workers.push(end.value);
    }
  }

  private handOf(worker: StartedWorker): Hand {
    return {
      get alive() {
        return worker.alive;
      },
      ask: ({matrix, columns, taps, jobs}) =>
        new Promise<AlgebraAnswer>((resolve, reject) => {
          worker.onMessage = (message) => resolve(message as AlgebraAnswer);
          worker.onDeath = (reason) => {
            worker.terminate();
            reject(new Error(reason));
          };
          // What is moved to the worker must not be the caller's.
          const request = {
            matrix: matrix?.slice(),
            columns,
            taps,
            jobs: jobs?.map((job) => ({...job, pruned: job.pruned.slice(), weights: job.weights.slice()})),
          };
          worker.send(request, buffersOf(request));
        }).catch((error: unknown) => {
          this.check();
          throw error;
        }),
    };
  }

  /** This thread as one that computes. */
  private async ownHand(): Promise<Hand> {
    this.check();
    if (!this.own) {
      const algebra = new LinearAlgebra(await WebAssembly.instantiate(await this.module!));
      let since = performance.now();
      this.own = {
        alive: true,
        ask: async (request) => {
          if (performance.now() - since > PAUSE_MILLISECONDS) {
            await new Promise((resolve) => setTimeout(resolve));
            since = performance.now();
          }
          this.check();
          return algebra.answer(request);
        },
      };
    }
    return this.own;
  }

  private check(): void {
    if (this.disposed) throw new Error('the solver was disposed of');
  }
}

function binary(): Uint8Array<ArrayBuffer> {
  const {size, packed} = linearAlgebraBinary;
  return decompress(decodeBase64(packed), size);
}

function batchesOf(jobs: readonly BlockRowJob[], columns: number): Batch[] {
  const batches: Batch[] = [];
  let work = Infinity;
  jobs.forEach((job, i) => {
    const pruned = job.pruned.length;
    const filters = job.weights.length / columns;
    const others = filters + (job.wantsBlocks ? columns - pruned : 0);
    const more = pruned * (pruned * (pruned / 6 + others / 2) + columns * filters);
    if (work + more > BATCH_WORK) {
      batches.push({first: i, jobs: []});
      work = 0;
    }
    work += more;
    batches.at(-1)!.jobs.push(job);
  });
  return batches;
}

function orThrow<T>(value: T | null | undefined): T {
  if (!value) throw new NotPositiveDefinite();
  return value;
}
