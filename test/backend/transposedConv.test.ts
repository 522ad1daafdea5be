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

interface OverlappingCase extends TransposedCase {
  readonly name: string;
  readonly outShape: Shape;
  readonly strides: [number, number];
  readonly pad: 'same' | 'valid' | number | tf.backend_util.ExplicitPadding;
}

const overlapping: OverlappingCase[] = [
  ['3x3, stride 2', [1, 4, 4, 4], [3, 3, 2, 4], [1, 8, 8, 2], [2, 2], 'same'],
  ['4x4, stride 2, batch of 2', [2, 5, 6, 3], [4, 4, 5, 3], [2, 10, 12, 5], [2, 2], 'same'],
  ['an odd output', [1, 4, 5, 6], [3, 3, 4, 6], [1, 7, 9, 4], [2, 2], 'same'],
  ['3x3 valid, stride 2', [1, 4, 4, 7], [3, 3, 3, 7], [1, 9, 9, 3], [2, 2], 'valid'],
  ['3x3 valid, rows that no filter reaches', [1, 4, 4, 7], [3, 3, 3, 7], [1, 10, 10, 3], [2, 2], 'valid'],
  ['stride 1', [1, 6, 7, 8], [3, 3, 9, 8], [1, 6, 7, 9], [1, 1], 'same'],
  ['1x1, stride 2: gaps', [1, 4, 3, 5], [1, 1, 6, 5], [1, 8, 6, 6], [2, 2], 'same'],
  ['gaps between filters', [1, 3, 3, 4], [2, 2, 2, 4], [1, 7, 7, 2], [3, 3], 'same'],
  ['an output that is no multiple', [1, 4, 4, 4], [2, 2, 2, 4], [1, 7, 7, 2], [2, 2], 'same'],
  ['padding in pixels', [1, 9, 9, 4], [2, 2, 2, 4], [1, 16, 16, 2], [2, 2], 1],
  [
    'explicit padding',
    [1, 5, 5, 4],
    [3, 3, 2, 4],
    [1, 7, 8, 2],
    [2, 2],
    [
      [0, 0],
      [2, 2],
      [1, 2],
      [0, 0],
    ],
  ],
  ['unlike strides', [2, 4, 7, 5], [3, 5, 1, 5], [2, 12, 7, 1], [3, 1], 'same'],
  ['a 1x7 filter', [1, 3, 6, 4], [1, 7, 3, 4], [1, 3, 12, 3], [1, 2], 'same'],
  ['a 5x1 filter', [1, 6, 3, 4], [5, 1, 3, 4], [1, 12, 3, 3], [2, 1], 'same'],
  ['a filter larger than the output', [1, 2, 2, 3], [7, 7, 4, 3], [1, 4, 4, 4], [2, 2], 'same'],
  ['one pixel, one channel', [1, 1, 1, 1], [3, 3, 1, 1], [1, 2, 2, 1], [2, 2], 'same'],
  ['many pixels', [1, 33, 31, 24], [4, 4, 19, 24], [1, 66, 62, 19], [2, 2], 'same'],
  ['many pixels of one channel', [2, 40, 41, 8], [4, 4, 1, 8], [2, 80, 82, 1], [2, 2], 'same'],
].map(([name, dy, filter, outShape, strides, pad]) => ({name, dy, filter, outShape, strides, pad}) as OverlappingCase);

