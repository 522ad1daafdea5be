import * as tf from '@tensorflow/tfjs-core';
import {Job} from '../../kernels/task';
import {VARIANTS} from '../support/backends';
import {onBackends, useThreads} from '../support/onBackends';
import {randomFloats, randomNumbers} from '../support/random';

function topK(values: Float32Array, shape: number[], k: number) {
  return onBackends(() => {
    const result = tf.topk(tf.tensor(values, shape), k);
    return [result.values, result.indices];
  });
}

/** Indices of the k largest of each row, NaN as if it were -Infinity. */
function reference(values: Float32Array, rowFloats: number, k: number): number[] {
  const best: number[] = [];
  const key = (x: number) => (Number.isNaN(x) ? -Infinity : x);
  for (let first = 0; first < values.length; first += rowFloats) {
    const row = Array.from(values.subarray(first, first + rowFloats), key);
    const order = row.map((_, i) => i).sort((a, b) => (row[a] === row[b] ? a - b : row[b] > row[a] ? 1 : -1));
    best.push(...order.slice(0, k));
  }
  return best;
}

const shapes: [number[], number][] = [
  [[1], 1],
  [[5], 5],
  [[17], 3],
  [[1, 33], 1],
  [[7, 20], 4],
  [[2, 3, 100], 100],
  [[1, 5000], 100],
  [[64, 3001], 10],
  [[1, 100_003], 2048],
];

const kinds: [string, (length: number) => Float32Array][] = [
  ['random values', (length) => randomFloats(length, randomNumbers(1))],
  ['many equal values', (length) => randomFloats(length, randomNumbers(2)).map((x) => Math.round(x * 3))],
  ['all values equal', (length) => new Float32Array(length).fill(2)],
  ['ascending values', (length) => Float32Array.from({length}, (_, i) => i)],
  ['descending values', (length) => Float32Array.from({length}, (_, i) => -i)],
  ['zeros of both signs', (length) => Float32Array.from({length}, (_, i) => (i % 3 ? 0 : -0))],
  [
    'infinities',
    (length) => randomFloats(length, randomNumbers(3)).map((x) => (x < -0.5 ? -Infinity : x > 0.9 ? Infinity : x)),
  ],
];

describe.each(VARIANTS)('topK on the %s kernels', (variant) => {
  beforeAll(() => useThreads(variant));

  describe.each(kinds)('%s', (_, make) => {
    it.each(shapes)("gives the reference's and stock's values and indices for %j, k = %i", async (shape, k) => {
      const values = make(tf.util.sizeFromShape(shape));
      const rowFloats = shape[shape.length - 1];
      const {ours, stock, jobs} = await topK(values, shape, k);
      expect(jobs).toEqual([Job.topK]);
      expect(ours.values).toEqual(stock.values);
      const expected = reference(values, rowFloats, k);
      expect([...ours.values[1]]).toEqual(expected);
      expect([...ours.values[0]]).toEqual(expected.map((index, i) => values[Math.floor(i / k) * rowFloats + index]));
    });
  });

  it('puts NaN where -Infinity would be', async () => {
    const random = randomNumbers(5);
    const values = randomFloats(2 * 200, random).map((x) => (random() < 0.5 ? NaN : x < -0.8 ? -Infinity : x));
    for (const k of [3, 50, 200]) {
      const {ours} = await topK(values, [2, 200], k);
      expect([...ours.values[1]]).toEqual(reference(values, 200, k));
    }
  });

  it.each([
    ['integers', () => tf.topk(tf.tensor1d([3, 9, 1], 'int32'), 2)],
    ['values without order', () => tf.topk(tf.tensor1d(randomFloats(999, randomNumbers(4))), 7, false)],
    ['very many values', () => tf.topk(tf.range(0, 5000), 3000)],
  ] as const)("leaves %s to stock's kernel", async (_, run) => {
    const {ours, stock, jobs} = await onBackends(() => Object.values(run()));
    expect(jobs).toEqual([]);
    expect(ours.values).toEqual(stock.values);
  });
});
