import os from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import {backendInfo, type BlockSparseBackend, configure} from '../../src';
import type {WorkerFactory} from '../../src/runtime';
import {makeNetwork, type Network, sameBits, startOnThreads, stopBackend} from '../support/network';
import {randomNumbers} from '../support/random';
import {until, workersThat} from '../support/workers';

/** All warnings of this file: a message is said once in the life of a page. */
const warnings: string[] = [];
let network: Network;
let expected: Float32Array;

const warningsOf = (pattern: RegExp) => warnings.filter((warning) => pattern.test(warning));
const reasons = () => backendInfo().reasons.join('; ');

beforeAll(async () => {
  await startOnThreads(1);
  network = makeNetwork(1);
  expected = network.run();
  network.dispose();
});

beforeEach(() => {
  jest.spyOn(console, 'warn').mockImplementation((message) => void warnings.push(message));
  // Else workers beyond the number of cores sleep.
  jest.spyOn(os, 'availableParallelism').mockReturnValue(8);
});

afterEach(async () => {
  jest.restoreAllMocks();
  network.dispose();
  await stopBackend();
});

/** Starts the backend and the network on it. */
async function start(threads: number, workerFactory: WorkerFactory): Promise<BlockSparseBackend> {
  const backend = await startOnThreads(threads, {workerFactory});
  network = makeNetwork(1);
  return backend;
}

function expectRightResults(inferences = 3): void {
  for (let i = 0; i < inferences; i++) expect(sameBits(network.run(), expected)).toBe(true);
}

/** Runs inferences until one thread is left: the others may be quicker than the bad one for a while. */
function runUntilOneThreadIsLeft(): void {
  const deadline = performance.now() + 20_000;
  while (backendInfo().threads > 1 && performance.now() < deadline) expectRightResults(1);
  expect(backendInfo().threads).toBe(1);
}

describe('workers that do not start', () => {
  const throwing = () => {
    throw new Error('the factory is closed');
  };

  it.each([
    ['a factory that throws', throwing, /3 of 3 worker threads did not start \(the factory is closed\)/],
    [
      'a factory that returns nothing',
      () => undefined as never,
      /3 of 3 worker threads did not start \(.*undefined.*\)/,
    ],
    [
      'a script that throws',
      workersThat('throwsAtLoad'),
      /3 of 3 worker threads did not start \((Error: )?no such luck\)/,
    ],
    ['a script that exits', workersThat('exitsAtLoad'), /3 of 3 worker threads did not start \(exit code 3\)/],
    [
      'a worker that cannot instantiate the kernels',
      workersThat('answersWithAnError'),
      /3 of 3 worker threads did not start \(RangeError: out of memory\)/,
    ],
  ])('leave one thread, one warning and right results: %s', async (_, factory, message) => {
    await start(4, factory);
    expect(backendInfo().threads).toBe(1);
    expectRightResults();
    expect(reasons()).toMatch(message);
    expect(warningsOf(message)).toEqual([expect.stringMatching(/^blocksparse-1xn: .*; one thread is left$/)]);
    if ('running' in factory) await until(() => factory.running === 0, 'all workers ended');
  });

  it('leave one thread if they never answer', async () => {
    const {setTimeout: realTimeout} = globalThis;
    const shorter = ((callback: () => void, ms?: number) => realTimeout(callback, Math.min(ms ?? 0, 100))) as never;
    jest.spyOn(globalThis, 'setTimeout').mockImplementation(shorter);
    const factory = workersThat('neverAnswers');
    await start(3, factory);
    expect(backendInfo().threads).toBe(1);
    expectRightResults();
    expect(warningsOf(/2 of 2 worker threads did not start \(no answer within 10 s\)/)).toHaveLength(1);
    await until(() => factory.running === 0, 'all workers ended');
  });

  it('leave those that do', async () => {
    const factory = workersThat('good', 'throwsAtLoad', 'good');
    await start(4, factory);
    expect(backendInfo().threads).toBe(3);
    expectRightResults(10);
    const message = /1 of 3 worker threads did not start \((Error: )?no such luck\)/;
    expect(reasons()).toMatch(message);
    expect(warningsOf(message)).toEqual([expect.stringMatching(/; 3 threads are left$/)]);
    await until(() => factory.running === 2, 'the bad worker has ended');
  });

  it('are tried again when configure asks for another factory', async () => {
    await start(3, throwing);
    expect(backendInfo().threads).toBe(1);
    const factory = workersThat('good');
    configure({workerFactory: factory});
    await until(() => backendInfo().threads === 3, '3 threads run');
    expectRightResults();
    expect(factory.running).toBe(2);
  });
});

