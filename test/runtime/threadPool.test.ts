import {Header} from '../../kernels/task';
import {
  instantiateKernels,
  KernelRunner,
  PoolFailure,
  TfjsHeap,
  ThreadPool,
  type ConvGeometry,
  type CompiledKernels,
  type KernelModule,
  type WorkerFactory,
} from '../../src/runtime';
import {randomFloats, randomNumbers} from '../support/random';
import {uploadWeights} from '../support/uploadWeights';
import {kill, until, workersThat} from '../support/workers';

/** A 3x3 convolution of 16 to 48 channels: im2col rows in each thread's working memory. */
const SIZE = 18;
const [CIN, COUT] = [16, 48];
const GEOMETRY: ConvGeometry = {
  batch: 1,
  inHeight: SIZE,
  inWidth: SIZE,
  inChannels: CIN,
  outHeight: SIZE,
  outWidth: SIZE,
  kernelHeight: 3,
  kernelWidth: 3,
  strideHeight: 1,
  strideWidth: 1,
  dilationHeight: 1,
  dilationWidth: 1,
  padTop: 1,
  padLeft: 1,
};
/** More cores than a test has threads: workers beyond their number would sleep. */
const ENOUGH_CORES = 64;
const K = 9 * CIN;
const OUTPUTS = SIZE * SIZE * COUT;

/** A heap whose memory is never given back. */
function growingHeap(): TfjsHeap {
  const memory = new WebAssembly.Memory({initial: 16, maximum: 4096, shared: true});
  let top = 64;
  return TfjsHeap.of({
    wasmMemory: memory,
    get HEAPU8() {
      return new Uint8Array(memory.buffer);
    },
    _free: () => undefined,
    _malloc: (bytes) => {
      const address = top;
      top += Math.ceil(bytes / 16) * 16;
      const missing = top - memory.buffer.byteLength;
      if (missing > 0) memory.grow(Math.ceil(missing / 65536));
      return address;
    },
  });
}

/** A heap, a pool on it, and a convolution to run on both. */
class Bench {
  readonly troubles: string[] = [];
  readonly pool: ThreadPool;
  private readonly runner: KernelRunner;
  private readonly alone: KernelRunner;
  private readonly input: number;
  private readonly output: number;
  private readonly weights;
  private readonly allocations: number[] = [];
  private readonly expected: Float32Array;

  /** @param wrap puts something between the pool and the kernels */
  static async make(
    factory: WorkerFactory | null,
    cores: number,
    wrap: (kernels: KernelModule) => KernelModule = (kernels) => kernels,
  ): Promise<Bench> {
    const heap = growingHeap();
    const {module, exports} = await instantiateKernels('simd128', heap.memory);
    return new Bench(heap, {module, exports: wrap(exports)}, factory, cores);
  }

  private constructor(
    readonly heap: TfjsHeap,
    kernels: CompiledKernels,
    factory: WorkerFactory | null,
    cores: number,
  ) {
    this.pool = new ThreadPool({
      heap,
      kernels,
      cores,
      factory: () => factory,
      onTrouble: (trouble) => this.troubles.push(trouble),
    });
    this.runner = new KernelRunner(heap, kernels.exports, 'simd128', this.pool);
    this.alone = new KernelRunner(heap, kernels.exports, 'simd128', null);
    const random = randomNumbers(1);
    this.weights = uploadWeights(heap, randomFloats(K * COUT, random), COUT, 8, true);
    this.input = heap.allocate(SIZE * SIZE * CIN * 4);
    this.output = heap.allocate(OUTPUTS * 4);
    heap.f32.set(randomFloats(SIZE * SIZE * CIN, random), this.input / 4);
    const allocate = heap.allocate.bind(heap);
    heap.allocate = (bytes) => {
      const address = allocate(bytes);
      this.allocations.push(address);
      return address;
    };
    this.expected = this.convolve(this.alone, SIZE * SIZE, COUT);
  }

  /** Whether the pool gives the bits of one thread, for pieces of so many pixels and channels, dealt out either way. */
  isRight(pixels = 4, channels = 16): boolean {
    return [false, true].every((channelsOutermost) => {
      const result = this.convolve(this.runner, pixels, channels, channelsOutermost);
      return Buffer.from(result.buffer).equals(Buffer.from(this.expected.buffer));
    });
  }

  /** Runs tasks for so long: other threads may be quicker than a bad one for a while. */
  run(milliseconds: number): void {
    const deadline = performance.now() + milliseconds;
    while (performance.now() < deadline) expect(this.isRight()).toBe(true);
  }

