import * as tf from '@tensorflow/tfjs-core';
import {configure} from '../../src';
import {useVariant, VARIANTS} from '../support/backends';
import {compareBackends, expectSame, firstDifference, oddFloats} from '../support/elementwise';
import {randomNumbers} from '../support/random';

type Op = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;

const {fround} = Math;

/** Each operation by its definition; all are exact but for one rounding. */
const OPS: Record<string, [Op, (a: number, b: number) => number]> = {
  add: [tf.add, (a, b) => fround(a + b)],
  sub: [tf.sub, (a, b) => fround(a - b)],
  mul: [tf.mul, (a, b) => fround(a * b)],
  div: [tf.div, (a, b) => fround(a / b)],
  maximum: [tf.maximum, (a, b) => (a < b ? b : a)],
  minimum: [tf.minimum, (a, b) => (b < a ? b : a)],
  equal: [tf.equal, (a, b) => Number(a === b)],
  lessEqual: [tf.lessEqual, (a, b) => Number(a <= b)],
};

/** Few different values, so that some are equal. */
function floats(shape: number[], seed: number): Float32Array {
  const random = randomNumbers(seed);
  return Float32Array.from({length: tf.util.sizeFromShape(shape)}, () => Math.round(random() * 40 - 20) / 7);
}

/** The operation value by value, shapes broadcast by their definition. */
function reference(
  op: (a: number, b: number) => number,
  a: Float32Array,
  aShape: number[],
  b: Float32Array,
  bShape: number[],
): number[] {
  const shape = tf.broadcast_util.assertAndGetBroadcastShape(aShape, bShape);
  // Steps in each operand along each dimension of the output, 0 where it is repeated.
  const stepsIn = (operand: number[]) => {
    const padded = [...Array<number>(shape.length - operand.length).fill(1), ...operand];
    const strides = [...tf.util.computeStrides(padded), 1];
    return padded.map((size, axis) => (size === 1 ? 0 : strides[axis]));
  };
  const aSteps = stepsIn(aShape);
  const bSteps = stepsIn(bShape);
  const out: number[] = [];
  const fill = (axis: number, ai: number, bi: number) => {
    if (axis === shape.length) {
      out.push(op(a[ai], b[bi]));
      return;
    }
    for (let i = 0; i < shape[axis]; i++) fill(axis + 1, ai + i * aSteps[axis], bi + i * bSteps[axis]);
  };
  fill(0, 0, 0);
  return out;
}

const TAKEN: [string, number[], number[]][] = [
  ['one element', [1], [1]],
  ['equal shapes, a tail', [5, 7], [5, 7]],
  ['equal shapes, no tail', [2, 4, 8], [2, 4, 8]],
  ['equal shapes of rank 5', [2, 3, 4, 5, 6], [2, 3, 4, 5, 6]],
  ['one more than a span', [1025], [1025]],
  ['equal shapes, large', [1, 61, 67, 13], [1, 61, 67, 13]],
  ['equal sizes, other ranks', [1, 128, 128, 1], [128, 128, 1]],
  ['a scalar', [2, 3, 5], []],
  ['scalars', [], []],
  ['a number of rank 4', [7], [1, 1, 1, 1]],
  ['a scalar, large', [1, 70, 70, 9], [1]],
  ['rows of 1', [2, 3, 1], [1, 1, 1]],
  ['rows of 3', [2, 3, 5, 3], [3]],
  ['rows of 3, large', [2, 70, 50, 3], [3]],
  ['rows of 7', [2, 3, 5, 7], [1, 7]],
  ['rows of 24, large', [1, 33, 31, 24], [1, 1, 24]],
  ['rows of 63, large', [1, 40, 13, 63], [1, 1, 1, 63]],
  ['rows of 64, large', [1, 40, 13, 64], [64]],
  ['rows of 130, large', [2, 20, 13, 130], [1, 1, 1, 130]],
  ['rows longer than a span', [5, 3, 1500], [1500]],
  ['rows of several dimensions', [3, 4, 5, 6], [5, 6]],
  ['a row an image', [3, 16, 17, 3], [3, 1, 1, 3]],
  ['a row an image, large', [3, 16, 17, 40], [3, 1, 1, 40]],
  ['a long row an image', [2, 9, 9, 300], [2, 1, 1, 300]],
  ['a number an image', [5, 1, 300], [5, 1, 1]],
  ['a number an image, large', [7, 71, 41], [7, 1, 1]],
];

const STOCKS: [string, number[], number[]][] = [
  ['both are repeated', [3, 1], [1, 4]],
  ['repeated along two dimensions apart', [2, 3, 4, 5], [2, 1, 4, 1]],
  ['many short repetitions', [2, 5, 1], [2, 5, 3]],
  ['empty', [0, 3], [3]],
  ['empty, equal shapes', [2, 0], [2, 0]],
];

