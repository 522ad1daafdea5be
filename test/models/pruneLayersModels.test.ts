// Real layers models: rearranged they compute what they computed, pruned they run and are saved as any layers model.
import * as tf from '@tensorflow/tfjs-core';
import {loadLayersModel, type LayersModel} from '@tensorflow/tfjs-layers';
import {applyMasks, getMasks, pruneLayersModel} from '../../src';
import {OURS, useVariant} from '../support/backends';
import {sameBits} from '../support/onBackends';
import {errorOfRange, readModel, realLayersModels} from '../support/realModels';

const CASES = realLayersModels();
/** How many convolutions they have, and how many of these are pruned unless they are named. */
const COUNTS: Readonly<Record<string, {convolutions: number; pruned: number}>> = {
  'super-resolution from npm': {convolutions: 12, pruned: 8},
  pet_localize_u8: {convolutions: 6, pruned: 5},
};

const load = (path: string) => loadLayersModel(tf.io.fromMemory(readModel(path)));

/** What a model makes of an image of waves. */
function outputOf(model: LayersModel, size: number, scale: number): Float32Array {
  return tf.tidy(() => {
    const values = Float32Array.from(
      {length: size * size * 3},
      (_, i) => scale * (0.5 + 0.2 * Math.sin(i / 9) + 0.2 * Math.sin(i / 97)),
    );
    return (model.predict(tf.tensor(values, [1, size, size, 3])) as tf.Tensor).dataSync<'float32'>().slice();
  });
}

const weightsOf = (model: LayersModel) => model.getWeights().map((weight) => weight.dataSync<'float32'>().slice());

async function saved(model: LayersModel): Promise<tf.io.ModelArtifacts> {
  let artifacts: tf.io.ModelArtifacts = {};
  await model.save(
    tf.io.withSaveHandler(async (given) => {
      artifacts = given;
      return {modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(given)};
    }),
  );
  return artifacts;
}

describe('a real layers model', () => {
  beforeAll(() => useVariant('relaxed'));

  it.each(CASES)('$name keeps its outputs when it is rearranged', async ({name, path, size, scale}) => {
    await tf.setBackend('wasm');
    const none = tf.memory().numTensors;
    const model = await load(path);
    const [before, weights] = [outputOf(model, size, scale), weightsOf(model)];
    const report = await pruneLayersModel(model, {n: 4, sparsity: 0});
    expect(report.layers.filter(({op}) => op.endsWith('Conv2D'))).toHaveLength(COUNTS[name].convolutions);
    expect(report.totals.layersRearranged).toBeGreaterThan(2);
    expect(report.others).toEqual([]);
    expect(sameBits(weightsOf(model), weights)).toBe(false);
    expect(errorOfRange(outputOf(model, size, scale), before)).toBeLessThan(1e-5);
    model.dispose();
    expect(tf.memory().numTensors).toBe(none);
  });

  it.each(CASES)(
    '$name, half of its blocks pruned, gives on ours what it gives on stock, also when it was saved and loaded',
    async ({name, path, size, scale}) => {
      await tf.setBackend('wasm');
      const model = await load(path);
      const report = await pruneLayersModel(model, {n: 4, sparsity: 0.5});
      const layers = report.layers.filter(({leftAlone}) => leftAlone === null);
      expect(layers).toHaveLength(COUNTS[name].pruned);
      for (const layer of layers) expect(layer.blocksAfter).toBe(layer.blocks - Math.round(layer.blocks / 2));
      const stock = outputOf(model, size, scale);
      const masks = getMasks(model);
      const artifacts = await saved(model);
      model.dispose();
      for (const backend of ['wasm', OURS]) {
        await tf.setBackend(backend);
        const loaded = await loadLayersModel(tf.io.fromMemory(artifacts));
        expect(sameBits(Object.values(getMasks(loaded)), Object.values(masks))).toBe(true);
        const output = outputOf(loaded, size, scale);
        expect(errorOfRange(output, stock)).toBeLessThan(backend === OURS ? 1e-4 : 1e-9);
        applyMasks(loaded, masks);
        expect(errorOfRange(outputOf(loaded, size, scale), stock)).toBeLessThan(1e-4);
        loaded.dispose();
      }
    },
  );
});
