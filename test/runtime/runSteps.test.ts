// Programs on a pool of threads: every step when the one before is done.
import {AddNTask, ELEMENTWISE_SCRATCH_FLOATS, Header, Job, SPAN_FLOATS, Step} from '../../kernels/task';
import {
  instantiateKernels,
  KernelRunner,
  PoolFailure,
  TfjsHeap,
  ThreadPool,
  type KernelModule,
  type WorkerFactory,
} from '../../src/runtime';
import {randomFloats, randomNumbers} from '../support/random';
import {kill, until, workersThat} from '../support/workers';

const SPANS = 9;
const SIZE = SPANS * SPAN_FLOATS - 100;
/** A value is the sum of its own and one so many floats on, which another unit has computed in the step before. */
const SHIFT = 2500;
const MOST_THREADS = 8;
const RECORD_WORDS = 64;

/** A heap, a pool on it, and programs to run on both. */
class Bench {
  readonly troubles: string[] = [];
  private readonly buffers: number[];
  private readonly scratch: number;
  private readonly start = randomFloats(SIZE, randomNumbers(1));

  static async make(
    factory: WorkerFactory | null = null,
    wrap: (kernels: KernelModule) => KernelModule = (kernels) => kernels,
  ): Promise<Bench> {
    const memory = new WebAssembly.Memory({initial: 16, maximum: 1024, shared: true});
    let top = 64;
    const heap = TfjsHeap.of({
      wasmMemory: memory,
      get HEAPU8() {
        return new Uint8Array(memory.buffer);
      },
      _free: () => undefined,
      _malloc: (bytes) => {
        const address = top;
        top += Math.ceil(bytes / 16) * 16;
        while (top > memory.buffer.byteLength) memory.grow(16);
        return address;
      },
    });
    const {module, exports} = await instantiateKernels('simd128', memory);
    const bench: Bench = new Bench(
      heap,
      new ThreadPool({
        heap,
        kernels: {module, exports: wrap(exports)},
        cores: MOST_THREADS,
        factory: () => factory,
        onTrouble: (trouble) => bench.troubles.push(trouble),
      }),
      wrap(exports),
    );
    return bench;
  }

  private constructor(
    private readonly heap: TfjsHeap,
    readonly pool: ThreadPool,
    private readonly kernels: KernelModule,
  ) {
    this.buffers = [0, 1].map(() => heap.allocate(4 * (SIZE + SHIFT)));
    this.scratch = heap.allocate(MOST_THREADS * 4 * ELEMENTWISE_SCRATCH_FLOATS);
  }

  /**
   * Whether a program gives what it should: sums from one buffer to the other and back, each of two terms.
   *
   * @param unitItems of each step
   */
  isRight(unitItems: readonly number[], pool: ThreadPool | null = this.pool): boolean {
    const {heap, buffers, scratch, start} = this;
    const count = unitItems.length;
    const records = heap.allocate(4 * RECORD_WORDS * count);
    const steps = heap.allocate(4 * Step.words * count);
    unitItems.forEach((unit, i) => {
      const [from, to] = i % 2 ? [...buffers].reverse() : buffers;
      const record = records / 4 + RECORD_WORDS * i;
      heap.i32.set([SPANS, unit, scratch, 4 * ELEMENTWISE_SCRATCH_FLOATS], record);
      heap.i32.set([SIZE, to, 2, from, from + 4 * SHIFT], record + Header.words);
      heap.i32.set([Job.addN, 4 * record, Math.ceil(SPANS / unit)], steps / 4 + Step.words * i);
    });
    expect(AddNTask.size).toBe(Header.words);
    for (const buffer of buffers) heap.f32.fill(0, buffer / 4, buffer / 4 + SIZE + SHIFT);
    heap.f32.set(start, buffers[0] / 4);
    new KernelRunner(heap, this.kernels, 'simd128', pool).runSteps(steps, count, 0);
    const result = buffers[count % 2] / 4;
    return Buffer.from(heap.f32.slice(result, result + SIZE).buffer).equals(Buffer.from(this.expected(count).buffer));
  }

  private expected(count: number): Float32Array {
    let values = this.start;
    for (let i = 0; i < count; i++)
      values = values.map((value, j) => 0 + value + (j + SHIFT < SIZE ? values[j + SHIFT] : 0));
    return values;
  }
}

/** So many steps of the units that there can be: one for each span, fewer, one for all. */
const mixed = (count: number) => Array.from({length: count}, (_, i) => [1, 1, 4, 1, SPANS, 2, SPANS][i % 7]);

