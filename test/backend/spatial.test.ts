import * as tf from '@tensorflow/tfjs-core';
import {OURS, useVariant} from '../support/backends';
import {randomFloats, randomNumbers} from '../support/random';
import {maxDifference} from '../support/reference';

/** Runs on ours and on stock, and returns both results. */
async function both(run: () => tf.Tensor): Promise<{shape: number[]; values: Float32Array}[]> {
  const results = [];
  for (const backend of [OURS, 'wasm']) {
    await tf.setBackend(backend);
    const buffers = tf.memory().numDataBuffers;
    results.push(
      tf.tidy(() => {
        const out = run();
        return {shape: out.shape, values: out.dataSync() as Float32Array};
      }),
    );
    expect(tf.memory().numDataBuffers).toBe(buffers);
  }
  await tf.setBackend(OURS);
  return results;
}

function image(shape: [number, number, number, number], offset = 0): tf.Tensor4D {
  const size = shape.reduce((product, n) => product * n, 1);
  return tf.tensor4d(
    randomFloats(size, randomNumbers(9)).map((x) => x + offset),
    shape,
  );
}

beforeAll(() => useVariant('relaxed'));

describe('mean over the pixels', () => {
  const shapes: [number, number, number, number][] = [
    [1, 1, 1, 1],
    [1, 7, 7, 32],
    [2, 5, 3, 7],
    [3, 1, 9, 4],
    [1, 8, 8, 5],
    [1, 65, 3, 6],
    [2, 40, 33, 3],
  ];
  it.each(shapes)("is stock's for [%i, %i, %i, %i], kept dimensions or not, negative axes", async (...shape) => {
    for (const [axis, keep] of [
      [[1, 2], false],
      [[1, 2], true],
      [[-2, -3], false],
    ] as [number[], boolean][]) {
      const [ours, stock] = await both(() => tf.mean(image(shape), axis, keep));
      expect(ours.shape).toEqual(stock.shape);
      expect(maxDifference(ours.values, stock.values)).toBeLessThan(1e-5);
    }
  });

  it('loses no precision over many pixels', () => {
    const values = randomFloats(256 * 256 * 4, randomNumbers(1)).map((x) => x + 100);
    const expected = [0, 1, 2, 3].map((c) => {
      let sum = 0;
      for (let i = c; i < values.length; i += 4) sum += values[i];
      return sum / (256 * 256);
    });
    const mean = tf.tidy(() => tf.mean(tf.tensor4d(values, [1, 256, 256, 4]), [1, 2]).dataSync());
    expect(maxDifference(mean, expected)).toBeLessThan(1e-4);
  });

  it.each([
    ['all axes', () => tf.mean(image([2, 3, 4, 5]))],
    ['channels', () => tf.mean(image([2, 3, 4, 5]), 3)],
    ['one spatial axis', () => tf.mean(image([2, 3, 4, 5]), 1)],
    ['rank 3', () => tf.mean(tf.reshape(image([2, 3, 4, 5]), [6, 4, 5]), [0, 1])],
    ['integers', () => tf.mean(tf.cast(image([2, 3, 4, 5], 10), 'int32'), [1, 2])],
    ['no pixels', () => tf.mean(tf.zeros([1, 0, 4, 5]), [1, 2])],
  ] as const)("is stock's for what our kernel does not take: %s", async (_, run) => {
    const [ours, stock] = await both(run);
    expect(ours.shape).toEqual(stock.shape);
    expect(maxDifference(ours.values, stock.values)).toBeLessThan(1e-5);
  });
});

describe('depthToSpace', () => {
  it.each([
    [[1, 1, 1, 4], 2],
    [[1, 3, 5, 12], 2],
    [[2, 4, 3, 18], 3],
    [[1, 6, 6, 64], 4],
    [[2, 2, 7, 20], 2],
  ] as [[number, number, number, number], number][])("is stock's for %j in blocks of %i", async (shape, block) => {
    const [ours, stock] = await both(() => tf.depthToSpace(image(shape), block, 'NHWC'));
    expect(ours.shape).toEqual(stock.shape);
    expect(maxDifference(ours.values, stock.values)).toBe(0);
  });

  it("is stock's for NCHW", async () => {
    const [ours, stock] = await both(() => tf.depthToSpace(image([1, 8, 3, 4]), 2, 'NCHW'));
    expect(ours.shape).toEqual(stock.shape);
    expect(maxDifference(ours.values, stock.values)).toBe(0);
  });
});

describe('pad', () => {
  it.each([
    [
      [
        [0, 0],
        [1, 1],
        [1, 1],
        [0, 0],
      ],
      0,
    ],
    [
      [
        [0, 0],
        [0, 1],
        [0, 1],
        [0, 0],
      ],
      0,
    ],
    [
      [
        [0, 0],
        [0, 0],
        [0, 0],
        [0, 5],
      ],
      0,
    ],
    [
      [
        [1, 2],
        [0, 3],
        [4, 0],
        [1, 2],
      ],
      -1.5,
    ],
    [
      [
        [0, 0],
        [0, 0],
        [0, 0],
        [0, 0],
      ],
      7,
    ],
    [
      [
        [0, 0],
        [2, 0],
        [0, 0],
        [3, 0],
      ],
      Infinity,
    ],
  ] as [[[number, number], [number, number], [number, number], [number, number]], number][])(
    "is stock's for %j with %f",
    async (paddings, value) => {
      for (const shape of [
        [2, 3, 5, 7],
        [1, 1, 1, 1],
        [1, 4, 4, 16],
      ] as [number, number, number, number][]) {
        const [ours, stock] = await both(() => tf.pad(image(shape), paddings, value));
        expect(ours.shape).toEqual(stock.shape);
        expect(maxDifference(ours.values, stock.values)).toBe(0);
      }
    },
  );

  it.each([
    [
      'rank 2',
      () =>
        tf.pad(tf.ones([2, 3]), [
          [1, 0],
          [0, 2],
        ]),
    ],
    [
      'integers',
      () =>
        tf.pad(
          tf.cast(image([1, 2, 2, 3], 9), 'int32'),
          [
            [0, 0],
            [1, 0],
            [0, 1],
            [0, 0],
          ],
          4,
        ),
    ],
  ] as const)("is stock's for what our kernel does not take: %s", async (_, run) => {
    const [ours, stock] = await both(run);
    expect(ours.shape).toEqual(stock.shape);
    expect(maxDifference(ours.values, stock.values)).toBe(0);
  });
});
