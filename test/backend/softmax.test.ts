import * as tf from '@tensorflow/tfjs-core';
import {configure} from '../../src';
import {artifactsOf, node, placeholder} from '../graph/smallGraphs';
import {useVariant, VARIANTS} from '../support/backends';
import {compareBackends, expectSame, oddFloats} from '../support/elementwise';
import {expectSameAsWithoutRegions, load} from '../support/plannedModels';
import {randomFloats, randomNumbers} from '../support/random';

const floats = (shape: number[], scale = 9) =>
  randomFloats(tf.util.sizeFromShape(shape), randomNumbers(1)).map((x) => x * scale);

describe.each(VARIANTS)('softmax, %s', (variant) => {
  beforeAll(() => {
    configure({threads: 3});
    return useVariant(variant);
  });
  afterAll(() => configure({threads: 'auto'}));

  it.each([[[4097, 1]], [[3000, 2]], [[2000, 3]], [[7, 11, 13, 5]], [[1, 40, 41, 21]], [[300, 32]]])(
    "gives stock's bits and the reference for %j, on ours",
    async (shape) => {
      const x = floats(shape);
      const result = await compareBackends(() => tf.softmax(tf.tensor(x, shape)));
      expect(result.taken).toBe(true);
      expectSame(result);
      const n = shape[shape.length - 1];
      for (let row = 0; row < x.length; row += n) {
        const values = Array.from(x.subarray(row, row + n), Math.exp);
        const sum = values.reduce((a, b) => a + b);
        values.forEach((value, i) => expect(Math.abs(result.ours.values[row + i] - value / sum)).toBeLessThan(1e-6));
      }
    },
  );

  it.each([[[1, 10]], [[4096]], [[]], [[0, 5]]])('runs on stock for %j by itself', async (shape) => {
    const result = await compareBackends(() => tf.softmax(tf.tensor(floats(shape), shape)));
    expect(result.taken).toBe(false);
    expectSame(result);
  });

  it('has long rows on ours where there are many threads, with the same bits', async () => {
    const x = floats([5, 1001]);
    const run = () => tf.tidy(() => tf.softmax(tf.tensor(x, [5, 1001])).dataSync());
    configure({threads: 2});
    const stock = run();
    configure({threads: 3});
    expect(Buffer.compare(Buffer.from(run().buffer), Buffer.from(stock.buffer))).toBe(0);
  });

  it('treats NaN, infinities, zeros and denormals as stock does, and large differences', async () => {
    const odd = [...oddFloats(), 90, -90, 88, -110];
    const rows = odd.flatMap((a) => odd.flatMap((b) => [a, b, 1, 0.5, 0.25]));
    const same = odd.flatMap((a) => new Array<number>(5).fill(a));
    expect(rows.length + same.length).toBeGreaterThan(0);
    const all = Float32Array.from({length: 5000}, (_, i) => [...rows, ...same][i % (rows.length + same.length)]);
    const result = await compareBackends(() => tf.softmax(tf.tensor(all, [1000, 5])));
    expect(result.taken).toBe(true);
    expectSame(result);
  });

  it.each([1, 2, 3, 4, 7, 10, 16, 100, 1001])("is a step of a program with stock's bits for rows of %i", (n) => {
    const graph = [placeholder('x', [-1, n]), node('a', 'Relu', ['x']), node('y', 'Softmax', ['a'])];
    for (const threads of [1, 3]) {
      configure({threads});
      const model = load(artifactsOf(graph, {}));
      const inputs = (i: number) => ({x: tf.tensor(floats([3, n], i + 1), [3, n])});
      expect(expectSameAsWithoutRegions(model, inputs)).toEqual({runs: 3, obstacles: [], steps: ['region']});
      model.dispose();
    }
  });
});
