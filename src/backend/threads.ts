// How many threads run, and why.
import {availableCores, type CompiledKernels, isShared, type TfjsHeap, ThreadPool} from '../runtime';
import {MOST_THREADS, options} from './config';

/** By default no more threads than this: beyond it a mobile network's layers are too short to share. */
const MOST_BY_DEFAULT = 16;

/** A number of threads and the reason for it. */
interface ThreadChoice {
  readonly threads: number;
  readonly reason: string;
}

/** The threads of one backend. */
export class Threads {
  private readonly troubles: string[] = [];
  private choice: ThreadChoice;

  private constructor(
    /** What `setThreadsCount` was given; null if it was not called. */
    private readonly setInTfjs: number | null,
    private readonly obstacle: string | null,
  ) {
    this.choice = chooseThreads(setInTfjs);
  }

  /** null where memory cannot be shared. */
  pool: ThreadPool | null = null;

  /**
   * Starts as many as the options ask for; resolves when they wait for work. Says once in the console where there are
   * fewer.
   */
  static async start(heap: TfjsHeap, kernels: CompiledKernels, setInTfjs: number | null): Promise<Threads> {
    const obstacle = isShared(heap.memory) ? null : (sharingObstacle() ?? 'tfjs did not load on a shared memory');
    const threads = new Threads(setInTfjs, obstacle);
    if (obstacle === null) {
      threads.pool = new ThreadPool({
        heap,
        kernels,
        cores: availableCores(),
        factory: () => options().workerFactory,
        onTrouble: (trouble) => threads.hear(trouble),
      });
    }
    await threads.update();
    return threads;
  }

  /** Threads that take part in a kernel, the calling one included. */
  get count(): number {
    return this.pool?.threads ?? 1;
  }

  /** Why so many. */
  get reasons(): string[] {
    const {threads, reason} = this.choice;
    if (this.obstacle !== null) return threads > 1 ? [`one thread: ${this.obstacle}`] : [`one thread: ${reason}`];
    const cores = availableCores();
    const crowd = threads > cores ? [`at most ${cores} of them at once: so many cores there are`] : [];
    return [`${threads === 1 ? 'one thread' : `${threads} threads`}: ${reason}`, ...crowd, ...this.troubles];
  }

  /** Follows a change of the options. Resolves when new threads have started. */
  async update(): Promise<void> {
    this.choice = chooseThreads(this.setInTfjs);
    const {threads} = this.choice;
    if (this.obstacle !== null && threads > 1) warnOnce(`runs on one thread: ${this.obstacle}`);
    await this.pool?.setThreads(threads);
  }

  dispose(): void {
    this.pool?.dispose();
  }

  /** The first trouble is told in the console; `reasons` has the last ones. */
  private hear(trouble: string): void {
    const left = this.count === 1 ? 'one thread is left' : `${this.count} threads are left`;
    if (!this.troubles.length) warnOnce(`${trouble}; ${left}`);
    this.troubles.push(`${trouble}: ${left}`);
    if (this.troubles.length > MOST_TROUBLES) this.troubles.shift();
  }
}

const MOST_TROUBLES = 4;

const warned = new Set<string>();

function warnOnce(message: string): void {
  if (warned.has(message)) return;
  warned.add(message);
  console.warn(`blocksparse-1xn: ${message}`);
}

/**
 * The number of threads to run on: that of `configure`, or of tfjs's `setThreadsCount`, or as many as there are cores.
 *
 * @param setInTfjs what `setThreadsCount` was given; null if it was not called
 */
function chooseThreads(setInTfjs: number | null): ThreadChoice {
  const {threads} = options();
  if (threads !== 'auto') return {threads, reason: `asked for by configure({threads: ${threads}})`};
  if (setInTfjs !== null) {
    const possible = Math.min(Math.max(1, Math.floor(setInTfjs)), MOST_THREADS);
    return {threads: possible, reason: `asked for by setThreadsCount(${setInTfjs})`};
  }
  const cores = availableCores();
  return {
    threads: Math.min(cores, MOST_BY_DEFAULT),
    reason: `as many as there are cores (${cores}), at most ${MOST_BY_DEFAULT}`,
  };
}

/** Why memory cannot be shared between threads here; null if it can. */
export function sharingObstacle(): string | null {
  if (typeof SharedArrayBuffer !== 'undefined') return null;
  return (globalThis as {crossOriginIsolated?: boolean}).crossOriginIsolated === false
    ? "the page is not cross-origin isolated: serve it with the headers 'Cross-Origin-Opener-Policy: same-origin' and " +
        "'Cross-Origin-Embedder-Policy: require-corp'"
    : 'this engine has no SharedArrayBuffer';
}
