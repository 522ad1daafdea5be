import * as tf from '@tensorflow/tfjs-core';
import {registerGradients} from '../../src/graph/kernelGradients';
import {OURS, useVariant} from '../support/backends';
import {randomFloats, randomNumbers} from '../support/random';

type Run = (...inputs: tf.Tensor[]) => tf.Tensor;

const image = [2, 4, 6, 4];
/** tfjs's cpu backend takes height for width in gradients of others, and one image for another in those of several. */
const square = [1, 4, 4, 4];
const four = (x: tf.Tensor) => x as tf.Tensor4D;

/** Functions of tensors of some shapes, with values of both signs away from where there is no derivative. */
const CASES: Record<string, [Run, ...number[][]]> = {
  reshape: [(x) => tf.reshape(x, [8, -1]), image],
  expandDims: [(x) => tf.expandDims(x, 1), image],
  identity: [(x) => tf.clone(x), image],
  cast: [(x) => tf.cast(x, 'float32'), image],
  add: [(a, b) => tf.add(a, b), image, [4]],
  sub: [(a, b) => tf.sub(a, b), image, [4]],
  mul: [(a, b) => tf.mul(a, b), [6, 1], image],
  div: [(a, b) => tf.div(a, b), image, [1, 4, 1, 1]],
  maximum: [(a, b) => tf.maximum(a, b), image, image],
  minimum: [(a, b) => tf.minimum(a, b), image, image],
  squaredDifference: [(a, b) => tf.squaredDifference(a, b), image, [4]],
  addN: [(a, b, c) => tf.addN([a, b, c]), image, image, image],
  relu: [(x) => tf.relu(x), image],
  relu6: [(x) => tf.relu6(tf.mul(x, 4)), image],
  leakyRelu: [(x) => tf.leakyRelu(x, 0.3), image],
  prelu: [(x, alpha) => tf.prelu(x, alpha), image, [1, 1, 4]],
  elu: [(x) => tf.elu(x), image],
  sigmoid: [(x) => tf.sigmoid(x), image],
  tanh: [(x) => tf.tanh(x), image],
  exp: [(x) => tf.exp(x), image],
  log: [(x) => tf.log(tf.square(x)), image],
  sqrt: [(x) => tf.sqrt(tf.square(x)), image],
  rsqrt: [(x) => tf.rsqrt(tf.square(x)), image],
  neg: [(x) => tf.neg(x), image],
  abs: [(x) => tf.abs(x), image],
  clip: [(x) => tf.clipByValue(x, -1, 1.2), image],
  softmax: [(x) => tf.softmax(x), image],
  'sum of some axes': [(x) => tf.sum(x, [1, 2]), image],
  'sum of all': [(x) => tf.sum(x), image],
  mean: [(x) => tf.mean(x, [1, -1], true), image],
  concat: [(a, b) => tf.concat([a, b], -1), image, [2, 4, 6, 3]],
  split: [(x) => tf.mul(...(tf.split(x, 2, 3) as [tf.Tensor, tf.Tensor])), image],
  stack: [(a, b) => tf.stack([a, b], 1), image, image],
  unstack: [(x) => tf.mul(...(tf.unstack(x, 0) as [tf.Tensor, tf.Tensor])), image],
  slice: [(x) => tf.slice(x, [0, 1, 2, 1], [2, 2, -1, 3]), image],
  gather: [(x) => tf.gather(x, [3, 0, 2, 1], 3), image],
  'gather of some, one of them twice': [(x) => tf.gather(x, tf.tensor2d([5, 0, 5, 2], [2, 2], 'int32'), 2), image],
  stridedSlice: [(x) => tf.stridedSlice(x, [0, 1, 5, 0], [2, 4, 0, 3], [1, 2, -2, 1]), image],
  'stridedSlice of one, with a new axis': [
    (x) => tf.stridedSlice(x, [0, -1, 0, 1], [0, 4, 0, 3], [1, 1, 1, 1], 1, 1, 0, 4, 2),
    image,
  ],
  transpose: [(x) => tf.transpose(x, [2, 0, 3, 1]), image],
  pad: [
    (x) =>
      tf.pad(x, [
        [0, 0],
        [1, 2],
        [0, 1],
        [2, 0],
      ]),
    image,
  ],
  depthToSpace: [(x) => tf.depthToSpace(four(x), 2), image],
  batchNorm: [(x) => tf.batchNorm(x, [1, 2, 3, 4], [2, 3, 4, 5], [1, 0, 1, 0], [1, -1, 2, -2]), image],
  maxPool: [(x) => tf.maxPool(four(x), 2, 2, 'same'), image],
  avgPool: [(x) => tf.avgPool(four(x), 3, 1, 'same'), image],
  resizeBilinear: [(x) => tf.image.resizeBilinear(four(x), [7, 9]), square],
  resizeNearestNeighbor: [(x) => tf.image.resizeNearestNeighbor(four(x), [8, 12]), square],
  conv2d: [(x, w) => tf.conv2d(four(x), four(w), 2, 'same'), image, [3, 3, 4, 5]],
  depthwiseConv2d: [(x, w) => tf.depthwiseConv2d(four(x), four(w), 1, 'same'), image, [3, 3, 4, 2]],
  conv2dTranspose: [(x, w) => tf.conv2dTranspose(four(x), four(w), [2, 8, 12, 3], 2, 'same'), image, [3, 3, 3, 4]],
  matMul: [(a, b) => tf.matMul(a, b), [3, 5], [5, 4]],
  'matMul, both transposed': [(a, b) => tf.matMul(a, b, true, true), [5, 3], [4, 5]],
  'matMul of a batch, one transposed': [(a, b) => tf.matMul(a, b, false, true), [2, 3, 5], [1, 4, 5]],
};

