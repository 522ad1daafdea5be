import * as tf from '@tensorflow/tfjs-core';
import {Job} from '../../kernels/task';
import {VARIANTS} from '../support/backends';
import {COPIED_TYPES, placeOf, referenceOf, valuesOf} from '../support/copies';
import {onBackends, sameBits, useThreads} from '../support/onBackends';

describe.each(VARIANTS)('on the %s kernels', (variant) => {
  beforeAll(() => useThreads(variant));

  describe.each(COPIED_TYPES)('of %s', (dtype) => {
    it.each([
      {shape: [], reps: []},
      {shape: [1], reps: [1]},
      {shape: [1], reps: [5]},
      {shape: [7], reps: [3]},
      {shape: [4, 3], reps: [1, 1]},
      {shape: [4, 3], reps: [40, 1]},
      {shape: [4, 3], reps: [1, 5]},
      {shape: [4, 3], reps: [2, 3]},
      {shape: [1, 12, 1], reps: [1, 1, 7]},
      {shape: [1, 100, 4], reps: [1, 1, 21]},
      {shape: [3, 4, 5], reps: [2, 3, 1]},
      {shape: [1, 1, 5], reps: [4, 6, 2]},
      {shape: [2, 3, 4, 5], reps: [3, 1, 2, 1]},
      {shape: [1, 3, 4, 5], reps: [1, 3, 2, 1]},
      {shape: [2, 1, 2, 3, 1, 2], reps: [2, 1, 1, 1, 3, 1]},
      {shape: [40_001], reps: [3]},
      {shape: [2, 30_000], reps: [3, 2]},
      {shape: [300, 1], reps: [1, 400]},
      {shape: [1, 20, 30, 16], reps: [1, 5, 1, 4]},
    ])('$shape repeated $reps times is as by the reference and by stock', async ({shape, reps}) => {
      const x = valuesOf(shape, 1, dtype);
      const {ours, stock, jobs} = await onBackends(() => tf.tile(tf.tensor(x, shape, dtype), reps));
      const outShape = shape.map((size, i) => size * reps[i]);
      const expected = referenceOf(
        dtype,
        outShape,
        (coordinates) =>
          x[
            placeOf(
              shape,
              coordinates.map((c, i) => c % shape[i]),
            )
          ],
      );
      expect(jobs).toEqual([Job.slice]);
      expect(sameBits(ours.values, [expected])).toBe(true);
      expect(sameBits(ours.values, stock.values)).toBe(true);
    });
  });

  it.each([
    ['booleans', () => tf.tile(tf.tensor1d([1, 0, 1], 'bool'), [2])],
    ['empty tensors', () => tf.tile(tf.ones([2, 0]), [2, 3])],
    ['no repetition at all', () => tf.tile(tf.ones([2, 3]), [2, 0])],
    ['repetitions along three axes', () => tf.tile(tf.reshape(tf.range(0, 24), [2, 3, 4]), [2, 2, 2])],
  ] as const)("leaves %s to stock's kernel", async (_, run) => {
    const {ours, stock, jobs} = await onBackends(run);
    expect(jobs).toEqual([]);
    expect(ours.values).toEqual(stock.values);
  });
});
