// A convolution to run on a backend and on the reference, dense or depthwise.
import * as tf from '@tensorflow/tfjs-core';
import {randomFloats, randomNumbers} from './random';
import {referenceConv2d} from './reference';
import type {ConvShape} from './shapes';

/** All activations that stock's fused kernels have. */
export const ACTIVATIONS = ['linear', 'relu', 'relu6', 'prelu', 'leakyrelu', 'elu', 'sigmoid'] as const;

export interface ConvCase {
  readonly shape: ConvShape;
  readonly depthwise: boolean;
  readonly x: Float32Array;
  /** `[kh, kw, cin, cout]`, or `[kh, kw, cin, cout / cin]` where depthwise. */
  readonly filter: Float32Array;
  readonly bias: Float32Array | null;
  readonly activation: (typeof ACTIVATIONS)[number];
  /** One slope, or one a channel. */
  readonly slopes: Float32Array;
}

/**
 * A case with random values; `index` seeds them and chooses activation, bias and slopes, so that a table of cases has
 * them all.
 */
export function convCase(
  shape: ConvShape,
  index: number,
  makeFilter: (random: () => number) => Float32Array,
  depthwise = false,
): ConvCase {
  const random = randomNumbers(index + 1);
  return {
    shape,
    depthwise,
    x: randomFloats(shape.batch * shape.size[0] * shape.size[1] * shape.cin, random),
    filter: makeFilter(random),
    bias: index % 3 === 0 ? null : randomFloats(shape.cout, random),
    activation: ACTIVATIONS[index % ACTIVATIONS.length],
    slopes: randomFloats(index % 2 ? shape.cout : 1, random),
  };
}

/** Runs a case on the active backend; without activation and bias through the plain op. */
export function runCase({shape, depthwise, x, filter, bias, activation, slopes}: ConvCase): Float32Array {
  const {batch, size, cin, cout, k, stride, dilation} = shape;
  const pad = shape.pad as 'same'; // depthwiseConv2d takes explicit padding too, its type does not say so
  return tf.tidy(() => {
    const input = tf.tensor4d(x, [batch, ...size, cin]);
    const weights = tf.tensor4d(filter, [...k, cin, depthwise ? cout / cin : cout]);
    if (activation === 'linear' && !bias) {
      const op = depthwise ? tf.depthwiseConv2d : tf.conv2d;
      return op(input, weights, stride, pad, 'NHWC', dilation).dataSync() as Float32Array;
    }
    const op = depthwise ? tf.fused.depthwiseConv2d : tf.fused.conv2d;
    const out = op({
      x: input,
      filter: weights,
      strides: stride,
      pad,
      dilations: dilation,
      bias: bias ? tf.tensor1d(bias) : undefined,
      activation,
      preluActivationWeights: activation === 'prelu' ? tf.tensor1d(slopes) : undefined,
      leakyreluAlpha: activation === 'leakyrelu' ? slopes[0] : undefined,
    });
    return out.dataSync() as Float32Array;
  });
}

/** What the case gives by the definition of a convolution. */
export function referenceCase({shape, depthwise, x, filter, bias, activation, slopes}: ConvCase): Float64Array {
  const slope = (o: number) => (activation === 'leakyrelu' || slopes.length === 1 ? slopes[0] : slopes[o]);
  return referenceConv2d(shape, x, filter, bias, activation, slope, depthwise);
}
