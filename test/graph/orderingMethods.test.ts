// How `rearrange` chooses the order of channels; what follows from an order is tested with coupling and rearrange.
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import {inspectModel, pruneArtifacts, type PruneOptions} from '../../src/graph';
import {randomFloats, randomNumbers} from '../support/random';
import {readModel, realGraphModels} from '../support/realModels';
import {ConvGraphBuilder} from './convGraphs';
import {relativeError, run} from './smallGraphs';

/** Filters of two kinds, that look at one half of their inputs each, in a random order: `[1, 1, inChannels, out]`. */
function twoKinds(inChannels: number, out: number, weak: number, seed: number): number[] {
  const random = randomNumbers(seed);
  const kinds = Array.from({length: out}, () => (random() < 0.5 ? 0 : 1));
  return Array.from(randomFloats(inChannels * out, random), (value, i) => {
    const half = Math.floor(i / out) < inChannels / 2 ? 0 : 1;
    return half === kinds[i % out] ? value : weak * value;
  });
}

/** stem -> a -> depthwise -> b (+ c of the stem) -> last; the channels of b and c are coupled. */
function network(weak: number, multiplier = 1): tf.io.ModelArtifacts {
  const g = new ConvGraphBuilder(3);
  const conv = (name: string, x: string, inChannels: number, out: number, seed: number) =>
    g.conv(name, x, {
      out,
      filter: g.floats(`${name}/kinds`, [1, 1, inChannels, out], twoKinds(inChannels, out, weak, seed)),
    });
  const stem = g.conv('stem', g.input('x', [-1, 28, 28, 3]), {k: 3, out: 96, fused: ['BiasAdd', 'Relu6']});
  const a = conv('a', stem, 96, 64, 1);
  const depthwise = g.depthwise('depthwise', a, {multiplier});
  const b = conv('b', depthwise, 64 * multiplier, 128, 2);
  const sum = g.add('sum', 'AddV2', [b, conv('c', stem, 96, 128, 2)]);
  return g.artifacts([g.conv('last', sum, {out: 12})]);
}

const input = () => ({x: tf.tensor(randomFloats(28 * 28 * 3, randomNumbers(9)), [1, 28, 28, 3])});
const layerOf = (artifacts: tf.io.ModelArtifacts, options: PruneOptions, name: string) =>
  pruneArtifacts(artifacts, options).report.layers.find((layer) => layer.name === name)!;

beforeAll(() => tf.setBackend('wasm'));

