import * as tf from '@tensorflow/tfjs-core';
import {backendInfo, configure} from '../../src';
import {OURS, useVariant, VARIANTS} from '../support/backends';
import {ACTIVATIONS, convCase, type ConvCase, referenceCase, runCase} from '../support/convCase';
import {sameBits, useThreads} from '../support/onBackends';
import {randomFloats} from '../support/random';
import {maxDifference} from '../support/reference';
import {type ConvShape, convShapes} from '../support/shapes';

function depthwiseCase(shape: ConvShape, index: number): ConvCase {
  const makeFilter = (random: () => number) =>
    randomFloats(shape.k[0] * shape.k[1] * shape.cout, random).map((w) => 3 * w);
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

  it('takes strides and dilations together, which tf.depthwiseConv2d refuses', () => {
    const shape = {...convShapes('depthwiseEdge')[0], stride: [2, 3], dilation: [3, 2], size: [11, 13]} as ConvShape;
    const test = {...depthwiseCase(shape, 0), slopes: new Float32Array(1)};
    const x = tf.tensor4d(test.x, [shape.batch, ...shape.size, shape.cin]);
    const filter = tf.tensor4d(test.filter, [...shape.k, shape.cin, 1]);
    const attrs = {strides: shape.stride, dilations: shape.dilation, pad: 'same'};
    const out = tf.engine().runKernel('DepthwiseConv2dNative', {x, filter}, attrs) as tf.Tensor;
    expect(maxDifference(out.dataSync(), referenceCase(test))).toBeLessThan(1e-5);
    tf.dispose([x, filter, out]);
  });

  it('gives NaN and infinities to the pixels that they reach, and to no others', async () => {
    for (const k of [3, 4, 7]) {
      const shape = {...convShapes('depthwiseEdge')[0], k: [k, k], cin: 5, cout: 5, size: [12, 13]} as ConvShape;
      const test = depthwiseCase(shape, 0);
      [test.x[0], test.x[77], test.x[400]] = [NaN, Infinity, -Infinity];
      const ours = runCase(test);
      await tf.setBackend('wasm');
      const stock = runCase(test);
      await tf.setBackend(OURS);
      expect(maxDifference(ours, stock)).toBeLessThan(1e-5);
    }
  });

  it('gathers a filter again that was given another shape', () => {
    const x = tf.ones<tf.Rank.R4>([1, 4, 4, 20]);
    const narrow = tf.ones<tf.Rank.R4>([1, 4, 4, 10]);
    const filter = tf.tensor4d([...Array(40).keys()], [2, 2, 10, 1]);
    const reshaped = tf.reshape<tf.Rank.R4>(filter, [1, 2, 20, 1]);
    const sums = () => [
      tf.depthwiseConv2d(narrow, filter, 1, 'valid').dataSync()[9],
      tf.depthwiseConv2d(x, reshaped, 1, 'valid').dataSync()[9],
    ];
    expect(tf.tidy(sums)).toEqual([9 + 19 + 29 + 39, 9 + 29]);
    tf.dispose([x, narrow, filter, reshaped]);
  });

  it("runs stock's kernel where all layers are told to", () => {
    configure({path: {kind: 'stock'}});
    const test = depthwiseCase(convShapes('depthwiseEdge')[0], 2);
    const stock = runCase(test);
    configure({path: 'auto'});
    expect(maxDifference(runCase(test), stock)).toBeLessThan(1e-5);
  });

  describe('on threads', () => {
    beforeAll(() => useThreads(variant));

    it.each([...convShapes('depthwiseBench'), ...convShapes('depthwiseThreads')])(
      'gives the same bits on one and on three for $name',
      (shape) => {
        const test = depthwiseCase(shape, 3); // prelu
        expect(backendInfo().threads).toBe(3);
        const threaded = runCase(test);
        configure({threads: 1});
        const alone = runCase(test);
        configure({threads: 3});
        expect(sameBits([threaded], [alone])).toBe(true);
        expect(maxDifference(alone, referenceCase(test))).toBeLessThan(2e-5);
      },
    );
  });
});
