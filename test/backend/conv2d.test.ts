import * as tf from '@tensorflow/tfjs-core';
import {configure} from '../../src';
import {BLOCK_SIZES} from '../../src/packed';
import type {LayerPath} from '../../src/plan';
import {OURS, useVariant, VARIANTS} from '../support/backends';
import {ACTIVATIONS, convCase, type ConvCase, referenceCase, runCase} from '../support/convCase';
import {blockSparseFloats} from '../support/random';
import {maxDifference} from '../support/reference';
import {type ConvShape, convShapes} from '../support/shapes';

const DENSITIES = [0, 0.3, 1];
const PATHS: LayerPath[] = [{kind: 'dense'}, ...BLOCK_SIZES.map((n) => ({kind: 'packed', n}) as const)];

const FAMILIES: LayerPath[] = [{kind: 'dense'}, {kind: 'packed', n: 1}, {kind: 'packed', n: 4}];

/** Sums are of about the same size whatever K is, some of them beyond the clamp of relu6. */
function sparseCase(shape: ConvShape, n: number, density: number, index: number): ConvCase {
  const k = shape.k[0] * shape.k[1] * shape.cin;
  return convCase(shape, index, (random) =>
    blockSparseFloats(k, shape.cout, n, density, random).map((w) => (w * 8) / Math.sqrt(k)),
  );
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
          const test = sparseCase(shape, n, density, which);
          const expected = referenceCase(test);
          const before = tf.memory();
          const actual = runCase(test);
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
      ACTIVATIONS.map((_, a) => sparseCase(shape, 4, DENSITIES[(i + a) % 3], i * 7 + a)),
    );
    const ours = cases.map(runCase);
    await tf.setBackend('wasm');
    const stock = cases.map(runCase);
    await tf.setBackend(OURS);
    ours.forEach((result, i) => {
      const range = Math.max(1, ...stock[i].map(Math.abs));
      expect(maxDifference(result, stock[i])).toBeLessThan(1e-5 * range);
    });
  });

  it.each(convShapes('bench'))("gives stock's result on its paths for the benchmark's $name", async (shape) => {
    const test = sparseCase(shape, 4, 0.5, 2); // relu6 and a bias
    // Millions of values take seconds a path: of large images one path of each family of kernels.
    const isLarge = shape.size[0] * shape.size[1] * shape.cout > 3e5;
    const ours = (isLarge ? FAMILIES : PATHS).map((path) => {
      configure({path});
      return runCase(test);
    });
    await tf.setBackend('wasm');
    const stock = runCase(test);
    await tf.setBackend(OURS);
    for (const result of ours) expect(maxDifference(result, stock)).toBeLessThan(1e-4);
  });
});
