import * as tf from '@tensorflow/tfjs-core';
import {configure} from '../../src';
import {BLOCK_SIZES} from '../../src/packed';
import type {LayerPath} from '../../src/plan';
import {OURS, useVariant, VARIANTS} from '../support/backends';
import {blockSparseFloats, randomFloats, randomNumbers} from '../support/random';
import {activate, maxDifference} from '../support/reference';

const ACTIVATIONS = ['linear', 'relu', 'relu6', 'prelu', 'leakyrelu', 'elu', 'sigmoid'] as const;
const PATHS: LayerPath[] = [{kind: 'dense'}, ...BLOCK_SIZES.map((n) => ({kind: 'packed', n}) as const)];
const SIZES = [
  [1, 1, 1],
  [1, 37, 10],
  [3, 5, 7],
  [4, 16, 32],
  [33, 19, 21],
  [200, 70, 45],
] as const;

interface Product {
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly size: readonly [rows: number, k: number, m: number];
}

function makeProduct(size: Product['size'], n: number, density: number, seed: number): Product {
  const random = randomNumbers(seed);
  const [rows, k, m] = size;
  return {a: randomFloats(rows * k, random), b: blockSparseFloats(k, m, n, density, random), size};
}

function reference({a, b, size: [rows, k, m]}: Product): Float64Array {
  const out = new Float64Array(rows * m);
  for (let r = 0; r < rows; r++) {
    for (let o = 0; o < m; o++) for (let c = 0; c < k; c++) out[r * m + o] += a[r * k + c] * b[c * m + o];
  }
  return out;
}

function transpose({b, size: [, k, m]}: Product): Float32Array {
  return Float32Array.from({length: k * m}, (_, i) => b[(i % k) * m + Math.floor(i / k)]);
}

describe.each(VARIANTS)('matMul on the %s kernels', (variant) => {
  beforeAll(() => useVariant(variant));
  afterEach(() => configure({path: 'auto'}));

  describe.each(SIZES)('[%i, %i] x [.., %i]', (...size) => {
    it.each(PATHS.map((path) => [path.kind === 'packed' ? `1x${path.n}` : path.kind, path] as const))(
      'gives the reference on %s weights, transposed or not, plain or fused',
      (_name, path) => {
        configure({path});
        [0, 0.4, 1].forEach((density, i) => {
          const product = makeProduct(size, path.kind === 'packed' ? path.n : 8, density, i + 1);
          const [rows, k, m] = size;
          const expected = reference(product);
          tf.tidy(() => {
            const a = tf.tensor2d(product.a, [rows, k]);
            const b = tf.tensor2d(product.b, [k, m]);
            const bT = tf.tensor2d(transpose(product), [m, k]);
            expect(maxDifference(tf.matMul(a, b).dataSync(), expected)).toBeLessThan(1e-5);
            expect(maxDifference(tf.matMul(a, bT, false, true).dataSync(), expected)).toBeLessThan(1e-5);
            for (const activation of ACTIVATIONS) {
              const bias = randomFloats(m, randomNumbers(7));
              const fused = tf.fused.matMul({
                a,
                b,
                bias: tf.tensor1d(bias),
                activation,
                preluActivationWeights: activation === 'prelu' ? tf.scalar(0.3) : undefined,
                leakyreluAlpha: 0.3,
              });
              const values = expected.map((x, o) => activate(x + bias[o % m], activation, 0.3));
              expect(maxDifference(fused.dataSync(), values)).toBeLessThan(1e-5);
            }
          });
        });
      },
    );
  });
});

describe('matMul as tfjs users call it', () => {
  beforeAll(() => useVariant('relaxed'));

  const shapes: [a: number[], b: number[], transposeA: boolean, transposeB: boolean][] = [
    [[2, 5, 6], [1, 6, 4], false, false],
    [[2, 5, 6], [2, 6, 4], false, false],
    [[1, 5, 6], [3, 6, 4], false, false],
    [[2, 3, 5, 6], [6, 4], false, false],
    [[6, 5], [6, 4], true, false],
    [[6, 5], [4, 6], true, true],
    [[2, 6, 5], [1, 4, 6], true, true],
    [[1, 1, 6], [6, 4], false, false],
  ];
  it.each(shapes)('agrees with stock wasm for shapes %j x %j, transposed %p %p', async (aShape, bShape, tA, tB) => {
    const run = () => {
      const size = (shape: number[]) => shape.reduce((product, n) => product * n, 1);
      return tf.tidy(() => {
        const random = randomNumbers(5);
        const a = tf.tensor(randomFloats(size(aShape), random), aShape);
        const b = tf.tensor(randomFloats(size(bShape), random), bShape);
        const out = tf.matMul(a, b, tA, tB);
        return {shape: out.shape, values: out.dataSync()};
      });
    };
    const ours = run();
    await tf.setBackend('wasm');
    const stock = run();
    await tf.setBackend(OURS);
    expect(ours.shape).toEqual(stock.shape);
    expect(maxDifference(ours.values, stock.values)).toBeLessThan(1e-5);
  });

  it("gives stock's error for inner dimensions that differ", () => {
    expect(() => tf.matMul(tf.ones([2, 3]), tf.ones([4, 2]))).toThrow(/inner shapes/);
  });

  it('multiplies rows that are too long for an index of 16 bits', () => {
    const k = 70000;
    const b = tf.tensor2d(new Float32Array(4 * k).fill(0, 0, 4 * k - 4).fill(1, 4 * k - 4), [k, 4]);
    const a = tf.reshape(tf.range(0, k), [1, k]);
    for (const path of ['auto', {kind: 'packed', n: 4}] as const) {
      configure({path});
      expect([...tf.matMul(a, b).dataSync()]).toEqual(Array.from({length: 4}, () => k - 1));
    }
    configure({path: 'auto'});
    tf.dispose([a, b]);
  });

  it('leaves an activation on the right-hand side unpacked until it proves to be a weight', () => {
    const {backendInfo} = jest.requireActual<typeof import('../../src')>('../../src');
    const a = tf.ones([64, 64]);
    const activation = tf.relu(tf.randomUniform([64, 64], -1, 1, 'float32', 3));
    const before = backendInfo().packedFilters;
    const first = tf.matMul(a, activation);
    const second = tf.matMul(a, activation);
    expect(backendInfo().packedFilters).toBe(before);
    const third = tf.matMul(a, activation);
    expect(backendInfo().packedFilters).toBe(before + 1);
    expect(maxDifference(first.dataSync(), second.dataSync())).toBe(0);
    expect(maxDifference(first.dataSync(), third.dataSync())).toBeLessThan(1e-4);
    tf.dispose([a, activation, first, second, third]);
    expect(backendInfo().packedFilters).toBe(before);
  });
});