/** By the definition: the gradient of a convolution for its input. */
function scatter(
  {dy, filter, outShape, strides, pad}: OverlappingCase,
  x: Float32Array,
  w: Float32Array,
): Float64Array {
  const [batch, height, width, outChannels] = dy;
  const [kh, kw, inChannels] = filter;
  const [, outHeight, outWidth] = outShape;
  const {top, left} = tf.backend_util.computeConv2DInfo(outShape, filter, strides, 1, pad).padInfo;
  const out = new Float64Array(tf.util.sizeFromShape(outShape));
  for (let pixel = 0; pixel < batch * height * width; pixel++) {
    const [line, column] = [Math.floor(pixel / width), pixel % width];
    const image = Math.floor(line / height);
    for (let tap = 0; tap < kh * kw; tap++) {
      const y = (line % height) * strides[0] - top + Math.floor(tap / kw);
      const z = column * strides[1] - left + (tap % kw);
      if (y < 0 || y >= outHeight || z < 0 || z >= outWidth) continue;
      for (let c = 0; c < inChannels; c++) {
        for (let o = 0; o < outChannels; o++) {
          const product = x[pixel * outChannels + o] * w[(tap * inChannels + c) * outChannels + o];
          out[((image * outHeight + y) * outWidth + z) * inChannels + c] += product;
        }
      }
    }
  }
  return out;
}

describe.each(VARIANTS)('transposed convolution on the %s kernels', (variant) => {
  beforeAll(() => useThreads(variant));

  it.each(cases)("gives the reference's and stock's result for $dy, $filter", async (test) => {
    const x = randomFloats(tf.util.sizeFromShape(test.dy), randomNumbers(1));
    const w = randomFloats(tf.util.sizeFromShape(test.filter), randomNumbers(2));
    const expected = reference(test, x, w);
    for (const pad of ['same', 'valid'] as const) {
      const {ours, stock, jobs} = await enlarge(test, x, w, pad);
      expect(jobs).toEqual(test.filter[0] * test.filter[1] > 1 ? [Job.depthToSpace] : []);
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

  it.each(overlapping)('sums up what overlaps: $name', async (test) => {
    const {dy, filter, outShape, strides, pad} = test;
    const x = randomFloats(tf.util.sizeFromShape(dy), randomNumbers(7));
    const w = randomFloats(tf.util.sizeFromShape(filter), randomNumbers(8));
    const {ours, stock, jobs} = await onBackends(() =>
      tf.conv2dTranspose(tf.tensor4d(x, dy), tf.tensor4d(w, filter), outShape, strides, pad),
    );
    expect(jobs).toEqual([Job.sumTaps]);
    expect(maxDifference(ours.values[0], scatter(test, x, w))).toBeLessThan(2e-5);
    expect(maxDifference(ours.values[0], stock.values[0])).toBeLessThan(2e-5);
  });

  it('spreads NaN and infinities as far as the filter reaches', async () => {
    const {dy, filter, outShape, strides, pad} = overlapping[1];
    const x = randomFloats(tf.util.sizeFromShape(dy), randomNumbers(3));
    [x[0], x[37], x[60]] = [NaN, Infinity, -Infinity];
    const w = randomFloats(tf.util.sizeFromShape(filter), randomNumbers(4));
    const {ours, stock} = await onBackends(() =>
      tf.conv2dTranspose(tf.tensor4d(x, dy), tf.tensor4d(w, filter), outShape, strides, pad),
    );
    expect(maxDifference(ours.values[0], stock.values[0])).toBeLessThan(1e-5);
  });

  it.each([
    ['what would take too much memory on the way', [1, 300, 300, 1], [20, 20, 1, 1], [1, 300, 300, 1]],
    ['nothing at all', [0, 4, 4, 4], [3, 3, 2, 4], [0, 8, 8, 2]],
  ] as [string, Shape, Shape, Shape][])("leaves to stock's kernel: %s", async (_, dy, filter, outShape) => {
    const x = randomFloats(tf.util.sizeFromShape(dy), randomNumbers(9));
    const w = randomFloats(tf.util.sizeFromShape(filter), randomNumbers(10));
    const stride = outShape[1] / dy[1];
    const {ours, stock, jobs} = await onBackends(() =>
      tf.conv2dTranspose(tf.tensor4d(x, dy), tf.tensor4d(w, filter), outShape, stride, 'same'),
    );
    expect(jobs).toEqual([]);
    expect(maxDifference(ours.values[0], stock.values[0])).toBe(0);
  });
});