describe('a program of a pool', () => {
  let bench: Bench;
  afterEach(() => bench.pool.dispose());

  it.each([1, 2, 4, 8])('takes its steps in order on %i threads', async (threads) => {
    bench = await Bench.make();
    await bench.pool.setThreads(threads);
    for (const count of [1, 2, 3, 50, 7, 100]) {
      for (let repeat = 0; repeat < 5; repeat++) expect(bench.isRight(mixed(count))).toBe(true);
    }
    for (const unit of [1, 2, SPANS]) expect(bench.isRight(Array.from({length: 60}, () => unit))).toBe(true);
    expect(bench.isRight([])).toBe(true);
    expect(bench.troubles).toEqual([]);
  });

  it('needs no pool, and no workers', async () => {
    bench = await Bench.make();
    expect(bench.isRight(mixed(30), null)).toBe(true);
    expect(bench.isRight(mixed(30))).toBe(true);
  });

  it('has workers that slept', async () => {
    bench = await Bench.make();
    await bench.pool.setThreads(4);
    for (let i = 0; i < 10; i++) {
      await new Promise((done) => setTimeout(done, 5));
      expect(bench.isRight(mixed(20))).toBe(true);
    }
  });

  it('goes on where its caller has waited: after every step if it looks but once', async () => {
    let calls = 0;
    bench = await Bench.make(null, (kernels) => ({
      ...kernels,
      runSteps: (control, steps, step, count) => {
        calls++;
        return kernels.runSteps(control, steps, step, count, 0);
      },
    }));
    await bench.pool.setThreads(3);
    expect(bench.isRight([1, 1, SPANS, 2, SPANS, SPANS, 1])).toBe(true);
    expect(calls).toBe(4); // four steps are shared out, the last of them at the end
    calls = 0;
    expect(bench.isRight([1, SPANS])).toBe(true);
    expect(calls).toBe(2);
    expect(bench.isRight([SPANS, SPANS])).toBe(true);
  });

  it('does without workers for a while after they kept it waiting twice', async () => {
    const controls: number[] = [];
    let late = true;
    bench = await Bench.make(null, (kernels) => ({
      ...kernels,
      runSteps: (control, steps, step, count, spins) => {
        controls.push(control);
        return kernels.runSteps(control, steps, step, count, late ? 0 : spins);
      },
      waitUntilDone: (...task) => {
        if (late) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
        return kernels.waitUntilDone(...task);
      },
    }));
    await bench.pool.setThreads(2);
    expect(bench.isRight([1])).toBe(true);
    expect(bench.isRight([1])).toBe(true);
    expect(controls.every((control) => control !== 0)).toBe(true);
    controls.length = 0;
    late = false;
    expect(bench.isRight(mixed(20))).toBe(true);
    expect(controls).toEqual([0]);
    await until(() => bench.isRight(mixed(3)) && controls.at(-1) !== 0, 'workers are asked again', 5);
  });

  it('shares the pool with single tasks and with workers that come and go', async () => {
    const factory = workersThat('good');
    bench = await Bench.make(factory);
    for (const threads of [2, 4, 1, 3]) {
      const changed = bench.pool.setThreads(threads);
      expect(bench.isRight(mixed(10))).toBe(true);
      await changed;
      for (let i = 0; i < 5; i++) expect(bench.isRight(mixed(10))).toBe(true);
    }
    await kill(factory.workers[0]);
    for (let i = 0; i < 5; i++) expect(bench.isRight(mixed(10))).toBe(true);
  });

  it.each(['throwsInTask1', 'throwsInTask5', 'dies', 'loops'] as const)(
    'fails with a worker that fails in it: %s',
    async (script) => {
      const factory = workersThat('good', script, 'good');
      bench = await Bench.make(factory);
      await bench.pool.setThreads(3);
      const deadline = performance.now() + 10_000;
      expect(() => {
        while (performance.now() < deadline) expect(bench.isRight(mixed(20))).toBe(true);
      }).toThrow(PoolFailure);
      expect(bench.pool.threads).toBe(1);
      expect(bench.troubles).toHaveLength(1);
      expect(bench.isRight(mixed(20))).toBe(true);
      await until(() => factory.running === 0, 'all workers ended');
      await bench.pool.setThreads(2);
      for (let i = 0; i < 5; i++) expect(bench.isRight(mixed(20))).toBe(true);
    },
  );
});
