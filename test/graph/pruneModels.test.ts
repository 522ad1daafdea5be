// Real models beside the repository (../shared/models): rearranging alone changes nothing, pruning is exact in count.
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import {loadGraphModelSync} from '@tensorflow/tfjs-converter';
import {inspectModel, pruneArtifacts} from '../../src/graph';
import {
  compute,
  errorOfRange,
  inputsFor,
  isDynamic,
  modelName,
  readModel,
  sharedGraphModels,
} from '../support/realModels';
import {nodesOf} from './smallGraphs';
import {describeWhere} from '../support/optional';

interface Output {
  readonly name: string;
  readonly values: ArrayLike<number>;
}

/** Runs a model and gives the named nodes, or its outputs. */
async function run(artifacts: tf.io.ModelArtifacts, names?: string[]): Promise<Output[]> {
  const model = loadGraphModelSync(artifacts as Parameters<typeof loadGraphModelSync>[0]);
  const inputs = inputsFor(model);
  const fetched = names ?? model.outputs.map((output) => output.name);
  const tensors = await compute(model, inputs, isDynamic(artifacts), fetched);
  const outputs = tensors.map((tensor, i) => ({name: fetched[i], values: tensor.dataSync()}));
  tf.dispose([inputs, tensors]);
  model.dispose();
  return outputs;
}

function expectClose(actual: Output[], expected: Output[], share: number): void {
  const errors = expected.map(({name, values}, i) => ({name, error: errorOfRange(actual[i].values, values)}));
  expect(errors.filter(({error}) => !(error <= share))).toEqual([]);
}

const models = sharedGraphModels();

beforeAll(() => tf.setBackend('wasm'));

describeWhere(models.length > 0, '../shared/models, which does not belong to this repository, is absent')(
  'graph models beside the repository',
  () => {
    for (const path of models) {
      const name = modelName(path);
      test(`${name}: rearranging alone keeps the outputs, and the nodes that moved by their names`, async () => {
        const artifacts = readModel(path);
        const {artifacts: rearranged, report} = pruneArtifacts(artifacts, {sparsity: 0, n: 4});
        expect(report.lossless).toBe(true);
        expectClose(await run(rearranged), await run(artifacts), 1e-4);

        const present = new Set(nodesOf(rearranged).map((node) => node.name));
        const moved = nodesOf(artifacts).filter((node) => node.op !== 'Const' && present.has(`${node.name}/1xn`));
        expect(moved.length).toBeGreaterThanOrEqual(report.totals.layersRearranged);
        const names = moved.map((node) => node.name);
        if (names.length > 0) expectClose(await run(rearranged, names), await run(artifacts, names), 1e-4);
      });

      test(`${name}: pruned to half, exactly half of the blocks is left where none was zero`, () => {
        const {artifacts, report} = pruneArtifacts(readModel(path), {sparsity: 0.5, n: 4});
        const inspected = new Map(inspectModel(artifacts).layers.map((layer) => [layer.name, layer]));
        expect(inspected.size).toBe(report.layers.length);
        for (const layer of report.layers) {
          const {blocks} = inspected.get(`${layer.name}/1xn`) ?? inspected.get(layer.name)!;
          expect(blocks[layer.n]).toEqual({nonzero: layer.blocksAfter, all: layer.blocks});
          const most = layer.sparsity === null ? layer.blocksBefore : layer.blocks - Math.round(0.5 * layer.blocks);
          expect(layer.blocksAfter).toBe(Math.min(layer.blocksBefore, most));
        }
      });
    }

    test('MobileNetV2 has its expansions and projections rearranged, and those that they are coupled with', () => {
      const name = models.find((candidate) => candidate.includes('mobilenet_v2_1.0_224'));
      if (!name) return console.warn('Skipped: mobilenet_v2_1.0_224 is not there.');
      const {report} = pruneArtifacts(readModel(name), {sparsity: 0.5, n: 4});
      const pruned = report.layers.filter(({leftAlone}) => leftAlone === null);
      expect(pruned).toHaveLength(34);
      expect(pruned.filter((layer) => !layer.rearranged)).toEqual([]);
      const classifier = report.layers.at(-1);
      expect(classifier?.notRearranged).toMatch(/its channels reach '.+', an output of the model/);
      expect(report.totals.macsAfter / report.totals.macsBefore).toBeLessThan(0.55);
      expect(report.totals.layersOfUnknownSize).toBe(0);
    });

    test('MobileNetV2 loses half of its multiply-adds, weights or expected time to within a percent, nothing in vain', () => {
      const path = models.find((candidate) => candidate.includes('mobilenet_v2_1.0_224'));
      if (!path) return console.warn('Skipped: mobilenet_v2_1.0_224 is not there.');
      const model = readModel(path);
      for (const [sparsity, n] of [
        [{macs: 0.5}, 4],
        [{weights: 0.5}, 4],
        [{latency: 0.5}, 4],
        [{latency: 0.5}, 'auto'],
      ] as const) {
        const {artifacts, report} = pruneArtifacts(model, {sparsity, n});
        const budget = report.totals.budget!;
        expect(Math.abs(budget.reached - 0.5)).toBeLessThan(0.005);
        expect(report.totals.layersPruned).toBeGreaterThan(10);
        const times = new Map(inspectModel(artifacts).layers.map((layer) => [layer.name, layer.expectedMs]));
        for (const layer of report.layers) {
          if (layer.expectedMsAfter === null) continue;
          expect(times.get(`${layer.name}/1xn`) ?? times.get(layer.name)).toBeCloseTo(layer.expectedMsAfter, 9);
          if (layer.leftAlone === null) expect(layer.expectedMsAfter).toBeLessThan(layer.expectedMsBefore!);
        }
      }
    });
  },
);
