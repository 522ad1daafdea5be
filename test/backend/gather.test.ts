import * as tf from '@tensorflow/tfjs-core';
import {valuesOf} from '../support/copies';
import {onBackends, sameBits, useThreads} from '../support/onBackends';

describe('GatherV2', () => {
  beforeAll(() => useThreads('relaxed'));

  describe.each(['float32', 'int32'] as const)('of %s', (dtype) => {
    it.each([
      {shape: [5, 16], indices: [4, 0, 0, 2], of: [4], axis: 0},
      {shape: [5, 16], indices: [3], of: [], axis: 0},
      {shape: [2, 7, 20], indices: [6, 1, 3, 3, 0, 5], of: [2, 3], axis: 1},
      {shape: [2, 7, 20], indices: [6, 1], of: [2], axis: -2},
      {shape: [3, 2, 7, 33], indices: [1, 0, 1], of: [3], axis: 1},
      {shape: [2, 7, 15], indices: [6, 0], of: [2], axis: 1},
      {shape: [4, 20], indices: [19, 0, 7], of: [3], axis: 1},
    ])('$shape at $indices of axis $axis is as by stock', async ({shape, indices, of, axis}) => {
      const x = valuesOf(shape, 1, dtype);
      const {ours, stock} = await onBackends(() =>
        tf.gather(tf.tensor(x, shape, dtype), tf.tensor(indices, of, 'int32'), axis),
      );
      expect(sameBits(ours.values, stock.values)).toBe(true);
    });
  });

  it("refuses an index that is out of range with stock's error", () => {
    const x = tf.zeros([4, 32]);
    expect(() => tf.gather(x, tf.tensor1d([4], 'int32'))).toThrow(/GatherV2: the index value 4 is not in \[0, 3\]/);
    x.dispose();
  });
});
