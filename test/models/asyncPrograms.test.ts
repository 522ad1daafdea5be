import {loadGraphModel} from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import {configure} from '../../src';
import type {BlockSparseBackend} from '../../src/backend';
import {OURS, useVariant} from '../support/backends';
import {compute, inputsFor, isDynamic, readModel, realGraphModels} from '../support/realModels';

const models = realGraphModels().filter(([, path]) => isDynamic(readModel(path)));

describe('a real model with control flow', () => {
  beforeAll(() => useVariant('relaxed'));

  it.each(models)('%s computes the same bits by a program for its convolutions, and leaks nothing', async (_, path) => {
    await tf.setBackend(OURS);
    const none = tf.memory().numTensors;
    const model = await loadGraphModel(tf.io.fromMemory(readModel(path)));
    const inputs = inputsFor(model);
    const run = async () => {
      const kernels = jest.spyOn(tf.engine(), 'runKernel');
      const outputs = await compute(model, inputs, true);
      const convolutions = kernels.mock.calls.filter(([name]) => name.includes('Conv')).length;
      kernels.mockRestore();
      const values = outputs.map((output) => output.dataSync());
      tf.dispose(outputs);
      return {values, convolutions};
    };
    configure({regions: false});
    const expected = await run();
    configure({regions: true});
    expect(expected.convolutions).toBeGreaterThan(20);
    const tensors: number[] = [];
    for (let i = 1; i <= 4; i++) {
      const {values, convolutions} = await run();
      values.forEach((output, j) => expect(Buffer.compare(bytesOf(output), bytesOf(expected.values[j]))).toBe(0));
      expect(convolutions).toBe(i <= 2 ? expected.convolutions : 0);
      tensors.push(tf.memory().numTensors);
    }
    expect(tensors[3]).toBe(tensors[2]);
    for (const input of Object.values(inputs)) expect(input.isDisposed).toBe(false);
    tf.dispose(inputs);
    model.dispose();
    expect((tf.backend() as unknown as BlockSparseBackend).programs).toBe(0);
    expect(tf.memory().numTensors).toBe(none);
  });
});

function bytesOf({buffer, byteOffset, byteLength}: tf.TypedArray): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