describe.each(VARIANTS)('binary operations, %s', (variant) => {
  beforeAll(() => {
    configure({threads: 3});
    return useVariant(variant);
  });
  afterAll(() => configure({threads: 'auto'}));

  describe.each(Object.keys(OPS))('%s', (name) => {
    const [op, definition] = OPS[name];

    it.each(TAKEN)('runs on ours, either way round: %s', async (_, large, small) => {
      for (const [aShape, bShape] of [
        [large, small],
        [small, large],
      ]) {
        const a = floats(aShape, 1);
        const b = floats(bShape, 2);
        const result = await compareBackends(() => op(tf.tensor(a, aShape), tf.tensor(b, bShape)));
        expect(result.taken).toBe(true);
        expectSame(result);
        expect(firstDifference(result.ours.values, reference(definition, a, aShape, b, bShape))).toBe(-1);
      }
    });

    it.each(STOCKS)('runs on stock: %s', async (_, aShape, bShape) => {
      const run = () => op(tf.tensor(floats(aShape, 1), aShape), tf.tensor(floats(bShape, 2), bShape));
      const result = await compareBackends(run);
      expect(result.taken).toBe(false);
      expectSame(result);
    });

    it.each(['int32', 'bool'] as const)('runs on stock for %s', async (dtype) => {
      const run = () => op(tf.cast(tf.tensor1d([1, 0, 3, 4]), dtype), tf.cast(tf.tensor1d([1, 2, 5, 4]), dtype));
      const result = await compareBackends(run);
      expect(result.taken).toBe(false);
      expectSame(result);
    });

    it('has the same bits for a tensor and itself', async () => {
      const result = await compareBackends(() => {
        const x = tf.tensor(floats([3, 11], 1), [3, 11]);
        return op(x, x);
      });
      expectSame(result);
    });

    it('treats NaN, infinities, zeros and denormals as stock does', async () => {
      const odd = oddFloats();
      const n = odd.length;
      const a = Float32Array.from({length: n * n}, (_, i) => odd[Math.floor(i / n)]);
      const b = Float32Array.from({length: n * n}, (_, i) => odd[i % n]);
      const pairs = await compareBackends(() => op(tf.tensor1d(a), tf.tensor1d(b)));
      expectSame(pairs);
      expect(firstDifference(pairs.ours.values, reference(definition, a, [n * n], b, [n * n]))).toBe(-1);
      for (const value of odd) {
        expectSame(await compareBackends(() => op(tf.tensor1d(odd), tf.scalar(value))));
        expectSame(await compareBackends(() => op(tf.scalar(value), tf.tensor1d(odd))));
      }
    });
  });

  it('refuses shapes that do not fit, as stock does', () => {
    expect(() => tf.add(tf.zeros([2, 3]), tf.zeros([2, 4]))).toThrow(/could not be broadcast/);
  });

  describe('addN', () => {
    const tensors = (shape: number[], count: number) =>
      Array.from({length: count}, (_, i) => tf.tensor(floats(shape, i), shape));

    it.each([
      [[1], 2],
      [[3, 5], 3],
      [[1, 8, 8, 4], 2],
      [[1, 67, 61, 13], 2],
      [[1, 67, 61, 13], 4],
      [[1025], 48],
    ])('runs on ours for %j, %i times', async (shape, count) => {
      const result = await compareBackends(() => tf.addN(tensors(shape, count)));
      expect(result.taken).toBe(true);
      expectSame(result);
      const all = Array.from({length: count}, (_, i) => floats(shape, i));
      const sum = all[0].map((_, i) => all.reduce((total, values) => fround(total + values[i]), 0));
      expect(firstDifference(result.ours.values, sum)).toBe(-1);
    });

    it.each([
      ['one tensor', () => tf.addN([tf.tensor1d([-0, 1])])],
      ['49 tensors', () => tf.addN(tensors([7], 49))],
      ['integers', () => tf.addN([tf.tensor1d([1, 2], 'int32'), tf.tensor1d([3, 4], 'int32')])],
      ['empty tensors', () => tf.addN(tensors([0, 2], 2))],
    ])('runs on stock for %s', async (_, run) => {
      const result = await compareBackends(run);
      expect(result.taken).toBe(false);
      expectSame(result);
    });

    it('treats NaN, infinities and zeros as stock does', async () => {
      const odd = oddFloats();
      for (const value of odd) {
        const others = () => tf.fill([odd.length], value);
        expectSame(await compareBackends(() => tf.addN([tf.tensor1d(odd), others()])));
        expectSame(await compareBackends(() => tf.addN([others(), tf.tensor1d(odd), others()])));
      }
    });
  });
});
