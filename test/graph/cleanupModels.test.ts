import '@tensorflow/tfjs-backend-wasm';
import {loadGraphModelSync} from '@tensorflow/tfjs-converter';

import * as tf from '@tensorflow/tfjs-core';
import {cleanUpGraph, ModelGraph} from '../../src/graph';
import {
  compute,
  errorOfRange,
  inputsFor,
  isDynamic,
  modelName,
  readModel,
  sharedGraphModels,
} from '../support/realModels';
import {describeWhere, testWhere} from '../support/optional';

const CONTROL_FLOW = new Set(['Switch', 'Merge', 'Enter', 'NextIteration', 'LoopCond']);

const models = sharedGraphModels();

type SyncSource = Parameters<typeof loadGraphModelSync>[0];

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

describeWhere(models.length > 0, '../shared/models, which does not belong to this repository, is absent')(
  'cleaned up on stock wasm',
  () => {
    beforeAll(async () => {
      await tf.setBackend('wasm');
    });

    it.each(models.map((path) => [modelName(path), path]))(
      '%s computes what it computed, at its outputs and inside',
      async (_name, file) => {
        const original = readModel(file);
        const {artifacts, changes} = cleanUpGraph(original);
        const dynamic = isDynamic(original);

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
        const expected = await compute(before, inputs, dynamic, names);
        const actual = await compute(after, inputs, dynamic, names);
        const wrong = names
          // A tensor list's handle is disposed of with the list.
          .flatMap((name, i) =>
            expected[i].isDisposed ? [] : {name, error: errorOfRange(actual[i].dataSync(), expected[i].dataSync())},
          )
          .filter(({error}) => !(error <= 1e-4));
        expect(wrong).toEqual([]);
        tf.dispose([inputs, expected, actual]);
        before.dispose();
        after.dispose();
        expect(tf.memory().numTensors).toBe(tensors);
      },
    );

    const unfused = models.find((path) => path.includes('mobilenet_v2_0.50_224_feature_vector'));
    testWhere(unfused !== undefined, 'mobilenet_v2_0.50_224_feature_vector of ../shared is absent')(
      'the depthwise layers of a model of an old converter are fused',
      () => {
        const {artifacts, changes} = cleanUpGraph(readModel(unfused!));
        const graph = ModelGraph.from(artifacts);
        const live = graph.allNodes().filter(({name}) => graph.isLive(name));
        const count = (op: string): number => live.filter((node) => node.op === op).length;
        // 17 biases and 17 Relu6.
        expect(changes).toHaveLength(34);
        expect(count('FusedDepthwiseConv2dNative')).toBe(17);
        expect(count('DepthwiseConv2dNative') + count('BiasAdd') + count('Relu6')).toBe(0);
      },
    );
  },
);
