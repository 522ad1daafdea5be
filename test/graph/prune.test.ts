import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import {loadGraphModel} from '@tensorflow/tfjs-converter';
import {pruneArtifacts, pruneGraphModel, type LayerDescription, type PruneOptions} from '../../src/graph';
import {WeightStore} from '../../src/graph/weights';
import {blockRows, nonzeroBlocks, type BlockSize, type FilterShape} from '../../src/packed';
import {randomFloats, randomNumbers} from '../support/random';
import {boolAttr, ConvGraphBuilder} from './convGraphs';
import {relativeError, run} from './smallGraphs';

/** stem -> expand -> depthwise -> project (+ stem) -> head -> mean -> classifier -> softmax */
function smallMobileNet(): tf.io.ModelArtifacts {
  const g = new ConvGraphBuilder(5);
  const stem = g.conv('stem', g.input('x', [-1, 12, 12, 3]), {k: 3, stride: 2, out: 16, fused: ['BiasAdd', 'Relu6']});
  const expand = g.conv('expand', stem, {out: 48, fused: ['BiasAdd', 'Relu6']});
  const depthwise = g.depthwise('depthwise', expand, {fused: ['BiasAdd', 'Relu6']});
  const project = g.conv('project', depthwise, {out: 16, fused: ['BiasAdd']});
  const sum = g.add('sum', 'AddV2', [stem, project]);
  const head = g.conv('head', sum, {k: 3, out: 30, fused: ['BiasAdd', 'Relu6']});
  const mean = g.reduce('mean', 'Mean', head, [1, 2], false);
  return g.artifacts([g.add('softmax', 'Softmax', [g.matMul('classifier', mean, 10)])]);
}

const input = () => ({x: tf.tensor4d(randomFloats(2 * 12 * 12 * 3, randomNumbers(2)), [2, 12, 12, 3])});

const weights = (artifacts: tf.io.ModelArtifacts) => new WeightStore(artifacts.weightSpecs, artifacts.weightData);

function blocksOf(artifacts: tf.io.ModelArtifacts, weight: string, n: BlockSize): number {
  const store = weights(artifacts);
  const dims = store.spec(weight).shape;
  const [kh, kw, inChannels, outChannels] = dims.length === 4 ? dims : [1, 1, ...dims];
  const shape: FilterShape = {kh, kw, inChannels, outChannels};
  return nonzeroBlocks(store.floats(weight), shape, n).reduce((sum, bit) => sum + bit, 0);
}

const bytesOf = (artifacts: tf.io.ModelArtifacts) => new Uint8Array(artifacts.weightData as ArrayBuffer);

beforeAll(() => tf.setBackend('wasm'));

