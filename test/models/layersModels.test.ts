import * as tf from '@tensorflow/tfjs-core';
import {loadLayersModel} from '@tensorflow/tfjs-layers';
import {backendInfo, configure, planLayersModel} from '../../src';
import type {BlockSparseBackend} from '../../src/backend';
import {OURS, useVariant} from '../support/backends';
import {randomFloats, randomNumbers} from '../support/random';
import {errorOfRange, readModel, realLayersModels} from '../support/realModels';

const CASES = realLayersModels();

describe('a layers model', () => {
  beforeAll(() => useVariant('relaxed'));

  it.each(CASES)(
    '$name gives the outputs of stock wasm on our kernels and leaks nothing',
    async ({path, scale, size}) => {
      const run = async (backend: string) => {
        await tf.setBackend(backend);
        const before = tf.memory().numTensors;
        const model = await loadLayersModel(tf.io.fromMemory(readModel(path)));
        const shape = model.inputs[0].shape.map((dim, i) => dim ?? (i === 0 ? 1 : size));
        const x = tf.tensor(
          randomFloats(tf.util.sizeFromShape(shape), randomNumbers(7)).map((v) => (v + 1) * 0.5 * scale),
          shape,
        );
        const out = model.predict(x) as tf.Tensor;
        const values = out.dataSync();
        const packedFilters = backend === OURS ? backendInfo().packedFilters : 0;
        tf.dispose([x, out]);
        model.dispose();
        return {values, packedFilters, tensorsLeft: tf.memory().numTensors - before};
      };
      const stock = await run('wasm');
      const ours = await run(OURS);
      expect(errorOfRange(ours.values, stock.values)).toBeLessThan(1e-4);
      expect(ours.packedFilters).toBeGreaterThan(0);
      expect(ours.tensorsLeft).toBe(stock.tensorsLeft);
    },
  );

  it.each(CASES)('$name computes the same bits where it is planned, and leaks nothing', async ({path, scale, size}) => {
    await tf.setBackend(OURS);
    const none = tf.memory().numTensors;
    const model = await loadLayersModel(tf.io.fromMemory(readModel(path)));
    const shape = model.inputs[0].shape.map((dim, i) => dim ?? (i === 0 ? 1 : size));
    const x = tf.tidy(() => tf.mul(tf.randomUniform(shape, 0, 1, 'float32', 7), scale));
    const run = () => {
      const kernels = jest.spyOn(tf.engine(), 'runKernel');
      const out = model.predict(x) as tf.Tensor;
      const calls = kernels.mock.calls.length;
      kernels.mockRestore();
      const values = [...out.dataSync()];
      out.dispose();
      return {values, calls};
    };
    configure({regions: false});
    const {values} = run();
    configure({regions: true});
    planLayersModel(model);
    for (let i = 1; i <= 4; i++) {
      const planned = run();
      expect(planned.values).toEqual(values);
      expect(planned.calls === 0).toBe(i > 2);
    }
    expect((tf.backend() as unknown as BlockSparseBackend).programs).toBe(1);
    model.dispose();
    x.dispose();
    expect((tf.backend() as unknown as BlockSparseBackend).programs).toBe(0);
    expect(tf.memory().numTensors).toBe(none);
  });
});