describe("the order by 'search'", () => {
  const options: PruneOptions = {n: 4, sparsity: 0.5, rearrange: 'search'};

  test('keeps more than the sorted one, and the report has the shares of all', () => {
    for (const name of ['a', 'b', 'c']) {
      const {l1Kept, l1KeptByOrder, rearranged} = layerOf(network(0.1), options, name);
      const {none, sort, search} = l1KeptByOrder!;
      expect(rearranged).toBe(true);
      expect(search).toBeGreaterThan(sort! + 0.05);
      expect(l1Kept).toBeCloseTo(search!, 9);
      expect(layerOf(network(0.1), {...options, rearrange: 'sort'}, name).l1Kept).toBeCloseTo(sort!, 9);
      expect(layerOf(network(0.1), {...options, rearrange: false}, name).l1Kept).toBeCloseTo(none, 9);
    }
  });

  test('is null in the report of other methods', () => {
    for (const rearrange of [true, false, 'sort', 'zeros'] as const) {
      expect(layerOf(network(0.1), {...options, rearrange}, 'a').l1KeptByOrder).toBeNull();
    }
  });

  test('is the same for the same seed, and leaves what the model computes alone where nothing is pruned', () => {
    const {artifacts} = pruneArtifacts(network(0.1), options);
    expect(pruneArtifacts(network(0.1), options).artifacts.weightData).toEqual(artifacts.weightData);
    // With a rate of 0 no order keeps more: nothing moves.
    expect(pruneArtifacts(network(0.1), {...options, sparsity: 0}).report.totals.layersRearranged).toBe(0);
  });

  test('moves neighbours of a depthwise multiplier together', () => {
    const artifacts = network(0.1, 2);
    const {artifacts: pruned, report} = pruneArtifacts(artifacts, {...options, layers: ['a', 'c']});
    expect(report.totals.layersRearranged).toBe(3);
    // Dropped blocks aside, the channels are those of before: those of a lossless rate are.
    const ordered = pruneArtifacts(artifacts, {...options, layers: ['a', 'c'], sparsity: 1 / (16 * 96)}).artifacts;
    expect(relativeError(run(ordered, input())[0], run(artifacts, input())[0])).toBeLessThan(0.01);
    expect(run(pruned, input())[0]).toHaveLength(28 * 28 * 12);
  });

  test('is not looked for among weights that are not finite', () => {
    const g = new ConvGraphBuilder(3);
    const stem = g.conv('stem', g.input('x', [-1, 8, 8, 3]), {out: 32});
    const values = twoKinds(32, 32, 0.1, 1);
    values[5] = NaN;
    const a = g.conv('a', stem, {out: 32, filter: g.floats('w', [1, 1, 32, 32], values)});
    const layer = layerOf(g.artifacts([g.conv('last', a, {out: 12})]), options, 'a');
    expect(layer.notRearranged).toBe('its weights are not all finite, so that their scores have no sum');
  });
});

describe("the order by 'zeros'", () => {
  const options: PruneOptions = {sparsity: 0, rearrange: 'zeros'};
  const expectedMs = (artifacts: tf.io.ModelArtifacts) =>
    inspectModel(artifacts).layers.reduce((sum, layer) => sum + layer.expectedMs, 0);

  test('gathers filters with alike zeros: less time is expected, and the outputs stay what they are', () => {
    const artifacts = network(0);
    const {artifacts: gathered, report} = pruneArtifacts(artifacts, options);
    expect(report).toMatchObject({lossless: true, totals: {layersRearranged: 3}});
    expect(expectedMs(gathered)).toBeLessThan(0.9 * expectedMs(artifacts));
    expect(relativeError(run(gathered, input())[0], run(artifacts, input())[0])).toBeLessThan(1e-5);
    expect(relativeError(run(gathered, input(), ['b'])[0], run(artifacts, input(), ['b'])[0])).toBeLessThan(1e-5);
  });

  test('leaves a model without zeros as it is', () => {
    const artifacts = network(0.1);
    const {artifacts: same, report} = pruneArtifacts(artifacts, options);
    expect(same).toBe(artifacts);
    expect(report.layers.find(({name}) => name === 'a')!.notRearranged).toBe(
      'no order of its filters is expected to make it faster by 2%',
    );
  });

  test('leaves channels alone that have neighbours to take along', () => {
    const g = new ConvGraphBuilder(3);
    const stem = g.conv('stem', g.input('x', [-1, 28, 28, 3]), {out: 32});
    const wide = g.depthwise('wide', stem, {multiplier: 2});
    const filter = g.floats('w', [1, 1, 32, 64], twoKinds(32, 64, 0, 1));
    const sum = g.add('sum', 'AddV2', [wide, g.conv('a', stem, {out: 64, filter})]);
    const layer = layerOf(g.artifacts([g.conv('last', sum, {out: 12})]), options, 'a');
    expect(layer.notRearranged).toBe('its channels have neighbours that move with them');
  });

  test.each(realGraphModels())(
    'expects %s to take no longer',
    (_, path) => {
      const artifacts = readModel(path);
      const {artifacts: gathered, report} = pruneArtifacts(artifacts, options);
      expect(report.lossless).toBe(true);
      expect(expectedMs(gathered)).toBeLessThanOrEqual(expectedMs(artifacts) * (1 + 1e-9));
    },
    60_000,
  );
});
