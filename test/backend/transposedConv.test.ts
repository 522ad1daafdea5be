import * as tf from '@tensorflow/tfjs-core';
import {Job} from '../../kernels/task';
import {VARIANTS} from '../support/backends';
import {onBackends, useThreads} from '../support/onBackends';
import {randomFloats, randomNumbers} from '../support/random';
import {maxDifference} from '../support/reference';

type Shape = [number, number, number, number];

interface TransposedCase {
  /** [batch, height, width, outChannels]: what is enlarged. */
  readonly dy: Shape;
  /** [kh, kw, inChannels, outChannels]; the strides are kh and kw. */
  readonly filter: Shape;
}

const cases: TransposedCase[] = [
  {dy: [1, 1, 1, 1], filter: [1, 1, 1, 1]},
  {dy: [1, 3, 4, 5], filter: [2, 2, 3, 5]},
  {dy: [2, 5, 3, 7], filter: [3, 2, 1, 7]},
  {dy: [1, 7, 2, 9], filter: [1, 4, 6, 9]},
  {dy: [3, 4, 4, 2], filter: [5, 5, 2, 2]},
  {dy: [1, 64, 64, 16], filter: [2, 2, 1, 16]},
  {dy: [1, 31, 33, 24], filter: [2, 2, 19, 24]},
];

/** By the definition: each pixel of dy adds a block to the output. */
function reference({dy, filter}: TransposedCase, x: Float32Array, w: Float32Array): Float64Array {
  const [batch, height, width, outChannels] = dy;
  const [kh, kw, inChannels] = filter;
  const out = new Float64Array(batch * height * kh * width * kw * inChannels);
  for (let pixel = 0; pixel < batch * height * width; pixel++) {
    const [line, column] = [Math.floor(pixel / width), pixel % width];
    for (let i = 0; i < kh; i++) {
      for (let j = 0; j < kw; j++) {
        for (let c = 0; c < inChannels; c++) {
          let sum = 0;
          for (let o = 0; o < outChannels; o++) {
            sum += x[pixel * outChannels + o] * w[((i * kw + j) * inChannels + c) * outChannels + o];
          }
          out[((line * kh + i) * width * kw + column * kw + j) * inChannels + c] = sum;
        }
      }
    }
  }
  return out;
}

function enlarge({dy, filter}: TransposedCase, x: Float32Array, w: Float32Array, pad: 'same' | 'valid' = 'same') {
  const [kh, kw, inChannels] = filter;
  const outShape: Shape = [dy[0], dy[1] * kh, dy[2] * kw, inChannels];
  return onBackends(() => tf.conv2dTranspose(tf.tensor4d(x, dy), tf.tensor4d(w, filter), outShape, [kh, kw], pad));
}

describe.each(VARIANTS)('transposed convolution on the %s kernels', (variant) => {
  beforeAll(() => useThreads(variant));

  it.each(cases)("gives the reference's and stock's result for $dy, $filter", async (test) => {
    const x = randomFloats(tf.util.sizeFromShape(test.dy), randomNumbers(1));
    const w = randomFloats(tf.util.sizeFromShape(test.filter), randomNumbers(2));
    const expected = reference(test, x, w);
    for (const pad of ['same', 'valid'] as const) {
      const {ours, stock, jobs} = await enlarge(test, x, w, pad);
      expect(jobs).toEqual([Job.depthToSpace]);
      expect(maxDifference(ours.values[0], expected)).toBeLessThan(1e-5);
      expect(maxDifference(ours.values[0], stock.values[0])).toBeLessThan(1e-5);
    }
  });

  it("gives stock's result of NaN and infinities", async () => {
    const [, test] = cases;
    const x = randomFloats(tf.util.sizeFromShape(test.dy), randomNumbers(3));
    [x[0], x[7], x[20]] = [NaN, Infinity, -Infinity];
    const {ours, stock} = await enlarge(test, x, randomFloats(tf.util.sizeFromShape(test.filter), randomNumbers(4)));
    expect(maxDifference(ours.values[0], stock.values[0])).toBeLessThan(1e-5);
  });

  it('skips zero blocks of the filter', async () => {
    const test: TransposedCase = {dy: [1, 20, 20, 32], filter: [2, 2, 8, 32]};
    const x = randomFloats(tf.util.sizeFromShape(test.dy), randomNumbers(5));
    const random = randomNumbers(6);
    const w = randomFloats(tf.util.sizeFromShape(test.filter), random).map((value) => (random() < 0.9 ? 0 : value));
    const {ours} = await enlarge(test, x, w);
    expect(maxDifference(ours.values[0], reference(test, x, w))).toBeLessThan(1e-5);
  });

  it.each([
    ['overlapping filters', [1, 8, 8, 2], [3, 3, 2, 4], 2, 'same', [1, 4, 4, 4]],
    ['gaps between filters', [1, 7, 7, 2], [2, 2, 2, 4], 3, 'same', [1, 3, 3, 4]],
    ['an output that is no multiple', [1, 7, 7, 2], [2, 2, 2, 4], 2, 'same', [1, 4, 4, 4]],
    ['padding in pixels', [1, 8, 8, 2], [2, 2, 2, 4], 2, 0, [1, 4, 4, 4]],
  ] as [string, Shape, Shape, number, 'same' | number, Shape][])(
    "leaves to stock's kernel: %s",
    async (_, outShape, filter, stride, pad, dy) => {
      const x = randomFloats(tf.util.sizeFromShape(dy), randomNumbers(7));
      const w = randomFloats(tf.util.sizeFromShape(filter), randomNumbers(8));
      const {ours, stock, jobs} = await onBackends(() =>
        tf.conv2dTranspose(tf.tensor4d(x, dy), tf.tensor4d(w, filter), outShape, stride, pad),
      );
      expect(jobs).toEqual([]);
      expect(maxDifference(ours.values[0], stock.values[0])).toBe(0);
    },
  );
});
