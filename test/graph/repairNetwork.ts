// A small network with all that a repair has to deal with.
import * as tf from '@tensorflow/tfjs-core';
import type {io} from '@tensorflow/tfjs-core';
import {randomFloats, randomNumbers} from '../support/random';
import {ConvGraphBuilder} from './convGraphs';

export const SIZE = 8;

/** Those of `network` that can be pruned. */
export const LAYERS = ['expand', 'project', 'wide'];

interface Shape {
  readonly batch?: number;
  /** What stands behind the logits. */
  readonly end?: string;
  readonly bias?: boolean;
}

/** A residual block with a depthwise layer, a 3x3 convolution and a classifier. */
export function network({batch = -1, end = 'Softmax', bias = true}: Shape = {}): io.ModelArtifacts {
  const g = new ConvGraphBuilder(3);
  const fused = (...names: string[]) => ['BiasAdd', ...names];
  const options = (activation?: string) => (bias ? {fused: activation ? fused(activation) : fused()} : {});
  const first = g.conv('first', g.input('x', [batch, SIZE, SIZE, 3]), {out: 16, k: 3, stride: 2, ...options('Relu6')});
  const expand = g.conv('expand', first, {out: 32, ...options('Relu6')});
  const depth = g.depthwise('depth', expand, options('Relu6'));
  const sum = g.add('sum', 'AddV2', [g.conv('project', depth, {out: 16, ...options()}), first]);
  const wide = g.conv('wide', sum, {out: 24, k: 3, ...options('Relu')});
  const logits = g.matMul('logits', g.reduce('mean', 'Mean', wide, [1, 2], false), 6);
  const scaled = g.add('scaled', 'Mul', [logits, g.floats('scale', [1], [0.1])]);
  return g.artifacts([g.add('out', end, [scaled])]);
}

/** Smooth images: neighbouring pixels are alike, as in photographs, so that fits carry over. */
export function smoothImage(index: number): tf.Tensor4D {
  return tf.tidy(() => {
    const coarse = tf.tensor4d(randomFloats(3 * 3 * 3, randomNumbers(100 + index)), [1, 3, 3, 3]);
    return tf.image.resizeBilinear(coarse, [SIZE, SIZE]);
  });
}

export function* smoothImages(count: number, from = 0): Generator<tf.Tensor4D> {
  for (let i = 0; i < count; i++) yield smoothImage(from + i);
}
