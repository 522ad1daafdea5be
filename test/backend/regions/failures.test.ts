// Programs that cannot be made, or end in the middle: the inference does not.
import os from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import {backendInfo, type BlockSparseBackend, configure} from '../../../src';
import {Program} from '../../../src/backend/regions/program';
import {PoolFailure} from '../../../src/runtime';
import {ConvGraphBuilder} from '../../graph/convGraphs';
import {startOnThreads, stopBackend} from '../../support/network';
import {
  expectSameOutputs,
  infer,
  load,
  plannedNetwork,
  randomTensor,
  watchPrograms,
  type Output,
} from '../../support/plannedModels';
import {until, workersThat} from '../../support/workers';

const backend = () => tf.backend() as BlockSparseBackend;

/** Layers heavy enough for several threads, and a kernel between two regions: stock's, or one of ours before stock's. */
function heavyNetwork(between: 'Tanh' | 'Elu'): tf.io.ModelArtifacts {
  const graph = new ConvGraphBuilder(3);
  const x = graph.input('x', [1, 36, 36, 24]);
  const a = graph.conv('a', x, {out: 96, fused: ['BiasAdd', 'Relu6']});
  const b = graph.depthwise('b', a, {fused: ['BiasAdd', 'Relu6']});
  const c = graph.conv('c', b, {out: 64, fused: ['BiasAdd', between === 'Elu' ? 'Elu' : 'Relu']});
  if (between === 'Tanh') graph.add('s', 'Tanh', [c], {}, 64);
  const d = graph.conv('d', between === 'Tanh' ? 's' : c, {out: 64, k: 3});
  graph.add('y', 'AddV2', [d, c], {}, 64);
  return graph.artifacts(['y', 'b']);
}

const image = () => randomTensor(1, [1, 36, 36, 24]);

describe('a worker that fails in a program', () => {
  const warnings: string[] = [];
  const expected: Record<string, Output[]> = {};

  beforeAll(async () => {
    await startOnThreads(1);
    for (const between of ['Tanh', 'Elu'] as const) {
      expected[between] = infer(load(heavyNetwork(between)), {x: image()});
    }
  });
  beforeEach(() => {
    jest.spyOn(console, 'warn').mockImplementation((message) => void warnings.push(message as string));
    // Else workers beyond the number of cores sleep.
    jest.spyOn(os, 'availableParallelism').mockReturnValue(8);
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await stopBackend();
  });

  it.each([
    ['throwsInTask60', 'Tanh'],
    ['diesInTask60', 'Tanh'],
    ['loopsInTask60', 'Tanh'],
    ['throwsInTask60', 'Elu'],
  ] as const)('costs that inference nothing but time: %s, with %s between regions', async (script, between) => {
    const factory = workersThat(script, 'good');
    await startOnThreads(3, {workerFactory: factory});
    const tensors = tf.memory().numTensors;
    const model = load(heavyNetwork(between));
    const x = image();
    const weights = tf.memory().numTensors;
    const run = jest.spyOn(Program.prototype, 'run');
    const deadline = performance.now() + 20_000;
    while (backendInfo().threads > 1 && performance.now() < deadline)
      expectSameOutputs(infer(model, {x}), expected[between]);
    expect(backendInfo().threads).toBe(1);
    const {type, value} = run.mock.results.at(-1)!;
    // In a kernel of ours that is called between regions it costs the kernel's time alone.
    if (between !== 'Elu' || type === 'throw') expect([type, value]).toEqual(['throw', expect.any(PoolFailure)]);
    expect(tf.memory().numTensors).toBe(weights);
    run.mockClear();
    for (let i = 0; i < 4; i++) expectSameOutputs(infer(model, {x}), expected[between]);
    expect(run.mock.results.map((result) => result.type)).toEqual(['return', 'return']);
    await until(() => factory.running === 0, 'all workers ended');
    configure({threads: 2});
    await until(() => backendInfo().threads === 2, '2 threads run');
    for (let i = 0; i < 4; i++) expectSameOutputs(infer(model, {x}), expected[between]);
    expect(run.mock.calls).toHaveLength(4);
    model.dispose();
    x.dispose();
    expect(tf.memory().numTensors).toBe(tensors);
    expect(backend().programs).toBe(0);
  });
});

