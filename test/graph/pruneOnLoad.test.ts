import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import {loadGraphModel, loadGraphModelSync} from '@tensorflow/tfjs-converter';
import {
  cleanUpGraph,
  pruneArtifacts,
  pruneOnLoad,
  setRewriter,
  type PruneOnLoadOptions,
  type PruneOptions,
  type PruneReport,
} from '../../src/graph';
import {randomFloats, randomNumbers} from '../support/random';
import {ConvGraphBuilder} from './convGraphs';
import {relativeError} from './smallGraphs';

function twoConvolutions(): tf.io.ModelArtifacts {
  const g = new ConvGraphBuilder(5);
  const stem = g.conv('stem', g.input('x', [-1, 6, 6, 3]), {out: 16, fused: ['BiasAdd', 'Relu']});
  const inner = g.conv('inner', stem, {out: 32, fused: ['BiasAdd', 'Relu']});
  return g.artifacts([g.conv('last', inner, {out: 16})]);
}

const handler = (extra: object = {}): tf.io.IOHandler => ({load: async () => twoConvolutions(), ...extra});
const x = () => tf.tensor4d(randomFloats(6 * 6 * 3, randomNumbers(2)), [1, 6, 6, 3]);

/** The output of the artifacts as they are, loaded with the hook off. */
function plainOutput(artifacts: tf.io.ModelArtifacts): Float32Array {
  pruneOnLoad(null);
  return outputOf(loadGraphModelSync(artifacts as Parameters<typeof loadGraphModelSync>[0]));
}

function outputOf(model: {predict(x: tf.Tensor): unknown; dispose(): void}): Float32Array {
  const values = (model.predict(x()) as tf.Tensor).dataSync() as Float32Array;
  model.dispose();
  return values;
}

let original: Float32Array;
let pruned: Float32Array;

beforeAll(async () => {
  await tf.setBackend('wasm');
  original = plainOutput(twoConvolutions());
  pruned = plainOutput(pruneArtifacts(twoConvolutions(), {sparsity: 0.5}).artifacts);
  expect(relativeError(pruned, original)).toBeGreaterThan(1e-3);
});

afterEach(() => pruneOnLoad(null));

describe('pruneOnLoad', () => {
  test('prunes every model that is loaded later, by whatever way, until it is switched off', async () => {
    const reports: PruneReport[] = [];
    pruneOnLoad({sparsity: 0.5, onReport: (report) => reports.push(report)});
    expect(outputOf(await loadGraphModel(handler()))).toEqual(pruned);
    expect(outputOf(await loadGraphModel(tf.io.fromMemory(twoConvolutions())))).toEqual(pruned);
    expect(outputOf(loadGraphModelSync(tf.io.fromMemorySync(twoConvolutions())))).toEqual(pruned);
    const getWeightStream = () => new Blob([twoConvolutions().weightData as ArrayBuffer]).stream();
    const streamed = handler({
      loadStream: async () => ({...twoConvolutions(), weightData: undefined, getWeightStream}),
    });
    expect(outputOf(await loadGraphModel(streamed, {streamWeights: true}))).toEqual(pruned);
    expect(reports.map((report) => report.totals.layersPruned)).toEqual([2, 2, 2, 2]);
    pruneOnLoad(null);
    expect(outputOf(await loadGraphModel(handler()))).toEqual(original);
    expect(reports).toHaveLength(4);
  });

  test('a RegExp is tested against the URL and matches nothing without one', async () => {
    const urls: unknown[] = [];
    pruneOnLoad({sparsity: 0.5, match: /mobile/g, onReport: (_, url) => urls.push(url)});
    const path = 'https://example.org/mobilenet/model.json';
    expect(outputOf(await loadGraphModel(handler({path})))).toEqual(pruned);
    expect(outputOf(await loadGraphModel(handler({path})))).toEqual(pruned);
    expect(outputOf(await loadGraphModel(handler({path: 'https://example.org/other.json'})))).toEqual(original);
    expect(outputOf(await loadGraphModel(handler()))).toEqual(original);
    expect(urls).toEqual([path, path]);
  });

  test('a function gets the artifacts and the URL, and may answer later', async () => {
    const seen: unknown[] = [];
    const match: PruneOnLoadOptions['match'] = (artifacts, url) => {
      seen.push('weightSpecs' in artifacts, url);
      return url === 'yes';
    };
    pruneOnLoad({sparsity: 0.5, match});
    expect(outputOf(await loadGraphModel(handler({path: 'yes'})))).toEqual(pruned);
    expect(outputOf(loadGraphModelSync(tf.io.fromMemorySync(twoConvolutions())))).toEqual(original);
    expect(seen).toEqual([true, 'yes', true, undefined]);
    pruneOnLoad({sparsity: 0.5, match: async (_, url) => url === 'yes'});
    expect(outputOf(await loadGraphModel(handler({path: 'yes'})))).toEqual(pruned);
    expect(outputOf(await loadGraphModel(handler({path: 'no'})))).toEqual(original);
  });

  test('rates that come later hold up loadGraphModel, and loadGraphModelSync says that it cannot wait', async () => {
    pruneOnLoad({sparsity: async () => 0.5});
    expect(outputOf(await loadGraphModel(handler()))).toEqual(pruned);
    expect(() => loadGraphModelSync(tf.io.fromMemorySync(twoConvolutions()))).toThrow(/cannot wait/);
  });

  test('bad options are refused at once and leave the hook as it was', async () => {
    pruneOnLoad({sparsity: 0.5});
    expect(() => pruneOnLoad({sparsity: 3})).toThrow(/'sparsity' is 3/);
    expect(() => pruneOnLoad({sparsity: 0, match: 'x'} as unknown as PruneOnLoadOptions)).toThrow(/'match' is 'x'/);
    expect(() => pruneOnLoad({sparsity: 0, onReport: 1} as unknown as PruneOnLoadOptions)).toThrow(/'onReport' is 1/);
    expect(() => pruneOnLoad({sparsity: 0, url: 1} as unknown as PruneOnLoadOptions)).toThrow(
      /Known: .*match, onReport/,
    );
    expect(outputOf(await loadGraphModel(handler()))).toEqual(pruned);
  });

  test('takes budgets, N by layer, and patterns, as pruneGraphModel does', async () => {
    const all: PruneOptions[] = [
      {sparsity: {weights: 0.3}, layers: ['inner', 'last']},
      {sparsity: 0.5, n: 'auto', rearrange: 'sort'},
      {sparsity: 0.5, pattern: 'weight'},
    ];
    for (const options of all) {
      const reports: PruneReport[] = [];
      const direct = pruneArtifacts(twoConvolutions(), options);
      const expected = plainOutput(direct.artifacts);
      pruneOnLoad({...options, onReport: (report) => reports.push(report)});
      expect(outputOf(await loadGraphModel(handler()))).toEqual(expected);
      expect(reports).toEqual([direct.report]);
    }
    expect(() => pruneOnLoad({sparsity: {macs: 3}})).toThrow(/has 3 for 'macs'/);
    pruneOnLoad({sparsity: {weights: 0.95}});
    await expect(loadGraphModel(handler())).rejects.toThrow(/at most .* can go/);
  });

  test('a name that the model does not have fails its loading', async () => {
    pruneOnLoad({sparsity: {nose: 0.5}});
    await expect(loadGraphModel(handler())).rejects.toThrow(/names 'nose'/);
  });

  test('what happens to the options object later changes nothing', async () => {
    const options = {sparsity: 0.5};
    pruneOnLoad(options);
    options.sparsity = 0;
    expect(outputOf(await loadGraphModel(handler()))).toEqual(pruned);
  });
});

