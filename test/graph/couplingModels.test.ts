// Real models with all their groups of channels in a random order: the proof that nothing was forgotten.
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import {loadGraphModelSync} from '@tensorflow/tfjs-converter';
import {inferShapes, ModelGraph} from '../../src/graph';
import {findChannelGroups} from '../../src/graph/coupling';
import {rearrangeChannels} from '../../src/graph/rearrange';
import {shuffleGroups} from '../support/groupOrders';
import {randomNumbers} from '../support/random';
import {compute, errorOfRange, inputsFor, isDynamic, readModel, realGraphModels} from '../support/realModels';

async function run(artifacts: tf.io.ModelArtifacts): Promise<Array<{name: string; values: ArrayLike<number>}>> {
  const model = loadGraphModelSync(artifacts as Parameters<typeof loadGraphModelSync>[0]);
  const inputs = inputsFor(model);
  const tensors = await compute(model, inputs, isDynamic(artifacts));
  const outputs = tensors.map((tensor, i) => ({name: model.outputNodes[i], values: tensor.dataSync()}));
  tf.dispose([inputs, tensors]);
  model.dispose();
  return outputs;
}

beforeAll(() => tf.setBackend('wasm'));

describe('real models, all groups of channels in a random order, nothing pruned', () => {
  test.each(realGraphModels())('%s gives the same outputs within 1e-5 of their range', async (_, path) => {
    const artifacts = readModel(path);
    const graph = ModelGraph.from(artifacts);
    const found = findChannelGroups(graph, inferShapes(graph));
    const grouped = new Set(found.groups.flatMap(({producers}) => producers.map(({name}) => name)));
    // All but the last layers in front of the outputs.
    const layers = grouped.size + found.fixed.size;
    expect(grouped.size).toBeGreaterThanOrEqual(0.8 * layers);
    for (const reason of found.fixed.values()) expect(reason).toMatch(/'.+'/);

    const renamed = rearrangeChannels(graph, found, shuffleGroups(found, randomNumbers(11)));
    for (const name of grouped) expect(renamed.has(name)).toBe(true);
    const changed = graph.toArtifacts();
    const expected = await run(artifacts);
    const actual = await run(changed);
    const errors = expected.map(({name, values}, i) => ({name, error: errorOfRange(actual[i].values, values)}));
    expect(errors.filter(({error}) => !(error <= 1e-5))).toEqual([]);
  });
});
