import * as tf from '@tensorflow/tfjs-core';
import {Job} from '../../kernels/task';
import {VARIANTS} from '../support/backends';
import {COPIED_TYPES, placeOf, referenceOf, valuesOf} from '../support/copies';
import {onBackends, sameBits, useThreads} from '../support/onBackends';

type Masks = [begin?: number, end?: number, ellipsis?: number, newAxis?: number, shrink?: number];

/** Shape, begin, end, masks, and what Python gives: the shape, and where the box begins in x. */
const CASES: [number[], number[], number[], Masks, number[], number[], box?: number[]][] = [
  [[9], [2], [7], [], [5], [2]],
  [
    [1, 100, 4],
    [0, 0, 1],
    [0, 0, 2],
    [3, 3],
    [1, 100, 1],
    [0, 0, 1],
  ],
  [
    [1, 100, 4],
    [0, 0, 3],
    [0, 0, 4],
    [3, 3, 0, 0, 4],
    [1, 100],
    [0, 0, 3],
    [1, 100, 1],
  ],
  [[5, 6, 7], [-3, 1, -7], [-1, 4, 5], [], [2, 3, 5], [2, 1, 0]],
  [[5, 6, 7], [1], [3], [], [2, 6, 7], [1, 0, 0]],
  [
    [5, 6, 7],
    [0, 2],
    [0, 4],
    [0, 0, 1],
    [5, 6, 2],
    [0, 0, 2],
  ],
  [
    [5, 6],
    [1, 0, 2],
    [4, 0, 6],
    [0, 0, 0, 2],
    [3, 1, 4],
    [1, 2],
    [3, 4],
  ],
  [
    [3, 40, 41, 24],
    [0, 3, 5, 8],
    [0, 37, 39, 16],
    [1, 1],
    [3, 34, 34, 8],
    [0, 3, 5, 8],
  ],
  [[2, 3, 4, 5, 6], [1, 1, 1, 1, 1], [2, 3, 3, 5, 6], [], [1, 2, 2, 4, 5], [1, 1, 1, 1, 1]],
  [[4, 300, 300], [0, 10, 20], [4, 290, 280], [], [4, 280, 260], [0, 10, 20]],
  [[7, 5], [6, 0], [7, 5], [0, 0, 0, 0, 1], [5], [6, 0], [1, 5]],
];

describe.each(VARIANTS)('stridedSlice on the %s kernels', (variant) => {
  beforeAll(() => useThreads(variant));

  const slice = (x: tf.Tensor, begin: number[], end: number[], masks: Masks, strides = begin.map(() => 1)) =>
    tf.stridedSlice(x, begin, end, strides, ...masks);

  describe.each(COPIED_TYPES)('%s', (dtype) => {
    it.each(CASES)("of %j from %j to %j, masks %j, is the reference's and stock's", async (...args) => {
      const [shape, begin, end, masks, outShape, from, box = outShape] = args;
      const x = valuesOf(shape, 3, dtype);
      const {ours, stock, jobs} = await onBackends(() => slice(tf.tensor(x, shape, dtype), begin, end, masks));
      expect(jobs).toEqual([Job.slice]);
      expect(ours.shapes).toEqual([outShape]);
      expect(sameBits(ours.values, stock.values)).toBe(true);
      const expected = referenceOf(
        dtype,
        box,
        (at) =>
          x[
            placeOf(
              shape,
              at.map((place, i) => place + from[i]),
            )
          ],
      );
      expect(sameBits(ours.values, [expected])).toBe(true);
    });
  });

  it.each([
    ['all of x', () => slice(tf.ones([3, 4]), [0, 0], [3, 4], [])],
    ['steps', () => slice(tf.range(0, 20), [1], [19], [], [3])],
    ['steps back', () => slice(tf.range(0, 20), [19], [3], [], [-2])],
    ['nothing', () => slice(tf.ones([3, 4]), [2, 0], [2, 4], [])],
    ['bools', () => slice(tf.ones([3, 4], 'bool'), [1, 0], [2, 4], [])],
  ] as const)("leaves %s to stock's kernel", async (_, run) => {
    const {ours, stock, jobs} = await onBackends(run);
    expect(jobs).toEqual([]);
    expect(ours).toEqual(stock);
  });
});
