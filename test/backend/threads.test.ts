import os from 'node:os';
import {type BackendWasm, getThreadsCount, setThreadsCount} from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import {backendInfo, configure} from '../../src';
import {registerBlockSparseBackend} from '../../src/backend';
import {type EmscriptenHeap, isShared, TfjsHeap, ThreadPool} from '../../src/runtime';
import {OURS} from '../support/backends';
import {makeNetwork, sameBits, startOnThreads, stopBackend} from '../support/network';
import {errorOfRange} from '../support/realModels';
import {until, workersThat} from '../support/workers';
import {registerStock} from '../support/stockBackend';
import {spyOnWarnings} from '../support/warnings';

const memoryOf = (backend: unknown) => TfjsHeap.of((backend as BackendWasm).wasm as unknown as EmscriptenHeap).memory;

const reasons = () => backendInfo().reasons.join('; ');

/** Other kernels add up in another order. */
const expectNear = (actual: Float32Array, expected: Float32Array) =>
  expect(errorOfRange(actual, expected)).toBeLessThan(1e-5);

/** Changes the number of threads of the backend that runs, and waits for them. */
async function setThreads(threads: number): Promise<void> {
  configure({threads});
  await until(() => backendInfo().threads === threads, `${threads} threads run`);
}

const warnings = spyOnWarnings();

afterEach(async () => {
  jest.restoreAllMocks();
  setThreadsCount(-1);
  await stopBackend();
});

describe('the number of threads', () => {
  it.each([
    [1, 1],
    [3, 3],
    [40, 16],
  ])('is that of the cores, at most 16: %i cores, %i threads', async (cores, threads) => {
    jest.spyOn(os, 'availableParallelism').mockReturnValue(cores);
    await startOnThreads('auto');
    expect(backendInfo().threads).toBe(threads);
    expect(reasons()).toMatch(
      `${threads === 1 ? 'one thread' : `${threads} threads`}: as many as there are cores (${cores})`,
    );
    expect(getThreadsCount()).toBe(threads);
  });

  it.each([
    [1, 1],
    [3, 3],
    [2.5, 2],
    [1000, 64],
  ])("is what tfjs's setThreadsCount was given, if that can be: %d, %i threads", async (given, threads) => {
    setThreadsCount(given);
    await startOnThreads('auto');
    expect(backendInfo().threads).toBe(threads);
    expect(reasons()).toMatch(`asked for by setThreadsCount(${given})`);
    expect(getThreadsCount()).toBe(threads);
  });

  it('is what configure was given, before the start, whatever setThreadsCount says', async () => {
    setThreadsCount(2);
    await startOnThreads(5);
    expect(backendInfo().threads).toBe(5);
    expect(reasons()).toMatch('5 threads: asked for by configure');
    expect(getThreadsCount()).toBe(5);
  });

  it('follows configure while the backend runs, up and down, with the same results', async () => {
    await startOnThreads(2);
    const network = makeNetwork(1);
    const expected = network.run();
    for (const threads of [4, 1, 3, 2]) {
      await setThreads(threads);
      expect(reasons()).toMatch(`asked for by configure({threads: ${threads}})`);
      for (let i = 0; i < 5; i++) expect(sameBits(network.run(), expected)).toBe(true);
    }
    configure({threads: 6});
    expect(sameBits(network.run(), expected)).toBe(true); // while they start
    await until(() => backendInfo().threads === 6, '6 threads run');
    setThreadsCount(4);
    configure({threads: 'auto'}); // what setThreadsCount says now counts at the next start
    expect(sameBits(network.run(), expected)).toBe(true);
    network.dispose();
    expect(warnings()).not.toHaveBeenCalled();
  });

  it('says how many threads there are at each moment', async () => {
    await startOnThreads(4);
    configure({threads: 2});
    expect(backendInfo().threads).toBe(2);
    configure({threads: 1});
    expect(backendInfo().threads).toBe(1);
  });

  it('is that of the last of several changes in a row', async () => {
    const factory = workersThat('good');
    await startOnThreads(1, {workerFactory: factory});
    for (const threads of [4, 2, 3, 5, 3]) configure({threads});
    await until(() => backendInfo().threads === 3, '3 threads run');
    await new Promise((done) => setTimeout(done, 200));
    expect(backendInfo().threads).toBe(3);
    const network = makeNetwork(2);
    const first = network.run();
    for (let i = 0; i < 10; i++) expect(sameBits(network.run(), first)).toBe(true);
    network.dispose();
  });

  it('follows configure while the backend starts', async () => {
    const good = workersThat('good');
    const workerFactory = () => {
      configure({threads: 2});
      return good();
    };
    await startOnThreads(4, {workerFactory});
    await until(() => backendInfo().threads === 2, '2 threads run');
    expect(reasons()).toMatch('2 threads: asked for by configure');
  });
});

