import os from 'node:os';
import {loadGraphModel} from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import {backendInfo, type BlockSparseBackend, configure} from '../../src';
import {VARIANTS} from '../support/backends';
import {setThreads, startOnThreads, stopBackend} from '../support/network';
import {expectSameOutputs, outputOf, watchPrograms} from '../support/plannedModels';
import {compute, inputsFor, isDynamic, readModel, realGraphModels} from '../support/realModels';

const models = realGraphModels();

/** The inference that is the first to run as a program. */
const FIRST_PROGRAM = 3;

const backend = () => tf.backend() as BlockSparseBackend;

describe.each(VARIANTS)('every real graph model, on the kernels of %s,', (variant) => {
  beforeAll(async () => {
    // So many threads are awake at once then.
    jest.spyOn(os, 'availableParallelism').mockReturnValue(8);
    await startOnThreads(3, {variant});
  });
  afterAll(async () => {
    jest.restoreAllMocks();
    configure({regions: true});
    await stopBackend();
  });

  it.each(models)('%s gives the bits that it gives without regions, and leaves nothing behind', async (_name, path) => {
    const artifacts = readModel(path);
    const dynamic = isDynamic(artifacts);
    const start = tf.memory();
    const model = await loadGraphModel(tf.io.fromMemory(artifacts));
    const inputs = inputsFor(model);
    const run = async () => {
      const results = await compute(model, inputs, dynamic);
      const outputs = results.map(outputOf);
      tf.dispose(results);
      return outputs;
    };
    configure({regions: false});
    const expected = await run();
    configure({regions: true});
    const watch = watchPrograms();
    const held = () => {
      const {numTensors, numBytes, numDataBuffers} = tf.memory();
      const {packedBytes, scratchBytes, droppedBytes} = backendInfo();
      const {byteLength} = backend().heap.memory.buffer;
      return {numTensors, numBytes, numDataBuffers, packedBytes, scratchBytes, droppedBytes, byteLength};
    };
    // Dynamic ones take seconds, and run as ever.
    const {rounds, inferences} = dynamic ? {rounds: [3], inferences: 1} : {rounds: [1, 3], inferences: 5};
    for (const threads of rounds) {
      await setThreads(threads);
      const planned = watch.runs;
      let before = held();
      for (let i = 1; i <= inferences; i++) {
        expectSameOutputs(await run(), expected, `inference ${i} on ${threads} threads`);
        if (i === FIRST_PROGRAM) before = held();
      }
      if (!dynamic) expect(held()).toEqual(before);
      expect(watch.runs - planned).toBe(dynamic ? 0 : inferences - FIRST_PROGRAM + 1);
    }
    if (!dynamic) expect(watch.obstacles).toEqual([]);
    watch.end();
    tf.dispose(inputs);
    model.dispose();
    expect(tf.memory()).toMatchObject({numTensors: start.numTensors, numBytes: start.numBytes});
    expect(backendInfo()).toMatchObject({packedBytes: 0, packedFilters: 0});
    expect(backend().programs).toBe(0);
    expect(backend().workspace.bytes).toBe(0);
  });
});
