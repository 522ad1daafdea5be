import * as tf from '@tensorflow/tfjs-core';
import {Job} from '../../kernels/task';
import {configure} from '../../src';
import {KernelRunner} from '../../src/runtime';
import {VARIANTS} from '../support/backends';
import {onBackends, useThreads} from '../support/onBackends';
import {randomFloats, randomNumbers} from '../support/random';
import {maxDifference} from '../support/reference';

type Shape = [number, number, number, number];
type Size = [number, number];

const cases: [Shape, Size][] = [
  [
    [1, 1, 1, 1],
    [1, 1],
  ],
  [
    [1, 1, 1, 3],
    [4, 5],
  ],
  [
    [1, 4, 4, 1],
    [8, 8],
  ],
  [
    [2, 5, 3, 2],
    [3, 7],
  ],
  [
    [1, 7, 9, 3],
    [13, 4],
  ],
  [
    [3, 3, 4, 5],
    [1, 1],
  ],
  [
    [1, 6, 6, 16],
    [6, 6],
  ],
  [
    [1, 6, 5, 23],
    [1, 9],
  ],
  [
    [2, 16, 16, 64],
    [32, 32],
  ],
  [
    [1, 90, 120, 3],
    [224, 224],
  ],
  [
    [1, 33, 47, 8],
    [97, 101],
  ],
  [
    [1, 10, 10, 4],
    [1000, 7],
  ],
];

/** alignCorners, halfPixelCenters; tfjs does not allow both. */
const modes: [boolean, boolean][] = [
  [false, false],
  [true, false],
  [false, true],
];

function valuesOf(shape: Shape, specials: readonly number[] = []): Float32Array {
  const random = randomNumbers(7);
  const values = randomFloats(tf.util.sizeFromShape(shape), random);
  return specials.length
    ? values.map((x) => (random() < 0.1 ? specials[Math.floor(random() * specials.length)] : x))
    : values;
}

/** Input lines an output line. */
function scaleOf(from: number, to: number, align: boolean): number {
  return align && to > 1 ? (from - 1) / (to - 1) : from / to;
}

/** Calls `pixel` with the image, the output line and column, and the index of its first value, for every output pixel. */
function forPixels(
  [batch, , , channels]: Shape,
  [height, width]: Size,
  pixel: (b: number, y: number, x: number, i: number) => void,
) {
  for (let b = 0, i = 0; b < batch; b++)
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++, i += channels) pixel(b, y, x, i);
}

/** Linear interpolation by its definition, in float64. */
function bilinear(x: Float32Array, shape: Shape, size: Size, align: boolean, half: boolean): Float64Array {
  const [, height, width, channels] = shape;
  const out = new Float64Array(shape[0] * size[0] * size[1] * channels);
  const position = (line: number, from: number, to: number) => {
    const scale = scaleOf(from, to, align);
    return half ? Math.min(Math.max((line + 0.5) * scale - 0.5, 0), from - 1) : line * scale;
  };
  forPixels(shape, size, (b, oy, ox, i) => {
    const py = position(oy, height, size[0]);
    const px = position(ox, width, size[1]);
    for (let c = 0; c < channels; c++) {
      for (const [y, wy] of neighbours(py, height)) {
        for (const [column, wx] of neighbours(px, width)) {
          if (wy * wx) out[i + c] += wy * wx * x[((b * height + y) * width + column) * channels + c];
        }
      }
    }
  });
  return out;
}

function neighbours(position: number, lines: number): [number, number][] {
  const first = Math.floor(position + 1e-9);
  const share = Math.max(0, position - first);
  return [
    [first, 1 - share],
    [Math.min(first + 1, lines - 1), share],
  ];
}

/** The nearest neighbour, in tfjs's mixture of float32 and float64. */
function nearest(x: Float32Array, shape: Shape, size: Size, align: boolean, half: boolean): Float32Array {
  const [, height, width, channels] = shape;
  const out = new Float32Array(shape[0] * size[0] * size[1] * channels);
  const line = (index: number, from: number, to: number) => {
    const scale = Math.fround(scaleOf(from, to, align));
    const at = Math.fround(scale * (index + (half ? 0.5 : 0)));
    return Math.min(align ? Math.round(at) : Math.floor(at), from - 1);
  };
  forPixels(shape, size, (b, oy, ox, i) => {
    const from = ((b * height + line(oy, height, size[0])) * width + line(ox, width, size[1])) * channels;
    out.set(x.subarray(from, from + channels), i);
  });
  return out;
}

