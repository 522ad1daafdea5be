import * as tf from '@tensorflow/tfjs-core';
import {Job} from '../../kernels/task';
import {VARIANTS} from '../support/backends';
import {onBackends, useThreads} from '../support/onBackends';
import {randomFloats, randomNumbers} from '../support/random';
import {maxDifference} from '../support/reference';

function reference(values: Float32Array, rowFloats: number): Float64Array {
  const out = new Float64Array(values.length);
  for (let first = 0; first < values.length; first += rowFloats) {
    const row = Array.from(values.subarray(first, first + rowFloats));
    const most = Math.max(...row);
    const exps = row.map((x) => Math.exp(x - most));
    const sum = exps.reduce((total, e) => total + e, 0);
    out.set(
      exps.map((e) => e / sum),
      first,
    );
  }
  return out;
}

const softmax = (values: Float32Array, shape: number[]) => onBackends(() => tf.softmax(tf.tensor(values, shape)));

const shapes = [
  ...[1, 2, 3, 4, 5, 7, 8, 1001].map((size) => [size]),
  [1, 1001],
  [7, 1],
  [2034, 2],
  [3, 5, 6],
  [2, 3, 4, 5, 3],
  [1, 19, 23, 21],
  [64, 1001],
  [8, 50, 50],
];

describe.each(VARIANTS)('softmax on the %s kernels', (variant) => {
  beforeAll(() => useThreads(variant));

  describe.each([1, 30, 1000])('of values to %i', (scale) => {
    it.each(shapes.map((shape) => [shape]))("gives the reference's and stock's result for %j", async (shape) => {
      const values = randomFloats(tf.util.sizeFromShape(shape), randomNumbers(1)).map((x) => x * scale);
      const {ours, stock, jobs} = await softmax(values, shape);
      expect(jobs).toEqual([Job.softmax]);
      expect(maxDifference(ours.values[0], reference(values, shape[shape.length - 1]))).toBeLessThan(5e-7);
      expect(maxDifference(ours.values[0], stock.values[0])).toBeLessThan(5e-7);
    });
  });

  it('keeps its relative precision where it is small', async () => {
    const values = Float32Array.from({length: 850}, (_, i) => -i / 10);
    const {ours} = await softmax(values, [850]);
    const expected = reference(values, 850);
    ours.values[0].forEach((y, i) => expect(Math.abs(y / expected[i] - 1)).toBeLessThan(5e-7));
  });

  it('is never denormal', async () => {
    const values = Float32Array.from({length: 400}, (_, i) => -i / 2);
    const {ours} = await softmax(values, [400]);
    expect([...ours.values[0]].every((y) => y === 0 || y >= 2 ** -126 / 3)).toBe(true);
    expect(ours.values[0][399]).toBe(0);
  });

  const [inf, max] = [Infinity, 3.4e38];
  it.each([
    [
      [0, -inf, 0],
      [0.5, 0, 0.5],
    ],
    [
      [-inf, 5, -inf, -inf, -inf],
      [0, 1, 0, 0, 0],
    ],
    [[-inf], [NaN]],
    [
      [-inf, -inf, -inf, -inf, -inf],
      [NaN, NaN, NaN, NaN, NaN],
    ],
    [
      [inf, 1, 2, 3, 4],
      [NaN, NaN, NaN, NaN, NaN],
    ],
    [
      [1, NaN, 2, 3],
      [NaN, NaN, NaN, NaN],
    ],
    [
      [1, 2, 3, 4, NaN],
      [NaN, NaN, NaN, NaN, NaN],
    ],
    [
      [NaN, NaN],
      [NaN, NaN],
    ],
    [
      [max, -max],
      [1, 0],
    ],
    [
      [-max, -max],
      [0.5, 0.5],
    ],
    [[-0], [1]],
  ])('of %j is %j, as stock has it', async (row, expected) => {
    // A row of plain values on either side is none of its business.
    const plain = row.map((_, i) => i % 2);
    const {ours, stock} = await softmax(Float32Array.from([...plain, ...row, ...plain]), [3, row.length]);
    expect([...ours.values[0]].slice(row.length, 2 * row.length)).toEqual(expected);
    expect(maxDifference(ours.values[0], stock.values[0])).toBeLessThan(5e-7);
  });

  it.each([
    ['an empty tensor', () => tf.softmax(tf.zeros([3, 0]))],
    ['no rows', () => tf.softmax(tf.zeros([0, 3]))],
  ])("leaves %s to stock's kernel", async (_, run) => {
    const {ours, stock, jobs} = await onBackends(run);
    expect(jobs).toEqual([]);
    expect(ours.values).toEqual(stock.values);
  });
});
