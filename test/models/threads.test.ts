import os from 'node:os';
import {loadGraphModel} from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import {configure} from '../../src';
import {ThreadPool} from '../../src/runtime';
import {VARIANTS} from '../support/backends';
import {sameBits, setThreads, startOnThreads, stopBackend} from '../support/network';
import {compute, inputsFor, isDynamic, readModel, realGraphModels} from '../support/realModels';

const models = realGraphModels();

describe.each(VARIANTS)('every real graph model, on the kernels of %s,', (variant) => {
  beforeAll(async () => {
    // So many threads are awake at once then.
    jest.spyOn(os, 'availableParallelism').mockReturnValue(8);
    await startOnThreads(8, {variant});
  });
  afterAll(async () => {
    jest.restoreAllMocks();
    await stopBackend();
  });

  it.each(models)(
    '%s gives the same bits on 1, 2, 3, 4 and 8 threads, with regions and without',
    async (_name, path) => {
      const artifacts = readModel(path);
      const dynamic = isDynamic(artifacts);
      const model = await loadGraphModel(tf.io.fromMemory(artifacts));
      const inputs = inputsFor(model);
      const run = async () => {
        const results = await compute(model, inputs, dynamic);
        const outputs = results.map((tensor) => Float32Array.from(tensor.dataSync()));
        tf.dispose(results);
        return outputs;
      };
      const parallelTasks = jest.spyOn(ThreadPool.prototype, 'run');
      configure({regions: false});
      await setThreads(1);
      const expected = await run();
      expect(parallelTasks).not.toHaveBeenCalled();
      const expectSameBits = async () => {
        const outputs = await run();
        expect(outputs.map((output, i) => sameBits(output, expected[i]))).toEqual(expected.map(() => true));
      };
      for (const threads of [2, 3, 4, 8]) {
        await setThreads(threads);
        await expectSameBits();
      }
      configure({regions: true});
      // The third inference on so many threads is the first that runs as a program. Dynamic models take seconds.
      for (const threads of dynamic ? [8] : [1, 2, 4, 8]) {
        await setThreads(threads);
        for (let i = 0; i < 3; i++) await expectSameBits();
      }
      expect(parallelTasks).toHaveBeenCalled();
      parallelTasks.mockRestore();
      tf.dispose(inputs);
      model.dispose();
    },
  );
});
