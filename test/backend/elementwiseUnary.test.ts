import * as tf from '@tensorflow/tfjs-core';
import {configure} from '../../src';
import {useVariant, VARIANTS} from '../support/backends';
import {compareBackends, expectSame, oddFloats} from '../support/elementwise';
import {randomFloats, randomNumbers} from '../support/random';
import {activate, maxDifference} from '../support/reference';

type Op = (x: tf.Tensor) => tf.Tensor;

/** The operation, and its name and slope in the reference. */
const OPS: [string, Op, string, number][] = [
  ['relu', tf.relu, 'relu', 0],
  ['relu6', tf.relu6, 'relu6', 0],
  ['leakyRelu', (x) => tf.leakyRelu(x, 0.2), 'leakyrelu', Math.fround(0.2)],
  ['leakyRelu with a slope above 1', (x) => tf.leakyRelu(x, 1.5), 'leakyrelu', 1.5],
  ['leakyRelu with a negative slope', (x) => tf.leakyRelu(x, -2), 'leakyrelu', -2],
  ['sigmoid', tf.sigmoid, 'sigmoid', 0],
];

const SHAPES = [[], [1], [3], [5, 7], [1, 4, 4, 16], [1023], [2, 3, 4, 5, 6], [8191], [8192], [8193], [1, 61, 67, 13]];

function floats(shape: number[], scale: number, seed = 1): Float32Array {
  return randomFloats(tf.util.sizeFromShape(shape), randomNumbers(seed)).map((x) => x * scale);
}

