import * as tf from '@tensorflow/tfjs-core';
import {backendInfo, configure} from '../../src';
import {OURS, useVariant, VARIANTS} from '../support/backends';
import {ACTIVATIONS, convCase, type ConvCase, referenceCase, runCase} from '../support/convCase';
import {randomFloats} from '../support/random';
import {maxDifference} from '../support/reference';
import {type ConvShape, convShapes} from '../support/shapes';

function depthwiseCase(shape: ConvShape, index: number): ConvCase {
  const makeFilter = (random: () => number) =>
    randomFloats(shape.k[0] * shape.k[1] * shape.cin, random).map((w) => 3 * w);
  return convCase(shape, index, makeFilter, true);
}

describe.each(VARIANTS)('depthwise convolution on the %s kernels', (variant) => {
  beforeAll(() => useVariant(variant));
  afterEach(() => configure({path: 'auto'}));

  describe.each(convShapes('depthwiseEdge'))('$name', (shape) => {
    it.each(ACTIVATIONS.map((activation, i) => [activation, i] as const))(
      "gives the reference's result, %s",
      (_, i) => {
        const test = depthwiseCase(shape, i);
        const expected = referenceCase(test);
        const before = tf.memory().numDataBuffers;
        expect(maxDifference(runCase(test), expected)).toBeLessThan(1e-5);
        expect(tf.memory().numDataBuffers).toBe(before);
      },
    );

    it('gives what stock wasm gives', async () => {
      const test = depthwiseCase(shape, 2); // relu6 and a bias
      const ours = runCase(test);
      await tf.setBackend('wasm');
      const stock = runCase(test);
      await tf.setBackend(OURS);
      expect(maxDifference(ours, stock)).toBeLessThan(1e-5);
    });
  });

  it.each(convShapes('depthwiseBench'))("gives stock's result for the benchmark's $name", async (shape) => {
    const test = depthwiseCase(shape, 2);
    const ours = runCase(test);
    await tf.setBackend('wasm');
    const stock = runCase(test);
    await tf.setBackend(OURS);
    expect(maxDifference(ours, stock)).toBeLessThan(1e-5);
  });

  it('gathers a filter again where its bias or its shape is another, and frees it with the tensor', () => {
    const before = backendInfo().packedBytes;
    const x = tf.ones<tf.Rank.R4>([1, 4, 4, 6]);
    const filter = tf.ones<tf.Rank.R4>([3, 3, 6, 1]);
    const biases = [tf.fill([6], 1), tf.fill([6], 2)];
    const run = (bias?: tf.Tensor) =>
      tf.tidy(() => tf.fused.depthwiseConv2d({x, filter, strides: 1, pad: 'valid', bias}).dataSync()[5]);
    expect([run(biases[0]), run(biases[1]), run(biases[0]), run(), run(biases[1])]).toEqual([10, 11, 10, 9, 11]);
    biases[1].dispose();
    biases[1] = tf.fill([6], 3);
    expect(run(biases[1])).toBe(12);
    expect(backendInfo().packedBytes).toBe(before + 4 * 10 * 8);
    tf.dispose([x, filter, biases]);
    expect(backendInfo().packedBytes).toBe(before);
  });

  it("leaves a channel multiplier to stock's kernel", () => {
    const x = tf.ones<tf.Rank.R4>([1, 4, 4, 4]);
    const out = tf.depthwiseConv2d(x, tf.ones([3, 3, 4, 2]), 1, 'valid');
    expect(out.shape).toEqual([1, 2, 2, 8]);
    expect([...out.dataSync()]).toEqual(Array.from({length: 32}, () => 9));
  });

  it("runs stock's kernel where all layers are told to", () => {
    configure({path: {kind: 'stock'}});
    const test = depthwiseCase(convShapes('depthwiseEdge')[0], 2);
    const stock = runCase(test);
    configure({path: 'auto'});
    expect(maxDifference(runCase(test), stock)).toBeLessThan(1e-5);
  });
});