describe('pruning a graph model', () => {
  test('exactly the asked share of blocks goes, in the layers worth it alone', () => {
    const artifacts = smallMobileNet();
    const {artifacts: pruned, report} = pruneArtifacts(artifacts, {n: 4, sparsity: 0.5});
    expect(report.layers.map((layer) => [layer.name, layer.leftAlone])).toEqual([
      ['stem', 'it is the first convolution: name it in layers to prune it'],
      ['expand', null],
      ['project', null],
      ['head', null],
      ['classifier', 'it is the classifier: set classifier: true to prune it'],
    ]);
    const after = {expand: 12 * 16 - 96, project: 4 * 48 - 96, head: 8 * 16 - 64};
    expect(blocksOf(pruned, 'expand/filter/1xn', 4)).toBe(after.expand);
    expect(blocksOf(pruned, 'project/filter/1xn', 4)).toBe(after.project);
    expect(blocksOf(pruned, 'head/filter/1xn', 4)).toBe(after.head);
    for (const [name, blocksAfter] of Object.entries(after)) {
      expect(report.layers.find((layer) => layer.name === name)).toMatchObject({blocksAfter, n: 4, sparsity: 0.5});
    }
    const store = weights(artifacts);
    // The stem is coupled with 'project': its filters change their places, and nothing else.
    const sorted = (name: string, from: WeightStore) => from.floats(name).sort();
    expect(sorted('stem/filter/1xn', weights(pruned))).toEqual(sorted('stem/filter', store));
    expect(sorted('stem/bias/1xn', weights(pruned))).toEqual(sorted('stem/bias', store));
    expect(weights(pruned).floats('stem/filter/1xn')).not.toEqual(store.floats('stem/filter'));
  });

  test('the report counts blocks, multiply-adds and what is left of the weights, and warns', () => {
    const {report} = pruneArtifacts(smallMobileNet(), {n: 8, sparsity: 0.25});
    const head = report.layers.find((layer) => layer.name === 'head')!;
    expect(head).toMatchObject({
      op: '_FusedConv2D',
      shape: [3, 3, 16, 30],
      blocks: 4 * 16,
      blocksBefore: 64,
      blocksAfter: 48,
    });
    expect(head.macsBefore).toBe(6 * 6 * 9 * 16 * 30);
    // The last row has 6 filters of 8, so lower scores: more than a quarter of its blocks goes.
    expect(head.macsAfter! % (6 * 6 * 9)).toBe(0);
    expect(head.macsAfter).toBeLessThan(head.macsBefore!);
    expect(head.l1Kept).toBeGreaterThan(0.75);
    expect(head.l1Kept).toBeLessThan(1);
    expect(head).toMatchObject({rearranged: true, notRearranged: null});
    const reasons = Object.fromEntries(report.layers.map((layer) => [layer.name, layer.notRearranged]));
    expect(reasons).toMatchObject({stem: null, project: null});
    expect(reasons.classifier).toBe("its channels reach 'softmax', an output of the model");
    const {totals} = report;
    expect(totals).toMatchObject({layers: 5, layersPruned: 3, layersRearranged: 4, layersOfUnknownSize: 0});
    expect(totals.blocksAfter).toBe(report.layers.reduce((sum, layer) => sum + layer.blocksAfter, 0));
    expect(totals.macsAfter).toBe(report.layers.reduce((sum, layer) => sum + layer.macsAfter!, 0));
    expect(report.lossless).toBe(false);
    expect(report.accuracy).toMatch(/accuracy is lower .* not measured here/s);
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  test('rearranged filters lose less than filters in the order that they came in', () => {
    const l1Kept = (rearrange: boolean) =>
      pruneArtifacts(smallMobileNet(), {n: 8, sparsity: 0.5, rearrange, layers: ['expand', 'head']}).report.totals
        .l1Kept;
    expect(l1Kept(true)).toBeGreaterThan(l1Kept(false));
  });

  test('the same artifacts, options and seed give the same bytes, another seed others', () => {
    const prune = (options: PruneOptions) => bytesOf(pruneArtifacts(smallMobileNet(), options).artifacts);
    const options = {n: 4, sparsity: 0.5, criterion: 'random', seed: 3} as const;
    expect(prune(options)).toEqual(prune(options));
    expect(prune({...options, seed: 4})).not.toEqual(prune(options));
    expect(prune({n: 4, sparsity: 0.5})).toEqual(prune({n: 4, sparsity: 0.5, criterion: 'l1'}));
    expect(prune({n: 4, sparsity: 0.5})).not.toEqual(prune(options));
  });

  test('pruned zeros that were zeros before are lossless, and then nothing but zeros goes', () => {
    const once = pruneArtifacts(smallMobileNet(), {n: 4, sparsity: 0.5}).artifacts;
    const again = pruneArtifacts(once, {n: 4, sparsity: 0.4, rearrange: false});
    expect(again.report).toMatchObject({lossless: true, totals: {l1Kept: 1}});
    expect(again.report.accuracy).toMatch(/rounding alone/);
    expect(again.artifacts).toBe(once);
  });

  test('all blocks may go', () => {
    const {artifacts, report} = pruneArtifacts(smallMobileNet(), {sparsity: 1, layers: ['head']});
    expect(blocksOf(artifacts, 'head/filter/1xn', 4)).toBe(0);
    expect(report.layers.find((layer) => layer.name === 'head')).toMatchObject({
      blocksAfter: 0,
      macsAfter: 0,
      l1Kept: 0,
    });
  });

  test('quantised weights of layers left alone stay quantised byte for byte, pruned ones become float32', () => {
    const artifacts = smallMobileNet();
    const store = weights(artifacts);
    const specs: tf.io.WeightsManifestEntry[] = [];
    const chunks: Uint8Array[] = [];
    for (const spec of artifacts.weightSpecs!) {
      const random = randomNumbers(specs.length + 1);
      const length = spec.shape.reduce((product, dim) => product * dim, 1);
      if (spec.dtype === 'float32') {
        const quantization = {dtype: 'uint8', scale: 0.01, min: -1.28} as const;
        specs.push({...spec, quantization});
        chunks.push(Uint8Array.from({length}, () => Math.floor(random() * 256)));
      } else {
        specs.push(spec);
        chunks.push(new Uint8Array(store.ints(spec.name).buffer));
      }
    }
    const quantised = {...artifacts, weightSpecs: specs, weightData: new Uint8Array(Buffer.concat(chunks)).buffer};
    const {artifacts: pruned} = pruneArtifacts(quantised, {n: 4, sparsity: 0.5, rearrange: false});
    const spec = (name: string) => pruned.weightSpecs!.find((candidate) => candidate.name === name);
    expect(spec('stem/filter')).toEqual(specs.find(({name}) => name === 'stem/filter'));
    expect(spec('expand/filter')).toEqual({name: 'expand/filter', shape: [1, 1, 16, 48], dtype: 'float32'});
    // The stem's filter is the first weight: its bytes stand where they stood.
    expect(bytesOf(pruned).slice(0, 3 * 3 * 3 * 16)).toEqual(chunks[0]);
    expect(run(pruned, input())[0]).toHaveLength(20);
  });

  test('a pruned model saved and loaded again gives the same outputs on stock wasm', async () => {
    const {artifacts} = await pruneGraphModel(smallMobileNet(), {n: 4, sparsity: 0.5, classifier: true});
    const x = input();
    const expected = run(artifacts, x)[0];
    const model = await loadGraphModel(tf.io.fromMemory(artifacts));
    let saved: tf.io.ModelArtifacts | undefined;
    await model.save(
      tf.io.withSaveHandler(async (given) => {
        saved = given;
        return {modelArtifactsInfo: {dateSaved: new Date(0), modelTopologyType: 'JSON'}};
      }),
    );
    model.dispose();
    expect(run(saved!, x)[0]).toEqual(expected);
    const original = run(smallMobileNet(), x)[0];
    expect(relativeError(expected, original)).toBeGreaterThan(1e-3);
  });

  test('weights that stand in a stream are read', async () => {
    const artifacts = smallMobileNet();
    const expected = pruneArtifacts(artifacts, {n: 4, sparsity: 0.5}).artifacts;
    const {weightData, ...rest} = artifacts;
    const getWeightStream = () =>
      new Blob([weightData as ArrayBuffer]).stream() as unknown as ReadableStream<ArrayBuffer>;
    const {artifacts: pruned} = await pruneGraphModel({...rest, getWeightStream}, {n: 4, sparsity: 0.5});
    expect(bytesOf(pruned)).toEqual(bytesOf(expected));
  });
});

describe('choosing layers, rates and N', () => {
  const blocksAfter = (options: PruneOptions) =>
    Object.fromEntries(pruneArtifacts(smallMobileNet(), options).report.layers.map((l) => [l.name, l.blocksAfter]));
  const untouched = {stem: 4 * 3, expand: 12 * 16, project: 4 * 48, head: 8 * 16, classifier: 3 * 30};

  test('the classifier is pruned on request, whichever way round its weights are stored', () => {
    expect(blocksAfter({sparsity: 0.5, classifier: true}).classifier).toBe(45);
    const g = new ConvGraphBuilder(5);
    const conv = g.conv('conv', g.input('x', [-1, 12, 12, 3]), {k: 3, out: 16});
    const mean = g.reduce('mean', 'Mean', conv, [1, 2], false);
    const artifacts = g.artifacts([g.matMul('classifier', mean, 10, true)]);
    const {artifacts: pruned, report} = pruneArtifacts(artifacts, {sparsity: 0.5, classifier: true});
    expect(report.layers[1]).toMatchObject({shape: [1, 1, 16, 10], blocks: 48, blocksAfter: 24});
    const transposed = weights(pruned).floats('classifier/weights');
    const filter = Float32Array.from(transposed, (_, i) => transposed[(i % 10) * 16 + Math.floor(i / 10)]);
    const kept = nonzeroBlocks(filter, {kh: 1, kw: 1, inChannels: 16, outChannels: 10}, 4);
    expect(kept.reduce((sum, bit) => sum + bit, 0)).toBe(24);
  });

  test('a convolution of one pixel is the classifier at the end, and not worth it in between', () => {
    const g = new ConvGraphBuilder(5);
    const conv = g.conv('conv', g.input('x', [-1, 12, 12, 3]), {k: 3, out: 16});
    const squeeze = g.conv('squeeze', g.reduce('mean', 'Mean', conv, [1, 2], true), {out: 16});
    const artifacts = g.artifacts([g.conv('classifier', squeeze, {out: 16})]);
    const {report} = pruneArtifacts(artifacts, {sparsity: 0.5, classifier: true});
    expect(report.layers.map((layer) => layer.leftAlone)).toEqual([
      expect.stringContaining('the first convolution'),
      'it has one output pixel: there is no time to win',
      null,
    ]);
  });

  test('short filters and few filters are not worth it', () => {
    const g = new ConvGraphBuilder(5);
    const stem = g.conv('stem', g.input('x', [-1, 12, 12, 3]), {out: 15});
    const short = g.conv('short', stem, {out: 40});
    const few = g.conv('few', short, {out: 15});
    const {report} = pruneArtifacts(g.artifacts([g.conv('last', few)]), {sparsity: 0.5, n: 8});
    expect(report.layers.slice(1, 3).map((layer) => layer.leftAlone)).toEqual([
      'its filters have 15 weights, fewer than 16',
      'it has 15 output channels, fewer than 2N = 16',
    ]);
  });

  test('a map of rates prunes the layers that it names, worth it or not, and no other', () => {
    expect(blocksAfter({sparsity: {stem: 0.5, head: 0.25}})).toEqual({...untouched, stem: 6, head: 96});
    const {report} = pruneArtifacts(smallMobileNet(), {sparsity: {head: 0.25}});
    expect(report.layers[0].leftAlone).toBe('the sparsity option has no rate for it');
  });

  test('a function gives rates by what it is told of a layer', () => {
    const seen: LayerDescription[] = [];
    const sparsity = (layer: LayerDescription) => {
      seen.push(layer);
      return layer.kh === 3 ? 0.75 : undefined;
    };
    expect(blocksAfter({sparsity})).toEqual({...untouched, head: 32});
    expect(seen.map((layer) => layer.name)).toEqual(['expand', 'project', 'head']);
    expect(seen[2]).toEqual({
      name: 'head',
      op: '_FusedConv2D',
      kind: 'convolution',
      kh: 3,
      kw: 3,
      inChannels: 16,
      outChannels: 30,
      outputPixels: 36,
      isFirst: false,
      isClassifier: false,
    });
  });

  test('layers can be listed or picked by a function', () => {
    expect(blocksAfter({sparsity: 0.5, layers: ['stem', 'project']})).toEqual({...untouched, stem: 6, project: 96});
    const layers = (layer: LayerDescription) => layer.kind === 'matmul';
    expect(blocksAfter({sparsity: 0.5, layers})).toEqual({...untouched, classifier: 45});
    expect(blocksAfter({sparsity: 0.5, layers: [], classifier: true})).toEqual({...untouched, classifier: 45});
  });

  test('N can differ between layers', () => {
    const {report} = pruneArtifacts(smallMobileNet(), {sparsity: 0.5, n: {expand: 16, head: 1}});
    const blocks = Object.fromEntries(report.layers.map((layer) => [layer.name, layer.n]));
    expect(blocks).toMatchObject({expand: 16, project: 4, head: 1});
    const byFunction = pruneArtifacts(smallMobileNet(), {sparsity: 0.5, n: (layer) => (layer.kh === 3 ? 2 : 8)});
    for (const layer of byFunction.report.layers) {
      expect(layer.n).toBe(layer.shape[0] === 3 ? 2 : 8);
      expect(layer.blocks).toBe(
        blockRows({kh: 1, kw: 1, inChannels: 1, outChannels: layer.shape[3]}, layer.n) * layer.shape[2],
      );
    }
  });

  test('a function may take its time where there is time', async () => {
    const options: PruneOptions = {n: 4, sparsity: async (layer) => (layer.name === 'head' ? 0.5 : 0)};
    const {report} = await pruneGraphModel(smallMobileNet(), options);
    expect(report.layers.find((layer) => layer.name === 'head')?.blocksAfter).toBe(64);
    expect(() => pruneArtifacts(smallMobileNet(), options)).toThrow(/returned a promise: use pruneGraphModel/);
  });

  test('shared weights are left alone', () => {
    const g = new ConvGraphBuilder(5);
    const stem = g.conv('stem', g.input('x', [-1, 12, 12, 3]), {out: 16});
    const filter = g.floats('shared', [1, 1, 16, 16]);
    const artifacts = g.artifacts([g.conv('b', g.conv('a', stem, {filter, out: 16}), {filter, out: 16})]);
    const {artifacts: same, report} = pruneArtifacts(artifacts, {sparsity: 0.5, layers: ['a', 'b']});
    expect(report.layers[1].leftAlone).toBe('its weights are used by other nodes too');
    expect(same).toBe(artifacts);
  });

  test('a product of two activations is no layer', () => {
    const g = new ConvGraphBuilder(5);
    const x = g.input('x', [-1, 16, 16]);
    const {report} = pruneArtifacts(g.artifacts([g.add('p', 'BatchMatMulV2', [x, x], {adj_y: boolAttr(true)})]), {
      sparsity: 0.5,
    });
    expect(report.layers).toEqual([]);
  });
});

describe('patterns to compare with', () => {
  const prune = (options: PruneOptions) => pruneArtifacts(smallMobileNet(), {layers: ['head'], ...options});
  const headOf = (artifacts: tf.io.ModelArtifacts) => weights(artifacts).floats('head/filter');

  test('the report counts blocks, multiply-adds and zeros of each', () => {
    // The head is a 3x3 convolution of 16 to 30 channels on 6x6 pixels.
    const expected = {weight: 9 * 16 * 30, kernel: 16 * 30, filter: 30} as const;
    for (const [pattern, blocks] of Object.entries(expected)) {
      const {artifacts, report} = prune({sparsity: 0.5, pattern: pattern as keyof typeof expected});
      const head = report.layers.find(({name}) => name === 'head')!;
      expect(report.pattern).toBe(pattern);
      expect(head).toMatchObject({n: 1, blocks, blocksBefore: blocks, blocksAfter: blocks / 2, sparsity: 0.5});
      expect(head).toMatchObject({macsAfter: head.macsBefore! / 2, zerosBefore: 0, zerosAfter: 9 * 16 * 15});
      expect(head.notRearranged).toBe(`for the pattern '${pattern}' the order of filters is all one`);
      expect(headOf(artifacts).reduce((zeros, w) => zeros + (w === 0 ? 1 : 0), 0)).toBe(head.zerosAfter);
      expect(report.totals.zerosAfter).toBe(head.zerosAfter);
      expect(report.totals.layersRearranged).toBe(0);
    }
    expect(prune({sparsity: 0.5}).report.pattern).toBe('1xN');
  });

  test("'kernel' zeros what 1xN does at N = 1", () => {
    expect(headOf(prune({sparsity: 0.3, pattern: 'kernel'}).artifacts)).toEqual(
      headOf(prune({sparsity: 0.3, n: 1, rearrange: false}).artifacts),
    );
  });

  test("'filter' leaves a filter's bias: its output is that everywhere", () => {
    const {artifacts} = prune({sparsity: 1, pattern: 'filter'});
    expect(weights(artifacts).floats('head/bias')).toEqual(weights(smallMobileNet()).floats('head/bias'));
    const bias = weights(artifacts).floats('head/bias');
    const output = run(artifacts, input(), ['head'])[0];
    expect(output).toEqual(output.map((_, i) => Math.min(6, Math.max(0, bias[i % 30]))));
  });

  test('go by chance, too, where asked', () => {
    const zeros = (options: PruneOptions) => headOf(prune(options).artifacts).map((w) => (w === 0 ? 1 : 0));
    const options = {sparsity: 0.5, pattern: 'weight', criterion: 'random'} as const;
    expect(zeros(options)).toEqual(zeros(options));
    expect(zeros(options)).not.toEqual(zeros({...options, seed: 1}));
    expect(zeros(options)).not.toEqual(zeros({...options, criterion: 'l1'}));
  });
});

describe('biases and batch norms', () => {
  /** stem -> conv, bias, batch norm, relu -> last */
  function normed(): tf.io.ModelArtifacts {
    const g = new ConvGraphBuilder(5);
    const stem = g.conv('stem', g.input('x', [-1, 12, 12, 3]), {out: 16});
    const conv = g.conv('conv', stem, {k: 3, out: 32});
    const biased = g.add('biased', 'BiasAdd', [conv, g.floats('bias', [32])]);
    const relu = g.add('relu', 'Relu', [g.batchNorm('norm', biased)]);
    return g.artifacts([g.conv('last', relu, {out: 8})]);
  }
  const options: PruneOptions = {n: 4, sparsity: 0.5, layers: ['conv']};

  test('stay as they are where nothing moves', () => {
    const {artifacts} = pruneArtifacts(normed(), {...options, rearrange: false});
    const before = weights(normed());
    for (const spec of artifacts.weightSpecs!) {
      if (spec.dtype !== 'float32' || spec.name === 'conv/filter') continue;
      expect(weights(artifacts).floats(spec.name)).toEqual(before.floats(spec.name));
    }
  });

  test('move with their filters: a wholly pruned layer gives what they alone give', () => {
    const all = {...options, sparsity: 1};
    const moved = pruneArtifacts(normed(), all);
    expect(moved.report.layers[1].rearranged).toBe(true);
    const unmoved = pruneArtifacts(normed(), {...all, rearrange: false}).artifacts;
    expect(relativeError(run(moved.artifacts, input())[0], run(unmoved, input())[0])).toBeLessThan(1e-6);
    expect(run(moved.artifacts, input(), ['relu'])[0]).toEqual(run(unmoved, input(), ['relu'])[0]);
  });

  test('move with their filters: kept blocks give what they give in the old order', () => {
    const {artifacts} = pruneArtifacts(normed(), options);
    // The same blocks zeroed by hand in the filters as they stood: filters are told by what is left of them.
    const pruned = weights(artifacts).floats('conv/filter/1xn');
    const original = weights(normed()).floats('conv/filter');
    const rows = original.length / 32;
    const column = (values: Float32Array, o: number) => Array.from({length: rows}, (_, row) => values[row * 32 + o]);
    const byHand = original.slice();
    for (let o = 0; o < 32; o++) {
      const position = [...Array(32).keys()].find((at) =>
        column(pruned, at).every((w, row) => w === 0 || w === original[row * 32 + o]),
      )!;
      column(pruned, position).forEach((w, row) => (byHand[row * 32 + o] = w));
    }
    const data = new Uint8Array(normed().weightData as ArrayBuffer).slice();
    let offset = 0;
    for (const {name, shape} of normed().weightSpecs!) {
      if (name === 'conv/filter') data.set(new Uint8Array(byHand.buffer), offset);
      offset += 4 * shape.reduce((size, dim) => size * dim, 1);
    }
    const expected = run({...normed(), weightData: data.buffer}, input())[0];
    expect(relativeError(run(artifacts, input())[0], expected)).toBeLessThan(1e-6);
  });
});

describe('options that make no sense are refused with what is possible', () => {
  const refused: Array<[unknown, RegExp]> = [
    [undefined, /options are undefined: an object such as/],
    [{}, /'sparsity' is missing/],
    [{sparsity: 0.5, sparsty: 1}, /Unknown prune option 'sparsty'\. Known: sparsity, n, pattern, criterion/],
    [{sparsity: 0.5, match: /x/}, /Unknown prune option 'match'/],
    [{sparsity: 1.5}, /'sparsity' is 1\.5: a share of blocks from 0 to 1/],
    [{sparsity: NaN}, /'sparsity' is NaN/],
    [{sparsity: '0.5'}, /'sparsity' is '0\.5'/],
    [{sparsity: {head: -1}}, /'sparsity' of layer 'head' is -1/],
    [{sparsity: () => 2}, /'sparsity' of layer 'expand' is 2/],
    [{sparsity: {macs: 2}}, /'sparsity' has 2 for 'macs': a share from 0 to 1/],
    [{sparsity: {latency: 0.5, cap: -1}}, /'sparsity' has -1 for 'cap'/],
    [{sparsity: {macs: undefined}}, /'sparsity' has undefined for 'macs'/],
    [
      {sparsity: {macs: 0.5, head: 0.25}},
      /is a budget of macs, and has 'head' beside it: a budget has one of macs, weights/,
    ],
    [{sparsity: {weights: 0.5, macs: 0.5}}, /is a budget of weights, and has 'macs' beside it.* by a function/],
    [{sparsity: () => ({macs: 0.5})}, /'sparsity' of layer 'expand' is \[object Object\]/],
    [{sparsity: 0.5, n: 3}, /'n' is 3: one of 1, 2, 4, 8, 16, 32 or 'auto'/],
    [{sparsity: 0.5, n: 'most'}, /'n' is 'most': one of 1, 2/],
    [{sparsity: 0.5, pattern: '4x1'}, /'pattern' is '4x1': one of 1xN, weight, kernel, filter/],
    [{sparsity: 0.5, pattern: 'weight', n: 4}, /'n' goes with the pattern '1xN' alone, and the pattern is 'weight'/],
    [{sparsity: 0.5, n: {head: 5}}, /'n' of layer 'head' is 5/],
    [{sparsity: 0.5, n: () => 64}, /'n' of layer 'stem' is 64/],
    [{sparsity: 0.5, criterion: 'l2'}, /'criterion' is 'l2': one of l1, random/],
    [{sparsity: 0.5, seed: 0.5}, /'seed' is 0\.5: an integer/],
    [{sparsity: 0.5, rearrange: 'yes'}, /'rearrange' is 'yes': true, false or one of sort, search, zeros expected/],
    [{sparsity: 0.5, classifier: 1}, /'classifier' is 1: true or false/],
    [{sparsity: 0.5, layers: 'head'}, /'layers' is 'head': a list of node names or a function/],
    [{sparsity: 0.5, layers: ['nose']}, /'layers' names 'nose'.* It has: stem, expand, project, head, classifier\./],
    [{sparsity: {nose: 0.5}}, /'sparsity' names 'nose', but the model has no such convolution or MatMul/],
    [{sparsity: {depthwise: 0.5}}, /'sparsity' names 'depthwise'/],
    [{sparsity: 0.5, n: {nose: 4}}, /'n' names 'nose'/],
  ];
  for (const [options, message] of refused) {
    test(`${message.source}`, async () => {
      expect(() => pruneArtifacts(smallMobileNet(), options as PruneOptions)).toThrow(message);
      await expect(pruneGraphModel(smallMobileNet(), options as PruneOptions)).rejects.toThrow(message);
    });
  }

  test('a layers model is refused', () => {
    expect(() => pruneArtifacts({modelTopology: {model_config: {}}}, {sparsity: 0.5})).toThrow(/no graph model/);
  });
});