describe('the backend on several threads', () => {
  // Else workers beyond the number of cores sleep.
  beforeEach(() => void jest.spyOn(os, 'availableParallelism').mockReturnValue(8));

  it('runs the layers of a network on them, and gives what stock wasm gives', async () => {
    const run = jest.spyOn(ThreadPool.prototype, 'run');
    await tf.setBackend('wasm');
    const ofStock = makeNetwork(3);
    const stock = ofStock.run();
    ofStock.dispose();
    await startOnThreads(4);
    const network = makeNetwork(3);
    const ours = network.run();
    expect(run.mock.calls.length).toBeGreaterThanOrEqual(4);
    expectNear(ours, stock);
    run.mockClear();
    await setThreads(1);
    expect(sameBits(network.run(), ours)).toBe(true);
    expect(run).not.toHaveBeenCalled();
    network.dispose();
  });

  it('stops its workers when it is removed, and starts new ones with the next setBackend', async () => {
    for (let round = 0; round < 3; round++) {
      const factory = workersThat('good');
      await startOnThreads(4, {workerFactory: factory});
      expect(factory.running).toBe(3);
      expect(backendInfo().threads).toBe(4);
      const network = makeNetwork(4);
      network.run();
      network.dispose();
      await stopBackend();
      await until(() => factory.running === 0, 'all workers ended');
      expect(() => backendInfo()).toThrow(/has not started/);
      configure({threads: 3}); // concerns nobody now
      expect(factory.workers).toHaveLength(3);
    }
    expect(warnings()).not.toHaveBeenCalled();
  });

  it('stops workers that are just starting when it is removed', async () => {
    const factory = workersThat('good');
    await startOnThreads(2, {workerFactory: factory});
    configure({threads: 6});
    await stopBackend();
    await until(() => factory.workers.length === 5 && factory.running === 0, 'all workers ended');
    expect(warnings()).not.toHaveBeenCalled();
  });

  it('leaves no workers behind when it is removed while it starts', async () => {
    await stopBackend();
    const factory = workersThat('good');
    configure({threads: 3, workerFactory: factory});
    registerBlockSparseBackend();
    const starting = tf.setBackend(OURS);
    tf.removeBackend(OURS);
    expect(await starting).toBe(false);
    await tf.setBackend('cpu');
    await until(() => factory.running === 0, 'all workers ended', 3);
  });

  it('is right while the heap grows between and during its tasks', async () => {
    const backend = await startOnThreads(3);
    const memory = memoryOf(backend);
    const network = makeNetwork(5);
    const expected = network.run();
    const before = memory.buffer.byteLength;
    const ballast: tf.Tensor[] = [];
    for (let i = 0; memory.buffer.byteLength < before + (96 << 20); i++) {
      ballast.push(tf.fill([1 + (i % 3), 512, 512], i));
      expect(sameBits(network.run(), expected)).toBe(true);
      // Layers in flight of another inference: tensors come and go between the two.
      const between = () => Promise.resolve(ballast.push(tf.fill([256, 512], i)));
      expect(sameBits(await network.runInSteps(between), expected)).toBe(true);
    }
    expect(isShared(memory)).toBe(true);
    ballast.forEach((tensor) => expect(tensor.dataSync()[5]).toBe(tensor.dataSync()[tensor.size - 1]));
    await setThreads(5); // workers that start on the grown heap
    expect(sameBits(network.run(), expected)).toBe(true);
    tf.dispose(ballast);
    network.dispose();
  });

  it('runs two models from two asynchronous calls that take turns', async () => {
    await startOnThreads(3);
    const [a, b] = [makeNetwork(6), makeNetwork(7)];
    const [expectedA, expectedB] = [a.run(), b.run()];
    const repeat = async (network: typeof a, expected: Float32Array) => {
      for (let i = 0; i < 10; i++) expect(sameBits(await network.runInSteps(), expected)).toBe(true);
    };
    await Promise.all([repeat(a, expectedA), repeat(b, expectedB), repeat(a, expectedA)]);
    a.dispose();
    b.dispose();
  });

  it('gives way to stock wasm and comes back, in the middle of inferences, and tensors move along', async () => {
    await startOnThreads(3);
    const [a, b] = [makeNetwork(8), makeNetwork(9)];
    const [expectedA, expectedB] = [a.run(), b.run()];
    let turn = 0;
    const switchBackend = () => tf.setBackend(++turn % 2 ? 'wasm' : OURS);
    for (let i = 0; i < 4; i++) {
      const results = await Promise.all([a.runInSteps(switchBackend), b.runInSteps(switchBackend)]);
      expectNear(results[0], expectedA);
      expectNear(results[1], expectedB);
    }
    await tf.setBackend(OURS);
    expect(sameBits(a.run(), expectedA)).toBe(true);
    expect(sameBits(b.run(), expectedB)).toBe(true);
    a.dispose();
    b.dispose();
  });

  it.each([
    ['before', ['wasm', OURS]],
    ['after', [OURS, 'wasm']],
  ])('leaves stock wasm, started %s it, on a heap of its own that is not shared', async (_, order) => {
    tf.removeBackend('wasm');
    registerStock();
    for (const name of order) {
      if (name === OURS) await startOnThreads(2);
      else await tf.setBackend(name);
    }
    const [ours, stock] = [OURS, 'wasm'].map((name) => memoryOf(tf.engine().findBackend(name)));
    expect(isShared(ours)).toBe(true);
    expect(isShared(stock)).toBe(false);
    await tf.setBackend('wasm');
    const network = makeNetwork(10);
    const onStock = network.run();
    await tf.setBackend(OURS);
    expectNear(network.run(), onStock);
    network.dispose();
  });
});
