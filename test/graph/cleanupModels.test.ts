import '@tensorflow/tfjs-backend-wasm';
import {loadGraphModelSync} from '@tensorflow/tfjs-converter';

import * as tf from '@tensorflow/tfjs-core';
import {cleanUpGraph, ModelGraph} from '../../src/graph';
import {randomFloats, randomNumbers} from '../support/random';
import {readModel, sharedGraphModels} from './sharedModels';

const CONTROL_FLOW = new Set(['Switch', 'Merge', 'Enter', 'NextIteration', 'LoopCond']);
const DYNAMIC = new Set(['NonMaxSuppressionV3', 'NonMaxSuppressionV5', 'Where']);
/** Models with free image sizes get one that is enough for their strides. */
const FREE_SIZE = 160;

const models = sharedGraphModels();
if (models.length === 0) console.info('Skipping the clean-up of real models: ../shared/models is absent.');

type SyncSource = Parameters<typeof loadGraphModelSync>[0];
type Model = ReturnType<typeof loadGraphModelSync>;
type Results = tf.Tensor[];

async function compute(model: Model, inputs: tf.NamedTensorMap, names: string[], dynamic: boolean): Promise<Results> {
  const result = dynamic ? await model.executeAsync(inputs, names) : model.execute(inputs, names);
  return Array.isArray(result) ? result : [result];
}

function inputsFor(model: Model): tf.NamedTensorMap {
  const random = randomNumbers(7);
  return Object.fromEntries(
    model.inputs.map(({name, shape, dtype}) => {
      const dims = (shape as number[]).map((dim, i) => (dim > 0 ? dim : i === 0 ? 1 : FREE_SIZE));
      const values = randomFloats(tf.util.sizeFromShape(dims), random);
      return [
        name,
        dtype === 'int32'
          ? tf.tensor(
              values.map((v) => Math.floor(128 + 127 * v)),
              dims,
              'int32',
            )
          : tf.tensor(values, dims),
      ];
    }),
  );
}

/** Largest difference as a share of the range of the expected values. */
function errorOfRange(actual: tf.Tensor, expected: tf.Tensor): number {
  expect(actual.shape).toEqual(expected.shape);
  const ours = actual.dataSync();
  const theirs = expected.dataSync();
  let [low, high, error] = [Infinity, -Infinity, 0];
  theirs.forEach((value, i) => {
    low = Math.min(low, value);
    high = Math.max(high, value);
    if (ours[i] !== value) error = Math.max(error, Math.abs(ours[i] - value));
  });
  // One value has no range but its own size.
  return error === 0 ? 0 : error / (high > low ? high - low : Math.abs(high));
}

/** Some 25 nodes spread over the graph, without those inside loops, which cannot be fetched. */
function sampleOf(artifacts: tf.io.ModelArtifacts, changed: readonly string[]): string[] {
  const graph = ModelGraph.from(artifacts);
  const inLoops = new Set<string>();
  for (const {name, op} of graph.allNodes()) if (CONTROL_FLOW.has(op)) inLoops.add(name);
  for (const name of inLoops) {
    for (const {node} of graph.allConsumers(name)) if (node.op !== 'Exit') inLoops.add(node.name);
  }
  const candidates = graph
    .allNodes()
    .filter(({name, op}) => graph.isLive(name) && !inLoops.has(name) && op !== 'Const' && !graph.isInput(name))
    .map(({name}) => name);
  const every = (names: readonly string[], count: number): string[] =>
    names.filter((_, i) => i % Math.max(1, Math.floor(names.length / count)) === 0);
  return [
    ...new Set([
      ...every(candidates, 12),
      ...every(
        changed.filter((name) => !inLoops.has(name)),
        12,
      ),
    ]),
  ];
}

(models.length > 0 ? describe : describe.skip)('cleaned up on stock wasm', () => {
  beforeAll(async () => {
    await tf.setBackend('wasm');
  });

  it.each(models)('%s computes what it computed, at its outputs and inside', async (file) => {
    const original = readModel(file);
    const {artifacts, changes} = cleanUpGraph(original);
    const graph = ModelGraph.from(original);
    const dynamic = graph.allNodes().some(({op}) => CONTROL_FLOW.has(op) || DYNAMIC.has(op));

    const tensors = tf.memory().numTensors;
    const before = loadGraphModelSync(original as SyncSource);
    const after = loadGraphModelSync(artifacts as SyncSource);
    for (const key of ['inputs', 'outputs', 'inputNodes', 'outputNodes'] as const) {
      expect(after[key]).toEqual(before[key]);
    }
    const inputs = inputsFor(before);
    const names = [
      ...before.outputNodes,
      ...sampleOf(
        original,
        changes.map(({node}) => node),
      ),
    ];
    const expected = await compute(before, inputs, names, dynamic);
    const actual = await compute(after, inputs, names, dynamic);
    const wrong = names
      // A tensor list's handle is disposed of with the list.
      .flatMap((name, i) => (expected[i].isDisposed ? [] : {name, error: errorOfRange(actual[i], expected[i])}))
      .filter(({error}) => !(error <= 1e-4));
    expect(wrong).toEqual([]);
    tf.dispose([inputs, expected, actual]);
    before.dispose();
    after.dispose();
    expect(tf.memory().numTensors).toBe(tensors);
  });

  const unfused = 'mobilenet_v2_0.50_224_feature_vector/model.json';
  (models.includes(unfused) ? it : it.skip)('the depthwise layers of a model of an old converter are fused', () => {
    const {artifacts, changes} = cleanUpGraph(readModel(unfused));
    const graph = ModelGraph.from(artifacts);
    const live = graph.allNodes().filter(({name}) => graph.isLive(name));
    const count = (op: string): number => live.filter((node) => node.op === op).length;
    // 17 biases and 17 Relu6.
    expect(changes).toHaveLength(34);
    expect(count('FusedDepthwiseConv2dNative')).toBe(17);
    expect(count('DepthwiseConv2dNative') + count('BiasAdd') + count('Relu6')).toBe(0);
  });
});
