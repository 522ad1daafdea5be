import * as tf from '@tensorflow/tfjs-core';
import {Job} from '../../kernels/task';
import {VARIANTS} from '../support/backends';
import {onBackends, useThreads} from '../support/onBackends';
import {randomFloats, randomNumbers} from '../support/random';
import {maxDifference} from '../support/reference';

type Shape = [number, number, number, number];
type Paddings = [[number, number], [number, number], [number, number], [number, number]];

function valuesOf(shape: Shape): Float32Array {
  return randomFloats(tf.util.sizeFromShape(shape), randomNumbers(9));
}

function image(shape: Shape, offset = 0): tf.Tensor4D {
  return tf.tensor4d(
    valuesOf(shape).map((x) => x + offset),
    shape,
  );
}

/** Calls `visit` with the coordinates of every value, in the order of memory. */
function forValues(
  [d0, d1, d2, d3]: Shape,
  visit: (a: number, b: number, c: number, d: number, i: number) => void,
): void {
  let i = 0;
  for (let a = 0; a < d0; a++)
    for (let b = 0; b < d1; b++) for (let c = 0; c < d2; c++) for (let d = 0; d < d3; d++) visit(a, b, c, d, i++);
}

function referenceMean(shape: Shape, x: Float32Array): Float64Array {
  const [batch, height, width, channels] = shape;
  const out = new Float64Array(batch * channels);
  forValues(shape, (b, _y, _x, c, i) => (out[b * channels + c] += x[i] / (height * width)));
  return out;
}

function referenceDepthToSpace(shape: Shape, x: Float32Array, block: number): Float32Array {
  const [, height, width, channels] = shape;
  const depth = channels / block ** 2;
  const out = new Float32Array(x.length);
  forValues(shape, (b, y, column, c, i) => {
    const [line, at] = [Math.floor(c / (block * depth)), Math.floor(c / depth) % block];
    out[(((b * height + y) * block + line) * width * block + column * block + at) * depth + (c % depth)] = x[i];
  });
  return out;
}

function referencePad(shape: Shape, x: Float32Array, paddings: Paddings, value: number): Float32Array {
  const outShape = shape.map((size, axis) => paddings[axis][0] + size + paddings[axis][1]);
  const out = new Float32Array(tf.util.sizeFromShape(outShape)).fill(value);
  forValues(shape, (...at) => {
    const to = outShape.reduce((index, size, axis) => index * size + at[axis] + paddings[axis][0], 0);
    out[to] = x[at[4]];
  });
  return out;
}

