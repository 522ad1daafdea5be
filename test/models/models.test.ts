import {loadGraphModel} from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import {backendInfo, configure, pruneOnLoad} from '../../src';
import {OURS, useVariant} from '../support/backends';
import {compute, errorOfRange, inputsFor, isDynamic, readModel, realGraphModels} from '../support/realModels';

const TOLERANCE = 1e-4;

interface Run {
  readonly outputs: tf.TypedArray[];
  readonly tensorsLeft: number;
  readonly packedFilters: number;
}

/** Loads, runs, disposes: what a page does. The second run meets weights that are packed already, the third is a program. */
async function run(artifacts: tf.io.ModelArtifacts, backend: string, inferences = 2): Promise<Run> {
  await tf.setBackend(backend);
  const before = tf.memory().numTensors;
  const model = await loadGraphModel(tf.io.fromMemory(artifacts));
  const inputs = inputsFor(model);
  const dynamic = isDynamic(artifacts);
  for (let i = 1; i < inferences; i++) tf.dispose(await compute(model, inputs, dynamic));
  const results = await compute(model, inputs, dynamic);
  const outputs = results.map((tensor) => tensor.dataSync() as tf.TypedArray);
  const packedFilters = backend === OURS ? backendInfo().packedFilters : 0;
  tf.dispose([results, inputs]);
  model.dispose();
  return {outputs, tensorsLeft: tf.memory().numTensors - before, packedFilters};
}

function expectSameOutputs(ours: Run, stock: Run): void {
  expect(ours.outputs.length).toBe(stock.outputs.length);
  ours.outputs.forEach((output, i) => expect(errorOfRange(output, stock.outputs[i])).toBeLessThan(TOLERANCE));
}

const models = realGraphModels();

describe('every real graph model', () => {
  beforeAll(() => useVariant('relaxed'));
  afterEach(() => pruneOnLoad(null));

  it.each(models)(
    '%s gives the outputs of stock wasm, with regions and without, leaks nothing and runs on our kernels',
    async (_name, path) => {
      const artifacts = readModel(path);
      const stock = await run(artifacts, 'wasm');
      for (const regions of [false, true]) {
        configure({regions});
        const ours = await run(artifacts, OURS, regions ? 4 : 2);
        expectSameOutputs(ours, stock);
        expect(ours.tensorsLeft).toBe(stock.tensorsLeft);
        expect(ours.packedFilters).toBeGreaterThan(0);
        expect(backendInfo().packedFilters).toBe(0);
      }
    },
  );

  it.each(models)('%s pruned to 1x4 blocks gives the same outputs on stock wasm and on ours', async (_name, path) => {
    const artifacts = readModel(path);
    pruneOnLoad({n: 4, sparsity: 0.4});
    const stock = await run(artifacts, 'wasm');
    const ours = await run(artifacts, OURS);
    expectSameOutputs(ours, stock);
    expect(ours.tensorsLeft).toBe(stock.tensorsLeft);
  });
});
