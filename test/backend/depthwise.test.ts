import * as tf from '@tensorflow/tfjs-core';
import {configure} from '../../src';
import {OURS, useVariant, VARIANTS} from '../support/backends';
import {randomFloats, randomNumbers} from '../support/random';
import {maxDifference, referenceConv2d} from '../support/reference';
import {type ConvShape, convShapes} from '../support/shapes';

const ACTIVATIONS = ['linear', 'relu', 'relu6', 'prelu', 'leakyrelu', 'elu', 'sigmoid'] as const;

interface Case {
  readonly shape: ConvShape;
  readonly x: Float32Array;
  readonly filter: Float32Array;
  readonly bias: Float32Array | null;
  readonly activation: (typeof ACTIVATIONS)[number];
  readonly slopes: Float32Array;
}

function makeCase(shape: ConvShape, index: number): Case {
  const random = randomNumbers(index + 1);
  return {
    shape,
    x: randomFloats(shape.batch * shape.size[0] * shape.size[1] * shape.cin, random),
    filter: randomFloats(shape.k[0] * shape.k[1] * shape.cin, random).map((w) => 3 * w),
    bias: index % 3 === 0 ? null : randomFloats(shape.cin, random),
    activation: ACTIVATIONS[index % ACTIVATIONS.length],
    slopes: randomFloats(index % 2 ? shape.cin : 1, random),
  };
}

/** Runs a case on the active backend; no activation and no bias go through plain depthwiseConv2d. */
function run({shape, x, filter, bias, activation, slopes}: Case): Float32Array {
  return tf.tidy(() => {
    const input = tf.tensor4d(x, [shape.batch, shape.size[0], shape.size[1], shape.cin]);
    const weights = tf.tensor4d(filter, [shape.k[0], shape.k[1], shape.cin, 1]);
    const out =
      activation === 'linear' && !bias
        ? tf.depthwiseConv2d(input, weights, shape.stride, shape.pad as 'same', 'NHWC', shape.dilation)
        : tf.fused.depthwiseConv2d({
            x: input,
            filter: weights,
            strides: shape.stride,
            pad: shape.pad as 'same', // tfjs takes explicit padding too, its type does not say so
            dilations: shape.dilation,
            bias: bias ? tf.tensor1d(bias) : undefined,
            activation,
            preluActivationWeights: activation === 'prelu' ? tf.tensor1d(slopes) : undefined,
            leakyreluAlpha: activation === 'leakyrelu' ? slopes[0] : undefined,
          });
    return out.dataSync() as Float32Array;
  });
}

describe.each(VARIANTS)('depthwise convolution on the %s kernels', (variant) => {
  beforeAll(() => useVariant(variant));
  afterEach(() => configure({path: 'auto'}));

  describe.each(convShapes('depthwiseEdge'))('$name', (shape) => {
    it.each(ACTIVATIONS.map((activation, i) => [activation, i] as const))(
      "gives the reference's result, %s",
      (_, i) => {
        const test = makeCase(shape, i);
        const {x, filter, bias, activation, slopes} = test;
        const slope = (c: number) => (activation === 'leakyrelu' || slopes.length === 1 ? slopes[0] : slopes[c]);
        const expected = referenceConv2d(shape, x, filter, bias, activation, slope, true);
        const before = tf.memory().numDataBuffers;
        expect(maxDifference(run(test), expected)).toBeLessThan(1e-5);
        expect(tf.memory().numDataBuffers).toBe(before);
      },
    );

    it('gives what stock wasm gives', async () => {
      const test = makeCase(shape, 2); // relu6 and a bias
      const ours = run(test);
      await tf.setBackend('wasm');
      const stock = run(test);
      await tf.setBackend(OURS);
      expect(maxDifference(ours, stock)).toBeLessThan(1e-5);
    });
  });

  it("leaves a channel multiplier to stock's kernel", () => {
    const x = tf.ones<tf.Rank.R4>([1, 4, 4, 4]);
    const out = tf.depthwiseConv2d(x, tf.ones([3, 3, 4, 2]), 1, 'valid');
    expect(out.shape).toEqual([1, 2, 2, 8]);
    expect([...out.dataSync()]).toEqual(Array.from({length: 32}, () => 9));
  });

  it("runs stock's kernel where all layers are told to", () => {
    configure({path: {kind: 'stock'}});
    const test = makeCase(convShapes('depthwiseEdge')[0], 2);
    const stock = run(test);
    configure({path: 'auto'});
    expect(maxDifference(run(test), stock)).toBeLessThan(1e-5);
  });
});
