import * as tf from '@tensorflow/tfjs-core';
import {backendInfo, type BlockSparseBackend, configure} from '../../src';
import {OURS, useVariant} from '../support/backends';
import {blockSparseFloats, randomFloats, randomNumbers} from '../support/random';
import {maxDifference} from '../support/reference';

const conv = (x: tf.Tensor4D, filter: tf.Tensor4D) => tf.conv2d(x, filter, 1, 'same');

describe('the backend', () => {
  beforeAll(() => useVariant('relaxed'));
  afterEach(() => configure({path: 'auto', skipZeros: true}));

  it('keeps its packed weights as long as the filter lives, whoever holds it, and no longer', () => {
    const before = backendInfo();
    const x = tf.ones<tf.Rank.R4>([1, 8, 8, 16]);
    const filter = tf.randomUniform<tf.Rank.R4>([1, 1, 16, 32], -1, 1, 'float32', 1);
    const uploaded = tf.tensor4d(filter.dataSync(), [1, 1, 16, 32]);
    conv(x, uploaded).dispose();
    conv(x, uploaded).dispose();
    expect(backendInfo().packedFilters).toBe(before.packedFilters + 1);
    expect(backendInfo().packedBytes).toBeGreaterThan(before.packedBytes);
    const sameData = tf.reshape(uploaded, [16, 32]);
    uploaded.dispose();
    expect(backendInfo().packedFilters).toBe(before.packedFilters + 1);
    sameData.dispose();
    expect(backendInfo().packedFilters).toBe(before.packedFilters);
    expect(backendInfo().packedBytes).toBe(before.packedBytes);
    tf.dispose([x, filter]);
  });

  it('never serves a stale packing: a variable that is assigned to convolves with its new value', () => {
    const x = tf.ones<tf.Rank.R4>([1, 4, 4, 8]);
    const variable = tf.variable(tf.fill([1, 1, 8, 8], 1) as tf.Tensor4D);
    for (let step = 1; step <= 6; step++) {
      const value = tf.tidy(() => conv(x, variable as unknown as tf.Tensor4D).dataSync()[0]);
      expect(value).toBe(8 * step);
      const next = tf.add(variable, 1) as tf.Tensor4D;
      variable.assign(next);
      next.dispose();
    }
    variable.dispose();
    x.dispose();
  });

  it('uses one tensor as two matrices, as it lies and transposed, without mixing them up', () => {
    configure({path: {kind: 'packed', n: 4}});
    const square = tf.tensor2d(randomFloats(64, randomNumbers(2)), [8, 8]);
    const a = tf.eye(8);
    expect(maxDifference(tf.matMul(a, square).dataSync(), square.dataSync())).toBe(0);
    expect(maxDifference(tf.matMul(a, square, false, true).dataSync(), tf.transpose(square).dataSync())).toBe(0);
  });

  it('alternates with stock wasm and cpu, and takes tensors that move between them', async () => {
    const values = randomFloats(6 * 6 * 8, randomNumbers(3));
    const weights = blockSparseFloats(8, 12, 4, 0.5, randomNumbers(4));
    const x = tf.tensor4d(values, [1, 6, 6, 8]);
    const filter = tf.tensor4d(weights, [1, 1, 8, 12]);
    const results: Float32Array[] = [];
    for (const name of [OURS, 'wasm', OURS, 'cpu', OURS, 'wasm', 'cpu', OURS]) {
      await tf.setBackend(name);
      const out = conv(x, filter);
      results.push((await out.data()) as Float32Array);
      out.dispose();
    }
    for (const result of results) expect(maxDifference(result, results[0])).toBeLessThan(1e-5);
    tf.dispose([x, filter]);
  });

  it('keeps stock kernels right when backends alternate: each setBackend binds them anew', async () => {
    const run = () => tf.tidy(() => tf.exp(tf.cumsum(tf.ones([1, 4, 4, 2]), 3)).dataSync());
    const ours = run();
    await tf.setBackend('wasm');
    const stock = run();
    await tf.setBackend(OURS);
    expect(maxDifference(run(), ours)).toBe(0);
    expect(maxDifference(stock, ours)).toBe(0);
  });

  it('survives the growth of the heap between two uses of a packed filter', () => {
    const x = tf.tensor4d(randomFloats(16 * 8, randomNumbers(5)), [1, 4, 4, 8]);
    const filter = tf.tensor4d(randomFloats(64, randomNumbers(6)), [1, 1, 8, 8]);
    const first = conv(x, filter).dataSync();
    const big = tf.ones([32, 1024, 1024]); // 128 MiB: more than the heap starts with
    expect(maxDifference(conv(x, filter).dataSync(), first)).toBe(0);
    tf.dispose([big, x, filter]);
  });

  it('does not let a NaN of the input meet a zero that it skips, unless asked to', () => {
    const x = tf.tensor4d([NaN, 1, 2, 3], [1, 1, 1, 4]);
    const filter = tf.tensor4d([0, 0, 1, 1, 1, 1, 1, 1], [1, 1, 4, 2]);
    configure({path: {kind: 'packed', n: 2}});
    expect([...conv(x, filter).dataSync()]).toEqual([6, 6]);
    configure({path: 'auto', skipZeros: false});
    expect([...conv(x, filter).dataSync()]).toEqual([NaN, NaN]);
  });

  it('keeps a NaN and an infinity where weights are not zero, through relu as stock does', async () => {
    const run = () =>
      tf.tidy(() => {
        const x = tf.tensor4d([NaN, Infinity, -Infinity, 1], [1, 2, 2, 1]);
        const filter = tf.tensor4d([1, -1, 2], [1, 1, 1, 3]);
        return [
          ...tf.fused.conv2d({x, filter, strides: 1, pad: 'same'}).dataSync(),
          ...tf.fused.conv2d({x, filter, strides: 1, pad: 'same', activation: 'relu6'}).dataSync(),
        ];
      });
    const ours = run();
    await tf.setBackend('wasm');
    const stock = run();
    await tf.setBackend(OURS);
    expect(ours.slice(0, 12)).toEqual(stock.slice(0, 12));
    expect(ours.slice(15)).toEqual(stock.slice(15)); // what relu6 makes of a NaN is undefined in stock
  });

  it("gives stock's error for NCHW", () => {
    const x = tf.ones<tf.Rank.R4>([1, 3, 4, 4]);
    expect(() => tf.conv2d(x, tf.ones([1, 1, 3, 2]), 1, 'same', 'NCHW')).toThrow(/channelsLast/);
  });

  it('convolves nothing into nothing', () => {
    expect(conv(tf.zeros([0, 4, 4, 3]), tf.ones([3, 3, 3, 2])).shape).toEqual([0, 4, 4, 2]);
  });

  it('frees everything when it is removed, and starts again', async () => {
    const x = tf.ones<tf.Rank.R4>([1, 4, 4, 4]);
    const filter = tf.tensor4d(randomFloats(16, randomNumbers(8)), [1, 1, 4, 4]);
    conv(x, filter).dispose();
    tf.dispose([x, filter]);
    await useVariant('simd128');
    expect(backendInfo()).toMatchObject({variant: 'simd128', packedFilters: 0, packedBytes: 0});
    await useVariant('relaxed');
    expect(backendInfo().variant).toBe('relaxed');
  });

  it('frees what it has made when a kernel fails half-way', () => {
    const backend = tf.engine().backend as BlockSparseBackend;
    const x = tf.ones<tf.Rank.R4>([1, 4, 4, 8]);
    const filter = tf.tensor4d(randomFloats(64, randomNumbers(1)), [1, 1, 8, 8]);
    const failing = jest.spyOn(backend.runner, 'conv2d').mockImplementation(() => {
      throw new Error('out of WebAssembly memory');
    });
    const before = backend.numDataIds();
    expect(() => conv(x, filter)).toThrow(/out of WebAssembly memory/);
    expect(backend.numDataIds()).toBe(before);
    failing.mockRestore();
    expect(conv(x, filter).shape).toEqual([1, 4, 4, 8]);
  });

  it('has every kernel that stock wasm has, and gradients', () => {
    const names = (backend: string) => tf.getKernelsForBackend(backend).map(({kernelName}) => kernelName);
    const gradients = [
      tf.Conv2DBackpropFilter,
      tf.DepthwiseConv2dNativeBackpropFilter,
      tf.DepthwiseConv2dNativeBackpropInput,
      'ReluGrad', // of registerGradients alone
      'Relu6Grad',
    ];
    expect(new Set(names(OURS))).toEqual(new Set([...names('wasm'), ...gradients]));
    expect(names(OURS).length).toBeGreaterThan(150);
  });
});