  /**
   * Runs tasks until all threads have computed units.
   *
   * @throws Error naming the threads that have if it is not all of them within 8 seconds
   */
  async expectAllTakePart(): Promise<void> {
    const {pool} = this;
    const tookPart = await this.untilTookPart((threads) => threads.size === pool.threads);
    expect([...tookPart].sort()).toHaveLength(pool.threads);
  }

  /** Runs tasks until the threads that have computed units are enough: each lays out im2col rows in memory of its own. */
  async untilTookPart(enough: (threads: Set<number>) => boolean): Promise<Set<number>> {
    const {pool, heap, allocations} = this;
    expect(this.isRight()).toBe(true);
    const record = allocations.at(-1)! / 4; // the arena's, which grew last
    const scratchOf = (thread: number) =>
      (heap.i32[record + Header.scratch] + thread * heap.i32[record + Header.scratchBytes]) / 4;
    const numbers = [...Array(pool.slots).keys()];
    const tookPart = new Set<number>();
    const deadline = performance.now() + 8000;
    while (!enough(tookPart) && performance.now() < deadline) {
      for (const thread of numbers) heap.f32.fill(0, scratchOf(thread), scratchOf(thread) + K);
      expect(this.isRight()).toBe(true);
      for (const thread of numbers) {
        if (heap.f32.subarray(scratchOf(thread), scratchOf(thread) + K).some((x) => x !== 0)) tookPart.add(thread);
      }
      if (!enough(tookPart)) await new Promise((resolve) => setImmediate(resolve));
    }
    return tookPart;
  }

  private convolve(
    runner: KernelRunner,
    macroTile: number,
    groupChannels: number,
    channelsOutermost = false,
  ): Float32Array {
    const {heap, input, output, weights} = this;
    heap.f32.fill(NaN, output / 4, output / 4 + OUTPUTS);
    runner.conv2d({
      input,
      output,
      weights,
      bias: 0,
      geometry: GEOMETRY,
      epilogue: {min: -Infinity, max: Infinity},
      cut: {macroTile, groupChannels, channelsOutermost, parallel: true, workMs: 0},
    });
    return heap.f32.slice(output / 4, output / 4 + OUTPUTS);
  }
}