describe.each(VARIANTS)('unary operations, %s', (variant) => {
  beforeAll(() => {
    configure({threads: 3});
    return useVariant(variant);
  });
  afterAll(() => configure({threads: 'auto'}));

  describe.each(OPS)('%s', (_, op, name, slope) => {
    it.each(SHAPES.map((shape) => [shape]))(
      'gives the reference for %j, on ours unless it is a short relu',
      async (shape) => {
        const x = floats(shape, 9);
        const result = await compareBackends(() => op(tf.tensor(x, shape)));
        expect(result.taken).toBe(!name.startsWith('relu') || x.length >= 8192);
        expectSame(result);
        const expected = Array.from(x, (value) => activate(value, name, slope));
        expect(maxDifference(result.ours.values, expected)).toBeLessThan(name === 'sigmoid' ? 4e-7 : 1e-6);
      },
    );

    it('treats NaN, infinities, zeros and denormals as stock does', async () => {
      const odd = oddFloats();
      const many = Float32Array.from({length: 8192 + odd.length}, (_, i) => odd[i % odd.length]);
      for (const x of [odd, many]) expectSame(await compareBackends(() => op(tf.tensor1d(x))));
    });

    it('runs on stock for an empty tensor', async () => {
      const result = await compareBackends(() => op(tf.zeros([2, 0])));
      expect(result.taken).toBe(false);
      expectSame(result);
    });
  });

  it.each([
    ['relu', tf.relu],
    ['relu6', tf.relu6],
    ['leakyRelu', (x: tf.Tensor) => tf.leakyRelu(x, 0.5)],
  ] as [string, Op][])('%s runs on stock for integers', async (_, op) => {
    const result = await compareBackends(() => op(tf.tensor1d([-3, 0, 4, 9], 'int32')));
    expect(result.taken).toBe(false);
    expectSame(result);
  });

  it.each([NaN, Infinity, -Infinity, 0, -0])('leakyRelu with the slope %f is as stock has it', async (slope) => {
    expectSame(await compareBackends(() => tf.leakyRelu(tf.tensor1d(oddFloats()), slope)));
  });

  describe('sigmoid', () => {
    it('is right over all of its range', async () => {
      const x = Float32Array.from({length: 40_001}, (_, i) => (i - 20_000) / 200);
      const {ours, stock} = await compareBackends(() => tf.sigmoid(tf.tensor1d(x)));
      const expected = Array.from(x, (value) => activate(value, 'sigmoid', 0));
      expect(maxDifference(ours.values, expected)).toBeLessThan(4e-7);
      expect(maxDifference(ours.values, stock.values)).toBe(0);
    });

    it('keeps its relative precision where it is small', async () => {
      const x = Float32Array.from({length: 8_000}, (_, i) => -i / 100 - 0.001);
      const {ours} = await compareBackends(() => tf.sigmoid(tf.tensor1d(x)));
      const worst = x.reduce((most, value, i) => {
        const expected = activate(value, 'sigmoid', 0);
        return Math.max(most, Math.abs(ours.values[i] - expected) / expected);
      }, 0);
      expect(worst).toBeLessThan(3e-7);
    });

    it.each([
      [100, 1],
      [-100, 0],
      [3e38, 1],
      [-3e38, 0],
      [Infinity, 1],
      [-Infinity, 0],
      [NaN, NaN],
      [0, 0.5],
      [-0, 0.5],
    ])('of %f is %f', async (x, expected) => {
      const {ours} = await compareBackends(() => tf.sigmoid(tf.scalar(x)));
      expect(ours.values[0]).toBe(expected);
    });
  });

  it.each(['conv2d', 'depthwiseConv2d'] as const)("follows a fused %s on ours, with stock's result", async (name) => {
    const x = floats([2, 9, 8, 8], 2);
    const filter = floats([3, 3, 8, name === 'conv2d' ? 8 : 1], 1, 2);
    const result = await compareBackends(() =>
      tf.fused[name]({
        x: tf.tensor4d(x, [2, 9, 8, 8]),
        filter: tf.tensor4d(filter, [3, 3, 8, name === 'conv2d' ? 8 : 1]),
        strides: 1,
        pad: 'same',
        activation: 'sigmoid',
      }),
    );
    expect(result.taken).toBe(true);
    expect(maxDifference(result.ours.values, result.stock.values)).toBeLessThan(1e-5);
  });

  describe('prelu', () => {
    it.each([
      [[1], [1]],
      [[2, 3, 5], []],
      [
        [1, 5, 7, 3],
        [1, 1, 3],
      ],
      [
        [2, 5, 7, 16],
        [1, 1, 16],
      ],
      [
        [2, 40, 41, 24],
        [1, 1, 24],
      ],
      [[1, 30, 31, 65], [65]],
      [
        [3, 4, 5],
        [4, 5],
      ],
      [
        [1, 61, 67, 13],
        [61, 67, 13],
      ],
      [
        [2, 3, 4],
        [2, 3, 4],
      ],
    ])('runs on ours for %j with slopes %j', async (shape, slopesShape) => {
      const x = floats(shape, 3);
      const slopes = floats(slopesShape, 1, 2);
      const result = await compareBackends(() => tf.prelu(tf.tensor(x, shape), tf.tensor(slopes, slopesShape)));
      expect(result.taken).toBe(true);
      expectSame(result);
      const expected = Array.from(x, (value, i) => activate(value, 'prelu', slopes[i % slopes.length]));
      expect(maxDifference(result.ours.values, expected)).toBeLessThan(3e-7);
    });

    it.each([
      [
        [2, 2],
        [2, 1],
      ],
      [[2], [1, 2]],
      [[0, 2], [2]],
    ])('runs on stock for %j with slopes %j', async (shape, slopesShape) => {
      const result = await compareBackends(() =>
        tf.prelu(tf.tensor(floats(shape, 3), shape), tf.tensor(floats(slopesShape, 1), slopesShape)),
      );
      expect(result.taken).toBe(false);
      expectSame(result);
    });

    it('treats NaN, infinities, zeros and denormals as stock does', async () => {
      const odd = oddFloats();
      for (const slope of odd) {
        expectSame(await compareBackends(() => tf.prelu(tf.tensor1d(odd), tf.tensor1d([slope]))));
      }
    });
  });
});