describe('a worker that fails in the middle of an inference', () => {
  const silent = /a worker thread was silent for 2 s/;
  const threw = /a worker thread threw/;

  it.each([
    ['dies', silent],
    ['loops', silent],
    ['throwsInTask1', threw],
    ['throwsInTask2', threw],
    ['throwsInTask3', threw],
    ['throwsInTask4', threw],
    ['throwsInTask5', threw],
  ] as const)('costs that inference nothing but time: %s', async (script, message) => {
    const factory = workersThat(script, 'good');
    const backend = await start(3, factory);
    const [tensors, dataIds] = [tf.memory().numTensors, backend.numDataIds()];
    expect(backendInfo().threads).toBe(3);
    runUntilOneThreadIsLeft();
    expectRightResults();
    expect(reasons()).toMatch(message);
    expect(warningsOf(message)).toEqual([expect.stringMatching(/one thread is left$/)]);
    expect([tf.memory().numTensors, backend.numDataIds()]).toEqual([tensors, dataIds]);
    await until(() => factory.running === 0, 'all workers ended');
  });

  it('is one of several that do so at once', async () => {
    await start(5, workersThat('throwsInTask1'));
    runUntilOneThreadIsLeft();
    expectRightResults();
  });

  it('can be replaced by asking for threads again', async () => {
    const factory = workersThat('throwsInTask2', 'good');
    await start(3, factory);
    for (const threads of [2, 4, 3]) {
      runUntilOneThreadIsLeft();
      configure({threads});
      await until(() => backendInfo().threads === threads, `${threads} threads run`);
      expectRightResults();
      configure({threads: 1});
    }
    expect(warningsOf(threw)).toHaveLength(1);
  });

  it('is not replaced because another option was set', async () => {
    await start(3, workersThat('throwsInTask1', 'good'));
    runUntilOneThreadIsLeft();
    configure({skipZeros: true, path: 'auto'});
    await new Promise((done) => setTimeout(done, 200));
    expect(backendInfo().threads).toBe(1);
    expectRightResults();
  });
});

describe('workers that end between inferences', () => {
  it('leave fewer threads, one warning and right results', async () => {
    const factory = workersThat('leaves', 'good');
    await start(4, factory);
    await until(() => factory.running === 2, 'the first worker has ended');
    await until(() => backendInfo().threads === 3, 'it is noticed');
    expectRightResults(10);
    const message = /a worker thread ended \(exit code 0\)/;
    expect(reasons()).toMatch(message);
    expect(warningsOf(message)).toEqual([expect.stringMatching(/; 3 threads are left$/)]);
  });

  it('leave one thread when all have', async () => {
    const factory = workersThat('good');
    await start(4, factory);
    expectRightResults();
    await Promise.all(factory.workers.map((worker) => worker.terminate()));
    await until(() => backendInfo().threads === 1, 'it is noticed');
    expectRightResults();
  });

  it('never make an inference hang or its result wrong, terminated whenever', async () => {
    const random = randomNumbers(5);
    const factory = workersThat('good');
    await start(4, factory);
    let ending: Promise<unknown>[] = [];
    const maybeTerminate = async () => {
      const {workers} = factory;
      const victim = workers[Math.max(0, workers.length - 1 - Math.floor(random() * 3))];
      if (random() < 0.4) ending.push(victim.terminate());
      if (random() < 0.5) await new Promise((done) => setTimeout(done, random() * 3));
    };
    for (let round = 0; round < 20; round++) {
      if (random() < 0.8) {
        await Promise.all(ending);
        ending = [];
        await new Promise((done) => setTimeout(done, 20)); // the pool has heard of all that ended
        configure({threads: 3 + (round % 2)});
        await until(() => backendInfo().threads === 3 + (round % 2), 'threads are there again');
      }
      for (let i = 0; i < 3; i++) expect(sameBits(await network.runInSteps(maybeTerminate), expected)).toBe(true);
    }
    expectRightResults();
  });
});
