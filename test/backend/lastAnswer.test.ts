import * as tf from '@tensorflow/tfjs-core';
import {configure} from '../../src';
import {withLastAnswer} from '../../src/backend/lastAnswer';
import type {LayerPath} from '../../src/plan';
import {OURS, useVariant} from '../support/backends';
import {randomFloats, randomNumbers} from '../support/random';
import {maxDifference} from '../support/reference';

describe('the last answer', () => {
  const setUp = () => {
    const compute = jest.fn((shape: readonly number[], pad: string | number[][]) => ({shape: [...shape], pad}));
    return {compute, answer: withLastAnswer(compute)};
  };

  it('is given again for an equal question about the same data', () => {
    const {compute, answer} = setUp();
    const data = {};
    const first = answer(data, [1, 2], [[0, 1]]);
    expect(answer(data, [1, 2], [[0, 1]])).toBe(first);
    expect(compute).toHaveBeenCalledTimes(1);
  });

  it('is not given for other data, values, lengths or kinds', () => {
    const {compute, answer} = setUp();
    const data = {};
    answer(data, [1, 2], 'same');
    answer({}, [1, 2], 'same');
    expect(compute).toHaveBeenCalledTimes(2);
    for (const [shape, pad] of [
      [[1, 3], 'same'],
      [[1, 3, 1], 'same'],
      [[1, 3], 'valid'],
      [[1, 3], [[0, 0]]],
      [[1, 3], [[0, 1]]],
      [[1, 3], [[0, 1, 0]]],
    ] as const) {
      expect(answer(data, shape, pad as string | number[][]).shape).toEqual(shape);
    }
    expect(compute).toHaveBeenCalledTimes(8);
  });

  it('knows that there is nothing, whatever stands for it', () => {
    const answer = withLastAnswer((...attributes: (null | undefined | number[])[]) => attributes);
    const data = {};
    for (const attribute of [null, undefined, [1], null]) expect(answer(data, attribute)).toEqual([attribute]);
  });

  it('is not given where the caller has changed its lists', () => {
    const {compute, answer} = setUp();
    const data = {};
    const shape = [1, 2];
    const pad = [[0, 1]];
    answer(data, shape, pad);
    shape[1] = 3;
    expect(answer(data, shape, pad).shape).toEqual([1, 3]);
    pad[0][1] = 2;
    answer(data, shape, pad);
    expect(compute).toHaveBeenCalledTimes(3);
  });
});

describe('one filter in many ways, by turns', () => {
  type Pad = 'same' | 'valid' | number | [[0, 0], [number, number], [number, number], [0, 0]];
  const CALLS: [strides: [number, number], pad: Pad, dilations: [number, number], size: [number, number, number]][] = [
    [[1, 1], 'same', [1, 1], [1, 9, 10]],
    [[1, 1], 'valid', [1, 1], [1, 9, 10]],
    [[2, 1], 'same', [1, 1], [1, 9, 10]],
    [[1, 2], 'same', [1, 1], [1, 9, 10]],
    [[1, 1], 'same', [2, 1], [1, 9, 10]],
    [[1, 1], 'same', [1, 2], [1, 9, 10]],
    [[1, 1], 'same', [1, 1], [1, 10, 9]],
    [[1, 1], 'same', [1, 1], [2, 9, 10]],
    [[1, 1], 'same', [1, 1], [1, 40, 41]],
    [[1, 1], 1, [1, 1], [1, 9, 10]],
    [
      [1, 1],
      [
        [0, 0],
        [2, 0],
        [1, 3],
        [0, 0],
      ],
      [1, 1],
      [1, 9, 10],
    ],
    [[2, 2], 'valid', [1, 1], [1, 3, 3]],
  ];
  const CHANNELS = 20;
  const PATHS: (LayerPath | 'auto')[] = ['auto', {kind: 'dense'}, {kind: 'packed', n: 4}];
  type Run = (call: (typeof CALLS)[number], filter: tf.Tensor4D) => tf.Tensor;

  beforeAll(() => {
    configure({threads: 3});
    return useVariant('simd128');
  });
  beforeEach(() => tf.setBackend(OURS));
  afterAll(() => configure({threads: 'auto', path: 'auto'}));

  const inputOf = ([, , , size]: (typeof CALLS)[number]): tf.Tensor4D =>
    tf.tensor4d(randomFloats(size[0] * size[1] * size[2] * CHANNELS, randomNumbers(3)), [...size, CHANNELS]);
  const OPS: [string, number, Run][] = [
    [
      'conv2d',
      3,
      (call, filter) => {
        const [strides, pad, dilations] = call;
        return tf.conv2d(inputOf(call), filter, strides, pad as number, 'NHWC', dilations);
      },
    ],
    [
      'depthwiseConv2d',
      1,
      (call, filter) => {
        const [strides, pad, dilations] = call;
        return tf.depthwiseConv2d(inputOf(call), filter, strides, pad as number, 'NHWC', dilations);
      },
    ],
    [
      'matMul',
      3,
      ([, , , [batch, height, width]], filter) => {
        // By turns transposed; all share the filter's data.
        const transposed = width % 2 === 1;
        const matrix: tf.Tensor2D = tf.reshape(filter, [-1, 9 * CHANNELS]);
        const k = matrix.shape[transposed ? 1 : 0];
        const a = tf.tensor2d(randomFloats(batch * height * k, randomNumbers(4)), [batch * height, k]);
        return tf.matMul(a, matrix, false, transposed);
      },
    ],
  ];

  it.each(OPS)('%s gives what stock gives, on 1 and 3 threads and every path', async (_, last, run) => {
    const values = randomFloats(9 * CHANNELS * last, randomNumbers(5));
    const makeFilter = () => tf.tensor4d(values, [3, 3, CHANNELS, last]);
    await tf.setBackend('wasm');
    const expected = tf.tidy(() => CALLS.map((call) => run(call, makeFilter()).dataSync()));
    await tf.setBackend(OURS);
    const filter = makeFilter();
    for (let round = 0; round < 2; round++) {
      for (const [i, call] of CALLS.entries()) {
        for (const path of PATHS) {
          for (const threads of [1, 3]) {
            configure({path, threads});
            for (let again = 0; again < 2; again++) {
              const out = tf.tidy(() => run(call, filter).dataSync());
              expect(maxDifference(out, Array.from(expected[i]))).toBeLessThan(1e-4);
            }
          }
        }
      }
    }
    filter.dispose();
  });

  it('packs anew what came back from another backend', async () => {
    configure({path: {kind: 'dense'}, threads: 1});
    const values = randomFloats(9 * CHANNELS * 3, randomNumbers(6));
    const filter = tf.tensor4d(values, [3, 3, CHANNELS, 3]);
    const depthwise = tf.tensor4d(values.subarray(0, 9 * CHANNELS), [3, 3, CHANNELS, 1]);
    const convolve = () => OPS[0][2](CALLS[0], filter).dataSync();
    const convolveDepthwise = () => OPS[1][2](CALLS[0], depthwise).dataSync();
    const first = tf.tidy(() => [convolve(), convolveDepthwise()]);
    await tf.setBackend('cpu');
    tf.tidy(() => [convolve(), convolveDepthwise()]); // moves the filters, which frees their packed forms
    await tf.setBackend(OURS);
    const overwritten = tf.randomUniform([4096]);
    expect(tf.tidy(() => [convolve(), convolveDepthwise()])).toEqual(first);
    tf.dispose([filter, depthwise, overwritten]);
  });
});