describe('a pool of threads', () => {
  let bench: Bench;
  const make = async (factory: WorkerFactory | null = null, cores = ENOUGH_CORES) =>
    (bench = await Bench.make(factory, cores));

  afterEach(() => bench.pool.dispose());

  it.each([1, 2, 3, 4, 8, 17])('of %i gives the bits of one thread, however the task is cut', async (threads) => {
    const {pool, troubles} = await make();
    await pool.setThreads(threads);
    expect(pool.threads).toBe(threads);
    for (const pixels of [4, 8, 24, SIZE * SIZE]) {
      for (const channels of [16, 32, COUT]) {
        for (let repeat = 0; repeat < 8; repeat++) expect(bench.isRight(pixels, channels)).toBe(true);
      }
    }
    expect(troubles).toEqual([]);
  });

  it.each([1, 2, 3])('of 8 gives the bits of one thread on %i cores', async (cores) => {
    const {pool} = await make(null, cores);
    await pool.setThreads(8);
    expect(pool.threads).toBe(8);
    for (let repeat = 0; repeat < 200; repeat++) {
      expect(bench.isRight()).toBe(true);
      if (repeat % 20 === 0) await new Promise((done) => setTimeout(done, 5)); // to sleep
    }
  });

  it('does without workers for a while after they kept it waiting twice, and tries them again', async () => {
    let published = 0;
    let late = false;
    const tenMilliseconds = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    bench = await Bench.make(null, ENOUGH_CORES, (kernels) => ({
      ...kernels,
      publish: (...task) => {
        published++;
        kernels.publish(...task);
      },
      isDone: (...task) => (late ? 0 : kernels.isDone(...task)),
      waitUntilDone: (...task) => {
        if (late) tenMilliseconds();
        return kernels.waitUntilDone(...task);
      },
    }));
    await bench.pool.setThreads(2);
    late = true;
    expect(bench.isRight()).toBe(true); // two tasks
    expect(bench.isRight()).toBe(true);
    expect(published).toBe(2);
    late = false;
    const deadline = performance.now() + 5000;
    while (published === 2 && performance.now() < deadline) expect(bench.isRight()).toBe(true);
    expect(published).toBeGreaterThan(2);
  });

  it('lets every thread compute', async () => {
    const {pool} = await make();
    await pool.setThreads(4);
    await bench.expectAllTakePart();
  });

  it('has fewer threads at once and more when they have started, as often as it is asked', async () => {
    const factory = workersThat('good');
    const {pool} = await make(factory);
    for (const threads of [2, 4, 1, 3, 4, 2, 5]) {
      const before = pool.threads;
      const changed = pool.setThreads(threads);
      expect(pool.threads).toBeLessThanOrEqual(Math.max(before, threads));
      if (threads < before) expect(pool.threads).toBe(threads);
      expect(bench.isRight()).toBe(true);
      await changed;
      expect(pool.threads).toBe(threads);
      await bench.expectAllTakePart();
    }
    expect(factory.workers).toHaveLength(4); // those that are not needed for a while are kept
  });

  it('starts no more workers than are asked for when asked twice at once', async () => {
    const factory = workersThat('good');
    const {pool} = await make(factory);
    await Promise.all([pool.setThreads(3), pool.setThreads(4), pool.setThreads(3)]);
    expect(pool.threads).toBe(3);
    await bench.expectAllTakePart();
    expect(factory.workers.length).toBeLessThanOrEqual(3);
  });

  it('survives growth of the memory between its tasks', async () => {
    const {pool, heap} = await make();
    await pool.setThreads(3);
    const before = heap.memory.buffer.byteLength;
    for (let step = 0; step < 60; step++) {
      heap.memory.grow(1 + (step % 7));
      expect(bench.isRight()).toBe(true);
      if (step % 20 === 0) await pool.setThreads(2 + (step % 3)); // workers that start on the grown memory
    }
    expect(heap.memory.buffer.byteLength).toBeGreaterThan(4 * before);
    await bench.expectAllTakePart();
  });

  it('ends its workers when it is disposed, awake or asleep or not started yet', async () => {
    const factory = workersThat('good');
    const {pool} = await make(factory);
    await pool.setThreads(4);
    await new Promise((done) => setTimeout(done, 50)); // they sleep
    await pool.setThreads(2); // one sleeps elsewhere
    expect(bench.isRight()).toBe(true);
    const starting = pool.setThreads(6);
    pool.dispose();
    await starting;
    await until(() => factory.running === 0, 'all workers ended');
    expect(bench.troubles).toEqual([]);
  });

  it('gives the place of a worker that ended to the next that starts', async () => {
    const factory = workersThat('good');
    const {pool, troubles} = await make(factory);
    await pool.setThreads(3);
    await kill(factory.workers[0]);
    expect(pool.threads).toBe(2);
    expect(bench.isRight()).toBe(true);
    expect(troubles).toEqual([expect.stringMatching(/worker thread ended/)]);
    await pool.setThreads(3);
    expect(pool.threads).toBe(3);
    await bench.expectAllTakePart();
  });

  it('wakes another worker when the one that was awake has ended', async () => {
    const factory = workersThat('leaves', 'good');
    const {pool} = await make(factory, 2); // on two cores one worker is awake at a time
    await pool.setThreads(3);
    await until(() => factory.running === 1, 'the first worker has left');
    await new Promise((done) => setTimeout(done, 50)); // the second sleeps
    expect(pool.threads).toBe(2);
    expect((await bench.untilTookPart((threads) => threads.size === 2)).size).toBe(2);
  });

  it.each(['dies', 'loops'] as const)('gives up a worker that %s with a unit that it took', async (script) => {
    const factory = workersThat('good', script);
    const {pool, troubles} = await make(factory);
    await pool.setThreads(3);
    expect(pool.threads).toBe(3);
    expect(() => bench.run(10_000)).toThrow(PoolFailure);
    expect(pool.threads).toBe(1);
    expect(troubles).toEqual([expect.stringMatching(/silent for 2 s/)]);
    expect(bench.isRight()).toBe(true);
    await until(() => factory.running === 0, 'all workers ended');
  });

  it('starts workers that compute when it is asked to after a failure', async () => {
    const factory = workersThat('throwsInTask1', 'good');
    const {pool, troubles} = await make(factory);
    await pool.setThreads(2);
    expect(() => bench.run(10_000)).toThrow(PoolFailure);
    expect(pool.threads).toBe(1);
    expect(troubles).toEqual(['a worker thread threw']);
    await pool.setThreads(3);
    expect(pool.threads).toBe(3);
    await bench.expectAllTakePart();
  });
});