describe('a heap that is exhausted', () => {
  beforeAll(() => startOnThreads(1));
  afterAll(() => stopBackend());

  /** Lets one allocation fail, after so many; returns whether it came to that. */
  function failAllocation(after: number, run: () => void): boolean {
    const {heap} = backend();
    let count = 0;
    const allocate = heap.allocateTensor.bind(heap);
    const spy = jest.spyOn(heap, 'allocateTensor').mockImplementation((bytes, spare) => {
      if (count++ === after) throw new Error('blocksparse-1xn: out of WebAssembly memory');
      return allocate(bytes, spare);
    });
    try {
      run();
    } finally {
      spy.mockRestore();
    }
    return count > after;
  }

  /** Allocations of ours that are held. */
  const blocks = () => (backend().heap as unknown as {blocks: Map<number, number>}).blocks.size;

  it.each([
    ['when a program is made', 2],
    ['when a program first runs', 3],
    ['when a program runs again, in another place', 4],
  ])('%s: the inference runs as ever, and the console says so', (_, inference) => {
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    let failures = 0;
    for (let after = 0; after < 3; after++) {
      const before = {...tf.memory(), blocks: 0, programs: backend().programs};
      const model = load(plannedNetwork().artifacts(['y', 'sum']));
      const x = randomTensor(1);
      const expected = infer(model, {x});
      if (inference === 4) backend().workspace.free();
      const watch = watchPrograms();
      for (let i = 2; i < inference; i++) infer(model, {x});
      if (inference === 4) backend().workspace.free();
      const tensors = tf.memory().numTensors;
      const dataIds = backend().numDataIds();
      const failed = failAllocation(after, () => expectSameOutputs(infer(model, {x}), expected));
      expect(tf.memory().numTensors).toBe(tensors);
      expect(backend().numDataIds()).toBe(dataIds);
      if (failed) {
        failures++;
        expect(backend().programs).toBe(0);
        expect(backend().workspace.bytes).toBe(0);
        expect(watch.obstacles).toEqual(['blocksparse-1xn: out of WebAssembly memory']);
      }
      for (let i = 0; i < 3; i++) expectSameOutputs(infer(model, {x}), expected);
      watch.end();
      model.dispose();
      x.dispose();
      expect(tf.memory()).toMatchObject({numTensors: before.numTensors, numBytes: before.numBytes});
    }
    expect(failures).toBe(1);
    expect(warn.mock.calls).toEqual([
      ['blocksparse-1xn: an inference runs kernel by kernel for a while. blocksparse-1xn: out of WebAssembly memory'],
    ]);
    warn.mockRestore();
  });

  it('does not keep an inference from being planned for good: it is tried again after 100, then 200, and told once', () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    const model = load(plannedNetwork().artifacts(['y', 'sum']));
    const x = randomTensor(1);
    const expected = infer(model, {x});
    const watch = watchPrograms();
    const fail = () => expect(failAllocation(0, () => expectSameOutputs(infer(model, {x}), expected))).toBe(true);
    const wait = (inferences: number) => {
      for (let i = 1; i < inferences; i++) infer(model, {x});
      expect(watch.obstacles).toHaveLength(1);
    };
    fail();
    wait(100);
    fail();
    wait(200);
    expect(watch.runs).toBe(0);
    expectSameOutputs(infer(model, {x}), expected);
    expect(watch.obstacles).toEqual([]);
    expectSameOutputs(infer(model, {x}), expected);
    expect(watch.runs).toBe(1);
    expect(warn).toHaveBeenCalledTimes(1);
    warn.mockRestore();
    watch.end();
    model.dispose();
    x.dispose();
  });

  it('is given back all that models held', () => {
    const lives = [1, 2, 3, 4].map((seed) => {
      const model = load(plannedNetwork(seed).artifacts(['y', 'sum']));
      const sizes = seed % 2 ? [8, 9] : [5];
      for (const size of sizes) {
        const x = randomTensor(1, [1, size, size, 6]);
        for (let i = 0; i < 4; i++) infer(model, {x});
        x.dispose();
      }
      model.dispose();
      return blocks();
    });
    expect(new Set(lives).size).toBe(1);
  });
});