describe.each(VARIANTS)('on the %s kernels', (variant) => {
  beforeAll(() => useThreads(variant));

  describe('mean over the pixels', () => {
    const shapes: Shape[] = [
      [1, 1, 1, 1],
      [1, 7, 7, 32],
      [2, 5, 3, 7],
      [3, 1, 9, 4],
      [1, 8, 8, 5],
      [1, 65, 3, 6],
      [2, 40, 33, 3],
      [3, 20, 20, 53],
      [1, 14, 14, 331],
    ];
    it.each(shapes)(
      "is the reference's and stock's for [%i, %i, %i, %i], kept dimensions or not, negative axes",
      async (...shape) => {
        const expected = referenceMean(shape, valuesOf(shape));
        for (const [axis, keep] of [
          [[1, 2], false],
          [[1, 2], true],
          [[-2, -3], false],
        ] as [number[], boolean][]) {
          const {ours, stock, jobs} = await onBackends(() => tf.mean(image(shape), axis, keep));
          expect(jobs).toEqual([Job.meanPixels]);
          expect(maxDifference(ours.values[0], expected)).toBeLessThan(1e-6);
          expect(maxDifference(ours.values[0], stock.values[0])).toBeLessThan(1e-5);
        }
      },
    );

    it.each(shapes)(
      "sums are the reference's and stock's for [%i, %i, %i, %i], over the images, too",
      async (...shape) => {
        const [batch, height, width, channels] = shape;
        const means = referenceMean(shape, valuesOf(shape));
        const sums = Float64Array.from({length: channels}, (_, c) =>
          Array.from({length: batch}, (__, b) => means[b * channels + c]).reduce((sum, mean) => sum + mean, 0),
        );
        for (const [axis, expected] of [
          [[1, 2], means],
          [[0, 1, 2], sums],
          [[2, -3, 0], sums],
        ] as const) {
          for (const keep of [false, true]) {
            const {ours, stock, jobs} = await onBackends(() => tf.sum(image(shape), [...axis], keep));
            expect(jobs).toEqual([Job.meanPixels]);
            const [own, theirs] = [ours, stock].map(({values}) =>
              Float64Array.from(values[0], (x) => x / height / width),
            );
            expect(maxDifference(own, expected)).toBeLessThan(1e-6);
            expect(maxDifference(own, theirs)).toBeLessThan(1e-5);
          }
        }
      },
    );

    it("is stock's for NaN and infinities", async () => {
      const shape: Shape = [1, 3, 2, 6];
      const x = valuesOf(shape);
      [x[0], x[7], x[14], x[20], x[21], x[27]] = [NaN, Infinity, -Infinity, -Infinity, Infinity, -Infinity];
      const {ours, stock} = await onBackends(() => tf.mean(tf.tensor4d(x, shape), [1, 2]));
      expect(maxDifference(ours.values[0], stock.values[0])).toBeLessThan(1e-6);
    });

    it('loses no precision over many pixels', async () => {
      const shape: Shape = [1, 256, 256, 4];
      const values = valuesOf(shape).map((x) => x + 100);
      const {ours} = await onBackends(() => tf.mean(tf.tensor4d(values, shape), [1, 2]));
      expect(maxDifference(ours.values[0], referenceMean(shape, values))).toBeLessThan(1e-4);
    });

    it.each([
      ['all axes', () => tf.mean(image([2, 3, 4, 5]))],
      ['channels', () => tf.mean(image([2, 3, 4, 5]), 3)],
      ['mean over the images', () => tf.mean(image([2, 3, 4, 5]), [0, 1, 2])],
      ['sum of channels', () => tf.sum(image([2, 3, 4, 5]), 3)],
      ['one spatial axis', () => tf.mean(image([2, 3, 4, 5]), 1)],
      ['rank 3', () => tf.mean(tf.reshape(image([2, 3, 4, 5]), [6, 4, 5]), [0, 1])],
      ['integers', () => tf.mean(tf.cast(image([2, 3, 4, 5], 10), 'int32'), [1, 2])],
      ['no pixels', () => tf.mean(tf.zeros([1, 0, 4, 5]), [1, 2])],
    ] as const)("is stock's for what our kernel does not take: %s", async (_, run) => {
      const {ours, stock, jobs} = await onBackends(run);
      expect(jobs).toEqual([]);
      expect(maxDifference(ours.values[0], stock.values[0])).toBeLessThan(1e-5);
    });
  });

  describe('depthToSpace', () => {
    it.each([
      [[1, 1, 1, 4], 2],
      [[1, 3, 5, 12], 2],
      [[2, 4, 3, 18], 3],
      [[1, 6, 6, 64], 4],
      [[2, 2, 7, 20], 2],
      [[2, 45, 50, 12], 2],
    ] as [Shape, number][])("is the reference's and stock's for %j in blocks of %i", async (shape, block) => {
      const {ours, stock, jobs} = await onBackends(() => tf.depthToSpace(image(shape), block, 'NHWC'));
      expect(jobs).toEqual([Job.depthToSpace]);
      expect(maxDifference(ours.values[0], referenceDepthToSpace(shape, valuesOf(shape), block))).toBe(0);
      expect(maxDifference(ours.values[0], stock.values[0])).toBe(0);
    });

    it("is stock's for NCHW", async () => {
      const {ours, stock, jobs} = await onBackends(() => tf.depthToSpace(image([1, 8, 3, 4]), 2, 'NCHW'));
      expect(jobs).toEqual([]);
      expect(maxDifference(ours.values[0], stock.values[0])).toBe(0);
    });
  });

  describe('pad', () => {
    const none: [number, number] = [0, 0];
    it.each([
      [[none, [1, 1], [1, 1], none], 0],
      [[none, [0, 1], [0, 1], none], 0],
      [[none, none, none, [0, 5]], 0],
      [
        [
          [1, 2],
          [0, 3],
          [4, 0],
          [1, 2],
        ],
        -1.5,
      ],
      [[none, none, none, none], 7],
      [[none, [2, 0], none, [3, 0]], Infinity],
    ] as [Paddings, number][])("is the reference's and stock's for %j with %f", async (paddings, value) => {
      for (const shape of [
        [2, 3, 5, 7],
        [1, 1, 1, 1],
        [1, 4, 4, 16],
        [2, 40, 30, 19],
      ] as Shape[]) {
        const {ours, stock, jobs} = await onBackends(() => tf.pad(image(shape), paddings, value));
        expect(jobs).toEqual([Job.pad4d]);
        expect(maxDifference(ours.values[0], referencePad(shape, valuesOf(shape), paddings, value))).toBe(0);
        expect(maxDifference(ours.values[0], stock.values[0])).toBe(0);
      }
    });

    it.each([
      ['rank 2', () => tf.pad(tf.ones([2, 3]), [[1, 0], none])],
      ['integers', () => tf.pad(tf.cast(image([1, 2, 2, 3], 9), 'int32'), [none, [1, 0], [0, 1], none], 4)],
    ] as [string, () => tf.Tensor][])("is stock's for what our kernel does not take: %s", async (_, run) => {
      const {ours, stock, jobs} = await onBackends(run);
      expect(jobs).toEqual([]);
      expect(maxDifference(ours.values[0], stock.values[0])).toBe(0);
    });
  });
});
