import * as tf from '@tensorflow/tfjs-core';
import {Job} from '../../kernels/task';
import {VARIANTS} from '../support/backends';
import {placeOf, referenceOf, sizeOf, valuesOf} from '../support/copies';
import {onBackends, sameBits, useThreads} from '../support/onBackends';

/** Concatenation value by value. */
function referenceConcat(shapes: readonly number[][], values: readonly Float32Array[], axis: number): number[] {
  const rows = sizeOf(shapes[0].slice(0, axis));
  const out: number[] = [];
  for (let row = 0; row < rows; row++) {
    shapes.forEach((shape, i) => {
      const floats = sizeOf(shape.slice(axis));
      out.push(...values[i].subarray(row * floats, (row + 1) * floats));
    });
  }
  return out;
}

describe.each(VARIANTS)('on the %s kernels', (variant) => {
  beforeAll(() => useThreads(variant));

  it.each([
    [[[1], [1]], 0],
    [[[3], [5], [1]], 0],
    [
      [
        [2, 3],
        [4, 3],
      ],
      0,
    ],
    [
      [
        [2, 3],
        [2, 4],
      ],
      -1,
    ],
    [
      [
        [1, 2254, 1],
        [1, 2254, 12],
      ],
      2,
    ],
    [
      [
        [1, 300, 12],
        [1, 7, 12],
        [1, 51, 12],
      ],
      1,
    ],
    [
      [
        [2, 3, 4, 5],
        [2, 1, 4, 5],
        [2, 8, 4, 5],
      ],
      1,
    ],
    [
      [
        [3, 2, 4, 1],
        [3, 2, 4, 6],
        [3, 2, 4, 17],
      ],
      3,
    ],
    [
      [
        [1, 40, 40, 64],
        [1, 40, 40, 64],
      ],
      3,
    ],
    [
      [
        [1, 60, 40, 33],
        [1, 3, 40, 33],
      ],
      1,
    ],
    [
      [
        [3, 20_001],
        [3, 5],
        [3, 9000],
      ],
      1,
    ],
    [
      [
        [1, 2, 1, 2, 3, 4],
        [1, 2, 5, 2, 3, 4],
      ],
      2,
    ],
    [Array.from({length: 16}, (_, i) => [5, i + 1]), 1],
  ] as [number[][], number][])("concat of %j along %i is the reference's and stock's", async (shapes, axis) => {
    const values = shapes.map((shape, i) => valuesOf(shape, i) as Float32Array);
    const {ours, stock, jobs} = await onBackends(() =>
      tf.concat(
        shapes.map((shape, i) => tf.tensor(values[i], shape)),
        axis,
      ),
    );
    expect(jobs).toEqual([Job.concat]);
    const expected = referenceConcat(shapes, values, axis < 0 ? axis + shapes[0].length : axis);
    expect(sameBits(ours.values, [Float32Array.from(expected)])).toBe(true);
    expect(sameBits(ours.values, stock.values)).toBe(true);
  });

  it.each([
    [
      'more tensors than a record has room for',
      () =>
        tf.concat(
          Array.from({length: 17}, (_, i) => tf.fill([2, 3], i)),
          1,
        ),
    ],
    ['an empty tensor', () => tf.concat([tf.ones([2, 3]), tf.ones([2, 0]), tf.zeros([2, 1])], 1)],
    ['integers and floats', () => tf.concat([tf.ones([2, 3], 'int32'), tf.fill([2, 1], 0.5)], 1)],
    ['booleans', () => tf.concat([tf.ones([3], 'bool'), tf.zeros([2], 'bool')])],
  ] as const)("concat leaves to stock's kernel: %s", async (_, run) => {
    const {ours, stock, jobs} = await onBackends(run);
    expect(jobs).toEqual([]);
    expect(ours.values).toEqual(stock.values);
  });

  it('integers are copied bit by bit', async () => {
    const x = valuesOf([3, 5], 1, 'int32');
    const y = valuesOf([3, 4], 2, 'int32');
    const joined = await onBackends(() => tf.concat([tf.tensor(x, [3, 5], 'int32'), tf.tensor(y, [3, 4], 'int32')], 1));
    expect(joined.jobs).toEqual([Job.concat]);
    const rows = [0, 1, 2].flatMap((row) => [...x.subarray(row * 5, row * 5 + 5), ...y.subarray(row * 4, row * 4 + 4)]);
    expect(joined.ours.values).toEqual([Int32Array.from(rows)]);
    expect(joined.stock.values).toEqual(joined.ours.values);
    const cut = await onBackends(() => tf.slice(tf.tensor(x, [3, 5], 'int32'), [0, 0], [2, 4]));
    expect(cut.jobs).toEqual([Job.slice]);
    expect(cut.ours.values).toEqual([Int32Array.from([...x.subarray(0, 4), ...x.subarray(5, 9)])]);
    expect(cut.stock.values).toEqual(cut.ours.values);
  });

  it('concat gives the error of tfjs for tensors that do not fit', () => {
    expect(() => tf.concat([tf.ones([2, 3]), tf.ones([3, 3])], 1)).toThrow(/does not match the shape of the rest/);
  });

  it.each([
    [[7], [2], [4]],
    [
      [4, 6],
      [1, 0],
      [2, 6],
    ],
    [
      [4, 6],
      [1, 2],
      [3, 3],
    ],
    [
      [1, 12_804, 8],
      [0, 0, 4],
      [1, 12_804, 2],
    ],
    [
      [1, 12_804, 8],
      [0, 0, 0],
      [1, 12_804, 4],
    ],
    [
      [3, 4, 5],
      [1, 1, 1],
      [2, 2, 3],
    ],
    [
      [3, 4, 5, 6],
      [0, 1, 2, 3],
      [3, 2, 2, 2],
    ],
    [
      [3, 4, 5, 6],
      [1, 0, 1, 0],
      [2, 4, 3, 6],
    ],
    [
      [3, 4, 5, 6],
      [1, 2, 0, 0],
      [1, 2, 5, 6],
    ],
    [
      [2, 80, 70, 9],
      [0, 3, 5, 0],
      [2, 70, 60, 9],
    ],
    [
      [1, 64, 64, 16],
      [0, 8, 0, 0],
      [1, 40, 64, 16],
    ],
    [
      [3, 90_000],
      [1, 17],
      [2, 70_001],
    ],
    [
      [2, 3, 2, 3, 4],
      [0, 1, 0, 1, 0],
      [2, 2, 2, 2, 4],
    ],
    [
      [1, 3, 1, 3, 4, 5],
      [0, 1, 0, 1, 0, 1],
      [1, 2, 1, 2, 4, 3],
    ],
  ])("slice of %j from %j, %j long, is the reference's and stock's", async (shape, begin, size) => {
    const x = valuesOf(shape, 1);
    const {ours, stock, jobs} = await onBackends(() => tf.slice(tf.tensor(x, shape), begin, size));
    expect(jobs).toEqual([Job.slice]);
    const expected = referenceOf(
      'float32',
      size,
      (coordinates) =>
        x[
          placeOf(
            shape,
            coordinates.map((c, i) => c + begin[i]),
          )
        ],
    );
    expect(sameBits(ours.values, [expected])).toBe(true);
    expect(sameBits(ours.values, stock.values)).toBe(true);
  });

  it('slice takes sizes of -1 and leading axes alone', async () => {
    const x = valuesOf([5, 6, 7], 2);
    for (const [begin, size] of [
      [
        [1, 2, 3],
        [-1, 2, -1],
      ],
      [2, undefined],
      [1, 3],
    ] as [number[] | number, number[] | number | undefined][]) {
      const {ours, stock, jobs} = await onBackends(() => tf.slice(tf.tensor(x, [5, 6, 7]), begin, size));
      expect(jobs).toEqual([Job.slice]);
      expect(ours.values).toEqual(stock.values);
    }
  });

  it.each([
    ['slices that reach beyond a row', () => tf.slice(tf.reshape(tf.range(0, 12), [3, 4]), [0, 2], [2, 3])],
    ['booleans', () => tf.slice(tf.tensor2d([1, 0, 1, 1], [2, 2], 'bool'), [0, 1], [2, 1])],
    ['empty slices', () => tf.slice(tf.ones([3, 4]), [1, 1], [0, 2])],
    ['four axes of runs', () => tf.slice(tf.ones([3, 3, 3, 3, 3]), [0, 0, 1, 0, 1], [2, 2, 2, 2, 2])],
  ] as const)("slice leaves %s to stock's kernel", async (_, run) => {
    const {ours, stock, jobs} = await onBackends(run);
    expect(jobs).toEqual([]);
    expect(ours.values).toEqual(stock.values);
  });
});