describe.each(VARIANTS)('on the %s kernels', (variant) => {
  beforeAll(() => useThreads(variant));

  describe.each(modes)('aligned corners: %s, half-pixel centres: %s', (align, half) => {
    it.each(cases)("bilinear from %j to %j gives the reference's result, and stock's bits", async (shape, size) => {
      const x = valuesOf(shape);
      const {ours, stock, jobs} = await onBackends(() =>
        tf.image.resizeBilinear(tf.tensor4d(x, shape), size, align, half),
      );
      expect(jobs).toEqual([Job.resizeBilinear]);
      expect(maxDifference(ours.values[0], bilinear(x, shape, size, align, half))).toBeLessThan(1e-4);
      expect(maxDifference(ours.values[0], stock.values[0])).toBe(0);
    });

    it.each(cases)("nearest neighbours from %j to %j are the reference's and stock's", async (shape, size) => {
      const x = valuesOf(shape);
      const {ours, stock, jobs} = await onBackends(() =>
        tf.image.resizeNearestNeighbor(tf.tensor4d(x, shape), size, align, half),
      );
      expect(jobs).toEqual([Job.resizeNearest]);
      expect(maxDifference(ours.values[0], nearest(x, shape, size, align, half))).toBe(0);
      expect(maxDifference(ours.values[0], stock.values[0])).toBe(0);
    });

    it("gives stock's result of NaN and infinities", async () => {
      const shape: Shape = [1, 9, 11, 6];
      const x = valuesOf(shape, [NaN, Infinity, -Infinity]);
      for (const resize of [tf.image.resizeBilinear, tf.image.resizeNearestNeighbor]) {
        const {ours, stock} = await onBackends(() => resize(tf.tensor4d(x, shape), [14, 15], align, half));
        expect(ours.values[0].some(Number.isNaN)).toBe(true);
        expect(maxDifference(ours.values[0], stock.values[0])).toBe(0);
      }
    });
  });

  it('runs on ours on one thread where a large image grows, with the same bits', async () => {
    const taken = async (from: Size, to: Size, channels: number) => {
      const shape: Shape = [1, ...from, channels];
      const x = valuesOf(shape);
      await onBackends(() => tf.image.resizeBilinear(tf.tensor4d(x, shape), to));
      configure({threads: 1});
      const run = jest.spyOn(KernelRunner.prototype, 'run');
      tf.tidy(() => tf.image.resizeBilinear(tf.tensor4d(x, shape), to));
      configure({threads: 3});
      const calls = run.mock.calls.length;
      run.mockRestore();
      return calls > 0;
    };
    expect(await taken([30, 40], [60, 80], 5)).toBe(true);
    expect(await taken([30, 40], [44, 80], 5)).toBe(false);
    expect(await taken([30, 40], [60, 80], 3)).toBe(false);
  });

  it('picks the nearest neighbours of many sizes as stock does', async () => {
    const {ours, stock} = await onBackends(() => {
      const resized: tf.Tensor[] = [];
      for (const [align, half] of modes) {
        for (let from = 1; from < 12; from++) {
          const x = tf.reshape<tf.Rank.R4>(tf.range(0, from), [1, from, 1, 1]);
          for (let to = 1; to < 30; to++) resized.push(tf.image.resizeNearestNeighbor(x, [to, 1], align, half));
        }
      }
      return resized;
    });
    expect(ours.values).toEqual(stock.values);
  });

  it.each([
    ['integers', () => tf.cast(tf.reshape(tf.range(0, 16), [1, 4, 4, 1]), 'int32')],
    ['empty images', () => tf.zeros([0, 4, 4, 2])],
  ] as [string, () => tf.Tensor4D][])("leaves %s to stock's kernel", async (_, images) => {
    for (const resize of [tf.image.resizeBilinear, tf.image.resizeNearestNeighbor]) {
      const {ours, stock, jobs} = await onBackends(() => resize(images(), [7, 3]));
      expect(jobs).toEqual([]);
      expect(maxDifference(ours.values[0], stock.values[0])).toBe(0);
    }
  });
});
