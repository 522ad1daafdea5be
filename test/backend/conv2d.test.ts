import * as tf from '@tensorflow/tfjs-core';
import {configure} from '../../src';
import {BLOCK_SIZES} from '../../src/packed';
import type {LayerPath} from '../../src/plan';
import {OURS, useVariant, VARIANTS} from '../support/backends';
import {blockSparseFloats, randomFloats, randomNumbers} from '../support/random';
import {maxDifference, referenceConv2d} from '../support/reference';
import {type ConvShape, convShapes} from '../support/shapes';

const ACTIVATIONS = ['linear', 'relu', 'relu6', 'prelu', 'leakyrelu', 'elu', 'sigmoid'] as const;
const DENSITIES = [0, 0.3, 1];
const PATHS: LayerPath[] = [{kind: 'dense'}, ...BLOCK_SIZES.map((n) => ({kind: 'packed', n}) as const)];

interface Case {
  readonly shape: ConvShape;
  readonly x: Float32Array;
  readonly filter: Float32Array;
  readonly bias: Float32Array | null;
  readonly activation: (typeof ACTIVATIONS)[number];
  readonly slopes: Float32Array;
}

function makeCase(shape: ConvShape, n: number, density: number, index: number): Case {
  const random = randomNumbers(index + 1);
  const k = shape.k[0] * shape.k[1] * shape.cin;
  return {
    shape,
    x: randomFloats(shape.batch * shape.size[0] * shape.size[1] * shape.cin, random),
    // Sums of about the same size whatever K is, some of them beyond the clamp of relu6.
    filter: blockSparseFloats(k, shape.cout, n, density, random).map((w) => (w * 8) / Math.sqrt(k)),
    bias: index % 3 === 0 ? null : randomFloats(shape.cout, random),
    activation: ACTIVATIONS[index % ACTIVATIONS.length],
    slopes: randomFloats(index % 2 ? shape.cout : 1, random),
  };
}

/** Runs a case on the active backend; no activation and no bias go through plain conv2d. */
function run({shape, x, filter, bias, activation, slopes}: Case): Float32Array {
  return tf.tidy(() => {
    const input = tf.tensor4d(x, [shape.batch, shape.size[0], shape.size[1], shape.cin]);
    const weights = tf.tensor4d(filter, [shape.k[0], shape.k[1], shape.cin, shape.cout]);
    if (activation === 'linear' && !bias) {
      return tf.conv2d(input, weights, shape.stride, shape.pad, 'NHWC', shape.dilation).dataSync() as Float32Array;
    }
    const out = tf.fused.conv2d({
      x: input,
      filter: weights,
      strides: shape.stride,
      pad: shape.pad,
      dilations: shape.dilation,
      bias: bias ? tf.tensor1d(bias) : undefined,
      activation,
      preluActivationWeights: activation === 'prelu' ? tf.tensor1d(slopes) : undefined,
      leakyreluAlpha: activation === 'leakyrelu' ? slopes[0] : undefined,
    });
    return out.dataSync() as Float32Array;
  });
}

function reference({shape, x, filter, bias, activation, slopes}: Case): Float64Array {
  const slope = (o: number) => (activation === 'leakyrelu' || slopes.length === 1 ? slopes[0] : slopes[o]);
  return referenceConv2d(shape, x, filter, bias, activation, slope);
}

describe.each(VARIANTS)('conv2d on the %s kernels', (variant) => {
  beforeAll(() => useVariant(variant));
  afterEach(() => configure({path: 'auto', skipZeros: true}));

  let index = 0;
  describe.each(convShapes('edge'))('$name', (shape) => {
    for (const path of PATHS) {
      const n = path.kind === 'packed' ? path.n : 8;
      const name = path.kind === 'packed' ? `1x${n}` : path.kind;
      for (const density of DENSITIES) {
        const which = index++;
        const activation = ACTIVATIONS[which % ACTIVATIONS.length];
        it(`gives the reference's result, ${name} blocks, ${density * 100}% kept, ${activation}`, () => {
          configure({path});
          const test = makeCase(shape, n, density, which);
          const expected = reference(test);
          const before = tf.memory();
          const actual = run(test);
          expect(maxDifference(actual, expected)).toBeLessThan(1e-5 * Math.max(1, ...expected.map(Math.abs)));
          const after = tf.memory();
          expect(after.numTensors).toBe(before.numTensors);
          expect(after.numDataBuffers).toBe(before.numDataBuffers);
        });
      }
    }
  });

  it('gives what stock wasm gives, for every activation, whichever path the cost model takes', async () => {
    const cases = convShapes('edge').flatMap((shape, i) =>
      ACTIVATIONS.map((_, a) => makeCase(shape, 4, DENSITIES[(i + a) % 3], i * 7 + a)),
    );
    const ours = cases.map(run);
    await tf.setBackend('wasm');
    const stock = cases.map(run);
    await tf.setBackend(OURS);
    ours.forEach((result, i) => {
      const range = Math.max(1, ...stock[i].map(Math.abs));
      expect(maxDifference(result, stock[i])).toBeLessThan(1e-5 * range);
    });
  });
});
