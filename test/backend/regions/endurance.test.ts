import os from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import {backendInfo, type BlockSparseBackend} from '../../../src';
import {ConvGraphBuilder} from '../../graph/convGraphs';
import {watchAllocations} from '../../support/allocations';
import {VARIANTS} from '../../support/backends';
import {setThreads, startOnThreads, stopBackend} from '../../support/network';
import {expectSameOutputs, infer, load, plannedNetwork, randomTensor, watchPrograms} from '../../support/plannedModels';

const INFERENCES = 1000;

const backend = () => tf.backend() as BlockSparseBackend;

/** A chain of convolutions through strips, large enough for several threads, a call of stock's kernel, and a region after it. */
function chained(): tf.io.ModelArtifacts {
  const graph = new ConvGraphBuilder(3);
  const x = graph.input('x', [1, 64, 64, 8]);
  const a = graph.conv('a', x, {out: 48, fused: ['BiasAdd', 'Relu6']});
  const b = graph.depthwise('b', a, {fused: ['BiasAdd', 'Relu6'], stride: 2});
  const c = graph.conv('c', b, {out: 16, fused: ['BiasAdd']});
  graph.add('t', 'Tanh', [c], {}, 16);
  graph.add('y', 'AddV2', ['t', c], {}, 16);
  return graph.artifacts(['y', 'c']);
}

const MODELS = [
  ['of small layers, with a call of stock at the end', () => plannedNetwork().artifacts(['y', 'sum']), [1, 8, 8, 6]],
  ['with a chain, and a call between regions', chained, [1, 64, 64, 8]],
] as const;

describe.each(VARIANTS)(`${INFERENCES} planned inferences, %s`, (variant) => {
  beforeAll(async () => {
    // So many threads are awake at once then.
    jest.spyOn(os, 'availableParallelism').mockReturnValue(8);
    await startOnThreads(2, {variant});
  });
  afterAll(async () => {
    jest.restoreAllMocks();
    await stopBackend();
  });

  describe.each(MODELS)('%s', (_, artifacts, shape) => {
    it.each([1, 2])('on %i threads make no tensor but their outputs and leave the heap as it is', async (threads) => {
      await setThreads(threads);
      const model = load(artifacts());
      const x = randomTensor(1, [...shape]);
      const watch = watchPrograms();
      const expected = infer(model, {x});
      for (let i = 0; i < 3; i++) infer(model, {x});
      expect(watch.runs).toBe(2);
      expect(watch.steps).toContain('Tanh');
      watch.end();

      const allocated = watchAllocations();
      const held = () => {
        const {numTensors, numDataBuffers, numBytes} = tf.memory();
        return {
          ...{numTensors, numDataBuffers, numBytes, dataIds: backend().numDataIds(), info: backendInfo()},
          heapBytes: backend().heap.memory.buffer.byteLength,
          allocations: allocated.size,
          programs: backend().programs,
        };
      };
      const outputs = model.execute({x}) as tf.Tensor[];
      expect(allocated.size).toBe(outputs.length);
      tf.dispose(outputs);
      const before = held();
      const firstId = nextTensorId();
      for (let done = 0; done < INFERENCES; done += INFERENCES / 4) {
        for (let i = 1; i < INFERENCES / 4; i++) tf.dispose(model.execute({x}));
        expectSameOutputs(infer(model, {x}), expected);
        expect(held()).toEqual(before);
      }
      expect(nextTensorId() - firstId - 1).toBe(INFERENCES * expected.length);
      model.dispose();
      x.dispose();
    });
  });
});

/** Tensors are numbered in the order in which they are made. */
function nextTensorId(): number {
  const tensor = tf.scalar(0);
  tensor.dispose();
  return tensor.id;
}