describe('gradients of kernels', () => {
  beforeAll(() => useVariant('relaxed'));

  test('none are there before, and what somebody has registered stays', () => {
    expect(tf.getGradient(tf.Relu)).toBeUndefined();
    const mine = {kernelName: tf.Relu, gradFunc: () => ({})};
    tf.registerGradient(mine);
    registerGradients();
    expect(tf.getGradient(tf.Relu)).toBe(mine);
    expect(tf.getGradient(tf.Relu6)).toBeDefined();
    tf.unregisterGradient(tf.Relu);
    registerGradients();
  });

  test.each(['cpu', OURS])('are the slopes of their ops on %s', async (backend) => {
    await tf.setBackend(backend);
    for (const [name, [op, ...shapes]] of Object.entries(CASES)) {
      const random = randomNumbers(11);
      const values = shapes.map((shape) =>
        randomFloats(tf.util.sizeFromShape(shape), random).map((x) => x + Math.sign(x) / 2),
      );
      const tensors = () => values.map((numbers, i) => tf.tensor(numbers, shapes[i]));
      // A loss to which every value matters otherwise, and in float64.
      const weightOf = (i: number) => Math.sin(3 * i + 1);
      const lossOf = (inputs: Float32Array[]) =>
        tf.tidy(() => {
          const out = op(...inputs.map((numbers, i) => tf.tensor(numbers, shapes[i]))).dataSync<'float32'>();
          return out.reduce((sum, x, i) => sum + x * weightOf(i), 0);
        });
      const before = tf.memory().numTensors;
      const gradients = tf.tidy(() => {
        const weighted = (...inputs: tf.Tensor[]) => {
          const out = op(...inputs);
          return tf.sum(
            tf.mul(
              out,
              tf.tensor(
                Float32Array.from({length: out.size}, (_, i) => weightOf(i)),
                out.shape,
              ),
            ),
          );
        };
        return tf
          .grads(weighted)(tensors())
          .map((gradient) => {
            return gradient.dataSync();
          });
      });
      expect([name, tf.memory().numTensors]).toEqual([name, before]);
      gradients.forEach((gradient, i) => {
        const step = 1e-2;
        for (const j of [0, 1, gradient.length >> 1, gradient.length - 1]) {
          const [up, down] = [step, -step].map((size) =>
            lossOf(values.map((numbers, k) => (k === i ? numbers.map((x, l) => (l === j ? x + size : x)) : numbers))),
          );
          const slope = (up - down) / (2 * step);
          expect([name, i, j, Math.abs(slope - gradient[j]) < 0.01 * (1 + Math.abs(slope))]).toEqual([
            name,
            i,
            j,
            true,
          ]);
        }
      });
    }
  });

  test('there is none of a dilated convolution', () => {
    const conv = (x: tf.Tensor) => tf.sum(tf.conv2d(four(x), tf.ones([3, 3, 4, 2]), 1, 'same', 'NHWC', 2));
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      expect(() => tf.grad(conv)(tf.ones(image))).toThrow(/dilation rates greater than 1/);
      for (const {saved} of tf.engine().state.activeTape as unknown as {saved: tf.Tensor[]}[]) tf.dispose(saved);
    });
    expect(tf.memory().numTensors).toBe(before);
  });
});
