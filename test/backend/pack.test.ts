import * as tf from '@tensorflow/tfjs-core';
import {Job} from '../../kernels/task';
import {VARIANTS} from '../support/backends';
import {COPIED_TYPES, placeOf, referenceOf, valuesOf} from '../support/copies';
import {onBackends, sameBits, useThreads} from '../support/onBackends';

describe.each(VARIANTS)('on the %s kernels', (variant) => {
  beforeAll(() => useThreads(variant));

  describe.each(COPIED_TYPES)('of %s', (dtype) => {
    it.each([
      [[], 2, 0],
      [[], 16, 0],
      [[1], 2, 1],
      [[5], 3, 0],
      [[5], 3, 1],
      [[2, 3], 4, -1],
      [[2, 3], 4, -3],
      [[3, 4, 5], 2, 1],
      [[20, 20, 3], 2, 2],
      [[2, 3, 4, 5], 3, 3],
      [[1, 2, 1, 2, 3], 2, 2],
      [[40_001], 2, 0],
      [[3, 10_001], 3, 1],
      [[100, 150], 2, 2],
    ])(
      'tensors of shape %j, %i of them, are packed along %i as by the reference and by stock',
      async (shape, n, axis) => {
        const inputs = Array.from({length: n}, (_, i) => valuesOf(shape, i + 1, dtype));
        const {ours, stock, jobs} = await onBackends(() =>
          tf.stack(
            inputs.map((values) => tf.tensor(values, shape, dtype)),
            axis,
          ),
        );
        const at = axis < 0 ? axis + shape.length + 1 : axis;
        const outShape = [...shape.slice(0, at), n, ...shape.slice(at)];
        const expected = referenceOf(dtype, outShape, (coordinates) => {
          const [input] = coordinates.splice(at, 1);
          return inputs[input][placeOf(shape, coordinates)];
        });
        expect(jobs).toEqual([Job.concat]);
        expect(ours.shapes).toEqual([outShape]);
        expect(sameBits(ours.values, [expected])).toBe(true);
        expect(sameBits(ours.values, stock.values)).toBe(true);
      },
    );

    it.each([
      [[1], 0],
      [[7], 0],
      [[4, 6], 0],
      [[4, 6], 1],
      [[3, 1], 1],
      [[3, 4, 5], -2],
      [[3, 4, 5], -3],
      [[300, 4], 1],
      [[2, 3, 4, 5], 2],
      [[2, 3, 1, 3, 4], 3],
      [[2, 40_001], 0],
      [[3, 2, 10_001], 1],
      [[9000, 3], 1],
    ])('%j is unpacked along %i as by the reference and by stock', async (shape, axis) => {
      const x = valuesOf(shape, 1, dtype);
      const {ours, stock, jobs} = await onBackends(() => tf.unstack(tf.tensor(x, shape, dtype), axis));
      const at = axis < 0 ? axis + shape.length : axis;
      const outShape = [...shape.slice(0, at), ...shape.slice(at + 1)];
      const expected = Array.from({length: shape[at]}, (_, part) =>
        referenceOf(dtype, outShape, (coordinates) => {
          coordinates.splice(at, 0, part);
          return x[placeOf(shape, coordinates)];
        }),
      );
      expect(jobs).toEqual(expected.map(() => Job.slice));
      expect(ours.shapes).toEqual(expected.map(() => outShape));
      expect(sameBits(ours.values, expected)).toBe(true);
      expect(sameBits(ours.values, stock.values)).toBe(true);
    });
  });

  it.each([
    ['packs of booleans', () => tf.stack([tf.ones([3], 'bool'), tf.zeros([3], 'bool')])],
    ['packs of one tensor', () => tf.stack([tf.ones([2, 3])], 1)],
    [
      'packs of more tensors than a record has room for',
      () => tf.stack(Array.from({length: 17}, (_, i) => tf.fill([2], i))),
    ],
    ['packs of empty tensors', () => tf.stack([tf.ones([2, 0]), tf.zeros([2, 0])])],
    ['booleans to unpack', () => tf.unstack(tf.tensor2d([1, 0, 1, 1], [2, 2], 'bool'), 1)],
    ['empty tensors to unpack', () => tf.unstack(tf.ones([2, 0]))],
    ['tensors to unpack into none', () => tf.unstack(tf.ones([2, 0]), 1)],
  ] as const)("leaves to stock's kernel: %s", async (_, run) => {
    const {ours, stock, jobs} = await onBackends(run);
    expect(jobs).toEqual([]);
    expect(ours.values).toEqual(stock.values);
  });

  it.each([
    ['shapes', () => tf.stack([tf.ones([2, 3]), tf.ones([3, 2])]), /matching shapes/],
    ['types', () => tf.stack([tf.ones([2]), tf.ones([2], 'int32')]), /matching dtypes/],
  ] as const)('packing gives the error of tfjs for tensors of different %s', (_, run, message) => {
    expect(run).toThrow(message);
  });
});
