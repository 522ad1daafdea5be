import * as tf from '@tensorflow/tfjs-core';
import {Job} from '../../kernels/task';
import {VARIANTS} from '../support/backends';
import {onBackends, useThreads} from '../support/onBackends';
import {randomFloats, randomNumbers} from '../support/random';
import {maxDifference} from '../support/reference';

type Pad = 'same' | 'valid' | number | [[number, number], [number, number], [number, number], [number, number]];

interface PoolCase {
  readonly shape: [number, number, number, number];
  readonly filter: [number, number];
  readonly strides: [number, number];
  readonly pad: Pad;
}

const explicit = (top: number, bottom: number, left: number, right: number): Pad => [
  [0, 0],
  [top, bottom],
  [left, right],
  [0, 0],
];

const cases: PoolCase[] = [
  {shape: [1, 1, 1, 1], filter: [1, 1], strides: [1, 1], pad: 'valid'},
  {shape: [1, 5, 5, 3], filter: [1, 1], strides: [2, 2], pad: 'valid'},
  {shape: [1, 6, 6, 16], filter: [2, 2], strides: [2, 2], pad: 'valid'},
  {shape: [2, 7, 5, 21], filter: [2, 2], strides: [2, 2], pad: 'same'},
  {shape: [3, 8, 9, 2], filter: [3, 3], strides: [2, 2], pad: 'same'},
  {shape: [1, 9, 4, 37], filter: [3, 2], strides: [1, 2], pad: 'valid'},
  {shape: [2, 4, 11, 5], filter: [2, 5], strides: [2, 3], pad: explicit(1, 1, 1, 1)},
  {shape: [2, 5, 7, 12], filter: [3, 3], strides: [2, 2], pad: 1},
  {shape: [1, 6, 7, 84], filter: [3, 3], strides: [1, 1], pad: explicit(2, 0, 1, 2)},
  {shape: [1, 3, 3, 4], filter: [5, 5], strides: [1, 1], pad: 'same'},
  {shape: [1, 7, 7, 33], filter: [7, 7], strides: [7, 7], pad: 'valid'},
  {shape: [1, 64, 65, 24], filter: [2, 2], strides: [2, 2], pad: 'same'},
  {shape: [2, 40, 40, 19], filter: [3, 3], strides: [1, 1], pad: 'same'},
];

/** By the definition, in float64: padding is left out, a maximum passes over NaN. */
function reference({shape, filter, strides, pad}: PoolCase, x: Float32Array, mean: boolean): Float64Array {
  const [batch, height, width, channels] = shape;
  const info = tf.backend_util.computePool2DInfo(shape, filter, strides, 1, pad as 'same');
  const out = new Float64Array(tf.util.sizeFromShape(info.outShape));
  let i = 0;
  for (let b = 0; b < batch; b++) {
    for (let oy = 0; oy < info.outHeight; oy++) {
      for (let ox = 0; ox < info.outWidth; ox++) {
        for (let c = 0; c < channels; c++, i++) {
          const window: number[] = [];
          for (let ky = 0; ky < filter[0]; ky++) {
            for (let kx = 0; kx < filter[1]; kx++) {
              const y = oy * strides[0] - info.padInfo.top + ky;
              const column = ox * strides[1] - info.padInfo.left + kx;
              if (y < 0 || y >= height || column < 0 || column >= width) continue;
              window.push(x[((b * height + y) * width + column) * channels + c]);
            }
          }
          out[i] = mean
            ? window.reduce((sum, value) => sum + value, 0) / window.length
            : Math.max(-Infinity, ...window.filter((value) => !Number.isNaN(value)));
        }
      }
    }
  }
  return out;
}

function valuesOf({shape}: PoolCase, seed: number): Float32Array {
  return randomFloats(tf.util.sizeFromShape(shape), randomNumbers(seed)).map((x) => x * 3);
}

function withSpecials(values: Float32Array, specials: readonly number[]): Float32Array {
  const random = randomNumbers(4);
  return values.map((x) => (random() < 0.2 ? specials[Math.floor(random() * specials.length)] : x));
}

const ops = {
  maxPool: {run: tf.maxPool, job: Job.maxPool, mean: false, tolerance: 0},
  avgPool: {run: tf.avgPool, job: Job.avgPool, mean: true, tolerance: 1e-5},
} as const;

describe.each(VARIANTS)('on the %s kernels', (variant) => {
  beforeAll(() => useThreads(variant));

  describe.each(['maxPool', 'avgPool'] as const)('%s', (name) => {
    const {run, job, mean, tolerance} = ops[name];
    const pool = (test: PoolCase, x: Float32Array) =>
      onBackends(() => run(tf.tensor4d(x, test.shape), test.filter, test.strides, test.pad as 'same'));

    it.each(cases)("gives the reference's and stock's result for $shape, $filter / $strides, $pad", async (test) => {
      const x = valuesOf(test, 1);
      const {ours, stock, jobs} = await pool(test, x);
      expect(jobs).toEqual([job]);
      expect(maxDifference(ours.values[0], reference(test, x, mean))).toBeLessThanOrEqual(tolerance);
      expect(maxDifference(ours.values[0], stock.values[0])).toBeLessThanOrEqual(tolerance);
    });

    // Stock, on x86, gives -Infinity for some means and maxima of NaN: only the reference counts.
    it.each(cases)("gives the reference's result of NaN and infinities for $shape, $filter", async (test) => {
      const x = withSpecials(valuesOf(test, 2), [NaN, Infinity, -Infinity]);
      const {ours} = await pool(test, x);
      expect(maxDifference(ours.values[0], reference(test, x, mean))).toBeLessThanOrEqual(tolerance);
    });

    it("gives stock's result of infinities of one sign", async () => {
      for (const infinity of [Infinity, -Infinity]) {
        const test = cases[3];
        const x = withSpecials(valuesOf(test, 3), [infinity]);
        const {ours, stock} = await pool(test, x);
        expect(maxDifference(ours.values[0], stock.values[0])).toBeLessThanOrEqual(tolerance);
      }
    });

    it.each([
      ['windows of padding alone', {shape: [1, 3, 3, 4], filter: [2, 2], strides: [1, 1], pad: explicit(2, 0, 2, 0)}],
      ['the same at the end', {shape: [1, 3, 3, 4], filter: [2, 2], strides: [1, 1], pad: explicit(0, 2, 0, 0)}],
      ['empty tensors', {shape: [0, 3, 3, 4], filter: [2, 2], strides: [1, 1], pad: 'valid'}],
    ] as [string, PoolCase][])("leaves to stock's kernel: %s", async (_, test) => {
      const {ours, stock, jobs} = await pool(test, valuesOf(test, 4));
      expect(jobs).toEqual([]);
      expect(maxDifference(ours.values[0], stock.values[0])).toBe(0);
    });

    it('takes images without a batch', async () => {
      const {ours, stock, jobs} = await onBackends(() =>
        run(tf.reshape<tf.Rank.R3>(tf.range(0, 48), [4, 4, 3]), 2, 2, 'valid'),
      );
      expect(jobs).toEqual([job]);
      expect(maxDifference(ours.values[0], stock.values[0])).toBeLessThanOrEqual(tolerance);
    });
  });
});
