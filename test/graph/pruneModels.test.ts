// Real models beside the repository (../shared/models): rearranging alone changes nothing, pruning is exact in count.
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import {loadGraphModelSync} from '@tensorflow/tfjs-converter';
import {inspectModel, pruneArtifacts} from '../../src/graph';
import {randomFloats, randomNumbers} from '../support/random';
import {readModel, sharedGraphModels} from './sharedModels';
import {nodesOf} from './smallGraphs';

/** Sides of an image for models that leave them open. */
const OPEN_SIDE = 128;

/** Ops that tfjs only runs asynchronously. */
const CONTROL_FLOW = /^(Switch|Merge|Enter|Exit|NextIteration|Where|NonMaxSuppressionV\d)$/;

interface Output {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

/** Runs a model on a random image and gives the named nodes, or its outputs. */
async function run(artifacts: tf.io.ModelArtifacts, names?: string[]): Promise<Output[]> {
  const model = loadGraphModelSync(artifacts as Parameters<typeof loadGraphModelSync>[0]);
  const [{name, dtype, shape}] = model.inputs;
  const open = (size: number, axis: number) => (size > 0 ? size : axis === 0 ? 1 : OPEN_SIDE);
  const dims = shape!.map(open);
  const random = randomFloats(
    dims.reduce((a, b) => a * b),
    randomNumbers(4),
  );
  // Bytes for models that ask for integers; else the range that most are made for.
  const image = dtype === 'int32' ? Int32Array.from(random, (v) => Math.floor((v + 1) * 128)) : random;
  const x = tf.tensor(image, dims, dtype);
  const fetched = names ?? model.outputs.map((output) => output.name);
  const hasControlFlow = nodesOf(artifacts).some((node) => CONTROL_FLOW.test(node.op));
  const result = await (hasControlFlow
    ? model.executeAsync({[name]: x}, fetched)
    : model.execute({[name]: x}, fetched));
  const tensors = Array.isArray(result) ? result : [result];
  const outputs = tensors.map((tensor, i) => ({name: fetched[i], shape: tensor.shape, values: tensor.dataSync()}));
  tf.dispose([x, tensors]);
  model.dispose();
  return outputs;
}

function expectClose(actual: Output[], expected: Output[], share: number): void {
  expected.forEach(({name, shape, values}, i) => {
    expect(actual[i].shape).toEqual(shape);
    let [low, high, worst] = [Infinity, -Infinity, 0];
    // Comparisons by hand: Math is slow inside Jest, and these are millions of values.
    for (let j = 0; j < values.length; j++) {
      const value = values[j];
      const difference = value - actual[i].values[j];
      if (value < low) low = value;
      if (value > high) high = value;
      if (difference > worst) worst = difference;
      else if (-difference > worst) worst = -difference;
      if (difference !== difference) worst = Infinity;
    }
    expect({name, worst: worst <= share * Math.max(high - low, Math.abs(high), 1e-30)}).toEqual({name, worst: true});
  });
}

const models = sharedGraphModels();
if (models.length === 0) console.warn('Skipped: there are no graph models in ../shared/models.');

beforeAll(() => tf.setBackend('wasm'));

(models.length > 0 ? describe : describe.skip)('graph models beside the repository', () => {
  for (const name of models) {
    test(`${name}: rearranging alone keeps the outputs, and the nodes that moved by their names`, async () => {
      const artifacts = readModel(name);
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
      const {artifacts, report} = pruneArtifacts(readModel(name), {sparsity: 0.5, n: 4});
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

  test('MobileNetV2 has its expansions rearranged and says why its projections are not', () => {
    const name = models.find((candidate) => candidate.includes('mobilenet_v2_1.0_224'));
    if (!name) return console.warn('Skipped: mobilenet_v2_1.0_224 is not there.');
    const {report} = pruneArtifacts(readModel(name), {sparsity: 0.5, n: 4});
    const byShape = (wanted: (inChannels: number, outChannels: number) => boolean) =>
      report.layers.filter(({leftAlone, shape}) => leftAlone === null && wanted(shape[2], shape[3]));
    const expansions = byShape((inChannels, outChannels) => outChannels === 6 * inChannels);
    expect(expansions).toHaveLength(16);
    expect(expansions.every((layer) => layer.rearranged)).toBe(true);
    const projections = byShape((inChannels, outChannels) => outChannels < inChannels);
    const coupled = projections.filter((layer) => !layer.rearranged);
    expect(coupled.length).toBeGreaterThan(10);
    for (const layer of coupled) expect(layer.notRearranged).toMatch(/AddV2\) couples its channels with those of/);
    expect(report.totals.macsAfter / report.totals.macsBefore).toBeLessThan(0.55);
    expect(report.totals.layersOfUnknownSize).toBe(0);
  });
});
