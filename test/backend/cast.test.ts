import * as tf from '@tensorflow/tfjs-core';
import {configure} from '../../src';
import {typeAttr} from '../../src/graph/attributes';
import {artifactsOf, node, placeholder} from '../graph/smallGraphs';
import {useVariant, VARIANTS} from '../support/backends';
import {compareBackends, expectSame} from '../support/elementwise';
import {expectSameAsWithoutRegions, load} from '../support/plannedModels';
import {randomFloats, randomNumbers} from '../support/random';

const SHAPES = [[], [1], [3], [5, 7], [1, 4, 4, 16], [1023], [2, 3, 4, 5, 6], [8193], [1, 61, 67, 13]];

function integers(length: number): Int32Array {
  const values = Int32Array.from(randomFloats(length, randomNumbers(1)), (x) => x * 2 ** 31);
  // What float32 cannot tell apart, and bits that would be NaNs.
  [0, -1, 2 ** 24 + 1, 2 ** 31 - 1, -(2 ** 31), 0x7f800001].forEach((value, i) => i < length && (values[i] = value));
  return values;
}

const bools = (length: number) => Uint8Array.from(randomFloats(length, randomNumbers(2)), (x) => Number(x > 0));

describe.each(VARIANTS)('cast, %s', (variant) => {
  beforeAll(() => {
    configure({threads: 3});
    return useVariant(variant);
  });
  afterAll(() => configure({threads: 'auto'}));

  it.each(SHAPES.map((shape) => [shape]))("from int32 to float32 gives stock's bits for %j, on ours", async (shape) => {
    const x = integers(tf.util.sizeFromShape(shape));
    const result = await compareBackends(() => tf.cast(tf.tensor(x, shape, 'int32'), 'float32'));
    expect(result.taken).toBe(true);
    expectSame(result);
    expect(Array.from(result.ours.values)).toEqual(Array.from(x, Math.fround));
  });

  it.each(SHAPES.map((shape) => [shape]))('from bool to float32 gives 0 and 1 for %j, on ours', async (shape) => {
    const x = bools(tf.util.sizeFromShape(shape));
    const result = await compareBackends(() => tf.cast(tf.tensor(x, shape, 'bool'), 'float32'));
    expect(result.taken).toBe(true);
    expectSame(result);
    expect(Array.from(result.ours.values)).toEqual(Array.from(x));
  });

  it.each([
    ['float32', 'int32'],
    ['float32', 'bool'],
    ['int32', 'bool'],
    ['bool', 'int32'],
  ] as const)("from %s to %s is stock's", async (from, to) => {
    const result = await compareBackends(() => tf.cast(tf.tensor1d([0, 1, 1, 0, 3], from), to));
    expect(result.taken).toBe(false);
    expectSame(result);
  });

  it.each(['float32', 'int32', 'bool'] as const)('from %s to itself shares its data', async (dtype) => {
    const x = tf.tensor1d([0, 1, 1], dtype);
    const {numDataBuffers} = tf.memory();
    const shared = tf.cast(x, dtype);
    expect(shared.dataId).toBe(x.dataId);
    expect(tf.memory().numDataBuffers).toBe(numDataBuffers);
    x.dispose();
    expect(Array.from(shared.dataSync())).toEqual([0, 1, 1]);
    shared.dispose();
  });

  it('of an empty tensor is stock’s', async () => {
    const result = await compareBackends(() => tf.cast(tf.zeros([0, 3], 'int32'), 'float32'));
    expect(result.taken).toBe(false);
    expectSame(result);
  });

  it('is a step of a program, of an input that it reads where it is and of what ours computes', () => {
    const float = {DstT: typeAttr('DT_FLOAT')};
    const graph = [
      {...placeholder('n', [-1, 7]), attr: {dtype: typeAttr('DT_INT32')}},
      node('x', 'Cast', ['n'], float),
      node('r', 'Relu', ['x']),
      node('e', 'Equal', ['x', 'r']),
      node('m', 'Cast', ['e'], float),
      node('y', 'Mul', ['m', 'x']),
    ];
    for (const threads of [1, 3]) {
      configure({threads});
      const model = load(artifactsOf(graph, {}));
      const inputs = (i: number) => ({n: tf.tensor(integers(7 * (9 + i)).slice(0, 63), [9, 7], 'int32')});
      expect(expectSameAsWithoutRegions(model, inputs)).toEqual({runs: 3, obstacles: [], steps: ['region']});
      model.dispose();
    }
  });
});