describe('a model whose channels were rearranged', () => {
  /** As `twoConvolutions`, with a scale and a clamp that the clean-up takes into the layer before them. */
  function unfused(): tf.io.ModelArtifacts {
    const g = new ConvGraphBuilder(5);
    const stem = g.conv('stem', g.input('x', [-1, 6, 6, 3]), {out: 16, fused: ['BiasAdd', 'Relu']});
    const inner = g.conv('inner', stem, {out: 32});
    const scaled = g.add('scaled', 'Mul', [inner, g.floats('scale', [32])]);
    const relu = g.add('relu', 'Relu', [scaled]);
    return g.artifacts([g.conv('last', relu, {out: 16})]);
  }

  // tfjs warns where executeAsync was not needed.
  beforeEach(() => jest.spyOn(console, 'warn').mockImplementation(() => undefined));
  afterEach(() => {
    jest.restoreAllMocks();
    setRewriter('cleanup', null);
  });

  test.each([
    ['stem', 16, false],
    ['inner', 32, false],
    ['relu', 32, false],
    ['inner', 32, true],
    ['scaled', 32, true],
    ['relu', 32, true],
  ])("takes '%s' fed in the place of its input, %i channels, cleaned up too: %s", async (name, channels, cleanUp) => {
    const plain = loadGraphModelSync(unfused() as Parameters<typeof loadGraphModelSync>[0]);
    pruneOnLoad({sparsity: 0, layers: ['stem', 'inner']});
    if (cleanUp) {
      setRewriter('cleanup', {applies: () => true, rewrite: (artifacts) => cleanUpGraph(artifacts).artifacts});
    }
    const model = loadGraphModelSync(unfused() as Parameters<typeof loadGraphModelSync>[0]);
    const fed = tf.tensor4d(randomFloats(36 * channels, randomNumbers(3)), [1, 6, 6, channels]);
    const image = x();
    const tensors = tf.memory().numTensors;
    for (const inputs of [{[name]: fed}, {[name]: fed, x: image}]) {
      const expected = plain.execute(inputs, 'last') as tf.Tensor;
      const actual = model.execute(inputs, 'last') as tf.Tensor;
      const waited = (await model.executeAsync(inputs, 'last')) as tf.Tensor;
      for (const result of [actual, waited]) {
        expect(relativeError(result.dataSync() as Float32Array, expected.dataSync() as Float32Array)).toBeLessThan(
          1e-5,
        );
      }
      tf.dispose([expected, actual, waited]);
    }
    expect(tf.memory().numTensors).toBe(tensors);
    tf.dispose([fed, image]);
    plain.dispose();
    model.dispose();
  });
});
