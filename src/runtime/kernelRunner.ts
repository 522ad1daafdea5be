import {type Job} from '../../kernels/task';
import type {KernelVariant} from './features';
import type {TfjsHeap} from './heap';
import type {KernelModule} from './kernelModule';
import {TaskArena} from './taskArena';
import {TaskBuilder, unitsOf} from './taskBuilder';
import {PoolFailure, type ThreadPool} from './threadPool';
import {Zeros} from './zeros';

/** Runs our kernels, on the calling thread or with a pool's workers, and owns the working memory that they need. */
export class KernelRunner extends TaskBuilder {
  protected override readonly tasks: TaskArena;
  private readonly zeroBlock: Zeros;

  constructor(
    heap: TfjsHeap,
    private readonly kernels: KernelModule,
    variant: KernelVariant,
    /** null where there is one thread. */
    private readonly pool: ThreadPool | null,
  ) {
    super(variant);
    this.tasks = new TaskArena(heap, () => this.slots);
    this.zeroBlock = new Zeros(heap);
  }

  /** Bytes of working memory held. */
  get bytes(): number {
    return this.tasks.bytes + this.zeroBlock.bytes;
  }

  override get threads(): number {
    return this.pool?.threads ?? 1;
  }

  /** Threads that need working memory of their own. */
  get slots(): number {
    return this.pool?.slots ?? 1;
  }

  /**
   * Runs a program (kernels/threads.ts).
   *
   * @param steps address of the first of `count` steps
   * @throws PoolFailure if a worker died in it: it may still write to all that the program writes to.
   */
  runSteps(steps: number, count: number): void {
    if (this.pool && this.pool.threads > 1) this.pool.runSteps(steps, count);
    else this.kernels.runSteps(0, steps, 0, count, 0);
  }

  dispose(): void {
    this.tasks.free();
    this.zeroBlock.free();
  }

  protected override zeros(bytes: number): number {
    return this.zeroBlock.of(bytes);
  }

  protected override submit(job: Job, items: number, unitItems: number, workMs: number): void {
    const {tasks, pool} = this;
    const [unit, units] = unitsOf(items, unitItems);
    tasks.setItems(items, unit);
    if (!pool || pool.threads === 1 || units < 2) {
      this.kernels.runAlone(job, tasks.record);
      return;
    }
    try {
      pool.run(job, tasks.record, units, workMs);
    } catch (error) {
      // A worker that is slow rather than dead may still read the record and write to its working memory.
      if (error instanceof PoolFailure) tasks.abandon();
      throw error;
    }
  }
}
