import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import fc from 'fast-check';
import {pruneLayersModel, type LayersPruneReport} from '../../src/graph';
import {ScratchModel} from '../../src/graph/calibration/scratchModel';
import {sketchLayersModel} from '../../src/graph/layersGraph';
import {randomFloats, randomNumbers} from '../support/random';
import {errorOfRange} from '../support/realModels';

const {conv2d, separableConv2d, depthwiseConv2d, batchNormalization, dense, add, concatenate, activation} =
  layers.layers;
type Symbolic = layers.SymbolicTensor;

const SIZE = 6;
const random = randomNumbers(11);
const tensor = (shape: number[]) => tf.tensor(randomFloats(tf.util.sizeFromShape(shape), random), shape);
const image = (channels = 20) => tensor([2, SIZE, SIZE, channels]);
const input = (channels = 20) => layers.input({shape: [SIZE, SIZE, channels], name: 'image'});
const then = (x: Symbolic, ...chain: layers.layers.Layer[]) =>
  chain.reduce((tensor, layer) => layer.apply(tensor) as Symbolic, x);
const join = (layer: layers.layers.Layer, ...inputs: Symbolic[]) => layer.apply(inputs) as Symbolic;
const conv1x1 = (name: string, filters = 16) => conv2d({name, filters, kernelSize: 1});

/** Gives all weights random values; variances and what else stands at an 'e' of variance positive ones. */
function filled<T extends layers.LayersModel>(model: T): T {
  for (const {weights} of model.layers.flatMap((layer) => [layer, ...innerLayers(layer)])) {
    for (const weight of weights) {
      const values = tensor(weight.shape as number[]);
      weight.write(weight.originalName.endsWith('variance') ? tf.add(tf.abs(values), 0.5) : values);
    }
  }
  return model;
}

const innerLayers = (layer: object): layers.layers.Layer[] => (layer as {layers?: layers.layers.Layer[]}).layers ?? [];

function outputsOf(model: layers.LayersModel, x: tf.Tensor | tf.Tensor[]): Float32Array[] {
  return [model.predict(x)].flat().map((output) => output.dataSync<'float32'>());
}

const weightsOf = (model: layers.LayersModel) => model.getWeights().map((weight) => [...weight.dataSync()]);

/** Expects the model's sketch to compute what the model does. */
async function expectSketchToRun(model: layers.LayersModel, x: tf.Tensor | tf.Tensor[]): Promise<void> {
  const before = outputsOf(model, x);
  const {sketch} = sketchLayersModel(model);
  const close = sketch.open();
  const artifacts = await sketch.toArtifacts();
  const {inputs, outputs} = artifacts.signature as Record<'inputs' | 'outputs', Record<string, {name: string}>>;
  const network = new ScratchModel(artifacts);
  const feeds = Object.fromEntries(Object.keys(inputs).map((name, i) => [name, [x].flat()[i]]));
  const names = Object.keys(outputs).slice(0, before.length);
  const results = await network.run(feeds, names);
  // A tensor that is two outputs is one node.
  new Set(names).forEach((name) => {
    const after = results[name].dataSync<'float32'>();
    expect(
      Math.min(...before.map((values) => (values.length === after.length ? errorOfRange(after, values) : 1))),
    ).toBeLessThan(1e-5);
  });
  network.dispose();
  close();
}

/** Rearranges only, expects the outputs of before, and gives the report. */
async function rearranged(model: layers.LayersModel, x: tf.Tensor | tf.Tensor[] = image()): Promise<LayersPruneReport> {
  const [before, variables] = [outputsOf(model, x), model.weights.map((weight) => weight.name)];
  await expectSketchToRun(model, x);
  const report = await pruneLayersModel(model, {n: 4, sparsity: 0});
  expect(report.lossless).toBe(true);
  outputsOf(model, x).forEach((after, i) => expect(errorOfRange(after, before[i])).toBeLessThan(1e-5));
  expect(model.weights.map((weight) => weight.name)).toEqual(variables);
  return report;
}

const namesOf = (report: LayersPruneReport) => report.layers.map(({name}) => name);
const whyNot = (report: LayersPruneReport, name: string) =>
  report.layers.find((layer) => layer.name === name)!.notRearranged;

/** Nonzero blocks of 1x4 of a kernel `[kh, kw, inChannels, outChannels]`. */
function blocksIn(kernel: tf.Tensor): number {
  const [kh, kw, inChannels, outChannels] = kernel.shape;
  const values = kernel.dataSync();
  const blocks = new Set<number>();
  values.forEach((value, i) => {
    const [channel, output] = [Math.floor(i / outChannels) % inChannels, i % outChannels];
    if (value !== 0) blocks.add(channel * outChannels + Math.floor(output / 4));
  });
  expect(values.length).toBe(kh * kw * inChannels * outChannels);
  return blocks.size;
}

/** All that follows an order of channels, in a row: first and last convolution at `first` and `last`. */
/** tfjs-layers saves no depth multiplier of separable convolutions. */
const sequential = (depthMultiplier = 2) =>
  filled(
    layers.sequential({
      layers: [
        conv2d({name: 'first', inputShape: [SIZE, SIZE, 3], filters: 16, kernelSize: 3, padding: 'same'}),
        conv2d({name: 'wide', filters: 24, kernelSize: 3, padding: 'same', useBias: false}),
        batchNormalization({name: 'norm'}),
        layers.layers.reLU(),
        layers.layers.prelu({name: 'prelu', sharedAxes: [1, 2]}),
        depthwiseConv2d({name: 'depthwise', kernelSize: 3, depthMultiplier: 2, padding: 'same', activation: 'relu6'}),
        separableConv2d({name: 'separable', filters: 20, kernelSize: 3, depthMultiplier, padding: 'same'}),
        batchNormalization({name: 'unscaled', scale: false, center: false}),
        layers.layers.dropout({rate: 0.5}),
        layers.layers.upSampling2d({size: [2, 2]}),
        layers.layers.maxPooling2d({poolSize: 2}),
        layers.layers.zeroPadding2d({padding: 1}),
        layers.layers.cropping2D({
          cropping: [
            [1, 0],
            [0, 1],
          ],
        }),
        activation({activation: 'hardSigmoid'}),
        conv2d({name: 'last', filters: 8, kernelSize: 1, activation: 'softmax'}),
        layers.layers.globalAveragePooling2d({}),
        dense({name: 'classes', units: 5}),
      ],
    }),
  );

const channelsOf = (x: Symbolic) => x.shape.at(-1)!;
/** tfjs-layers disposes too early of a tensor that one layer takes twice. */
const another = (b: Symbolic, a: Symbolic) => (a === b ? then(b, activation({activation: 'tanh'})) : b);
const like = (b: Symbolic, a: Symbolic) =>
  channelsOf(a) === channelsOf(b) ? another(b, a) : then(b, conv2d({filters: channelsOf(a), kernelSize: 1}));

/** What a random model is made of: layers on one tensor or two of 4x4 pixels. */
const STEPS: ReadonlyArray<(a: Symbolic, b: Symbolic, filters: number) => Symbolic> = [
  (a, _, filters) => then(a, conv2d({filters, kernelSize: 3, padding: 'same', activation: 'tanh'})),
  (a, _, filters) => then(a, conv2d({filters, kernelSize: 1, useBias: false}), batchNormalization()),
  (a, _, filters) => then(a, separableConv2d({filters, kernelSize: 3, padding: 'same', activation: 'sigmoid'})),
  (a) =>
    then(a, depthwiseConv2d({kernelSize: 3, padding: 'same', depthMultiplier: 2}), batchNormalization({scale: false})),
  (a, b) => join(add(), a, like(b, a)),
  (a, b) => then(join(layers.layers.multiply(), a, like(b, a)), activation({activation: 'tanh'})),
  (a, b) => join(concatenate(), a, another(b, a)),
  (a, b) => join(layers.layers.average(), a, like(b, a)),
  (a) => then(a, layers.layers.prelu({})),
  (a) => then(a, layers.layers.maxPooling2d({poolSize: 3, strides: 1, padding: 'same'})),
  (a, _, filters) => then(a, dense({units: filters, activation: 'softmax'})),
  (a) => then(a, layers.layers.permute({dims: [2, 1, 3]})),
  (a) =>
    then(
      a,
      layers.layers.reshape({targetShape: [2, 8, channelsOf(a)]}),
      layers.layers.reshape({targetShape: [4, 4, channelsOf(a)]}),
    ),
  (a) => {
    const twice = conv2d({filters: channelsOf(a), kernelSize: 1, activation: 'tanh'});
    return then(a, twice, twice);
  },
];

beforeAll(() => tf.setBackend('cpu'));
beforeEach(() => tf.engine().startScope());
afterEach(() => {
  tf.engine().endScope();
  tf.disposeVariables();
});

describe('pruneLayersModel', () => {
  it('rearranges a sequential model through all that follows channels, with the outputs of before', async () => {
    const model = sequential();
    const before = weightsOf(model);
    const report = await rearranged(model, image(3));
    expect(report.others).toEqual([]);
    expect(namesOf(report)).toEqual(['first', 'wide', 'separable', 'last', 'classes']);
    expect(report.layers.filter((layer) => layer.rearranged).map(({name}) => name)).toEqual([
      'wide',
      'separable',
      'last',
    ]);
    // All but the first layer, whose inputs and outputs keep their order, and the outputs of the model.
    const moved = weightsOf(model).map((values, i) => String(values) !== String(before[i]));
    const names = model.weights.map(({originalName}) => originalName);
    const still = names.filter((_, i) => !moved[i]);
    expect(still).toEqual(['first/kernel', 'first/bias', 'classes/bias']);
  });

  it('tells of each layer the shape and the pixels that tfjs-layers computes', async () => {
    const {layers: seen} = await pruneLayersModel(sequential(), {n: 4, sparsity: 0.5});

    const pixels = SIZE * SIZE;
    expect(seen.map(({name, op, shape}) => [name, op, ...shape])).toEqual([
      ['first', '_FusedConv2D', 3, 3, 3, 16],
      ['wide', '_FusedConv2D', 3, 3, 16, 24],
      ['separable', '_FusedConv2D', 1, 1, 96, 20],
      ['last', 'Conv2D', 1, 1, 20, 8],
      ['classes', '_FusedMatMul', 1, 1, 8, 5],
    ]);
    expect(seen.map(({shape, macsBefore}) => macsBefore! / shape.reduce((product, dim) => product * dim))).toEqual([
      pixels,
      pixels,
      pixels,
      (SIZE + 1) * (SIZE + 1),
      1,
    ]);
    expect(seen.map(({leftAlone}) => leftAlone)).toEqual([
      expect.stringContaining('first convolution'),
      null,
      null,
      null,
      expect.stringContaining('classifier'),
    ]);
  });

  it('zeros exactly the share of blocks that is asked for, of the layers that are asked for', async () => {
    const model = sequential();
    const options = {n: 4, sparsity: {wide: 0.5, separable: 0.25, classes: 0.75}, classifier: true} as const;
    const report = await pruneLayersModel(model, options);
    const kernel = (name: string, i = 0) => model.getLayer(name).getWeights()[i];
    expect(blocksIn(kernel('wide'))).toBe((16 * 6) / 2);
    expect(blocksIn(kernel('separable', 1))).toBe((96 * 5 * 3) / 4);
    expect(blocksIn(tf.reshape(kernel('classes'), [1, 1, 8, 5]))).toBe((8 * 2) / 4);
    expect(blocksIn(kernel('first'))).toBe(3 * 4);
    expect(report.layers.map(({blocksAfter}) => blocksAfter)).toEqual([12, 48, 360, 40, 4]);
    expect(report.lossless).toBe(false);
  });

  it('gives the same weights for the same seed, and others for another', async () => {
    const [a, b, c] = [sequential(), sequential(), sequential()];
    for (const other of [b, c]) other.setWeights(a.getWeights());
    const options = {n: 2, sparsity: 0.5, criterion: 'random'} as const;
    await pruneLayersModel(a, {...options, seed: 1});
    await pruneLayersModel(b, {...options, seed: 1});
    await pruneLayersModel(c, {...options, seed: 2});
    expect(weightsOf(b)).toEqual(weightsOf(a));
    expect(weightsOf(c)).not.toEqual(weightsOf(a));
  });

  it('keeps the outputs where layers are summed, joined, multiplied, flattened and go to several outputs', async () => {
    const x = input();
    const stem = then(x, conv1x1('stem', 16), conv1x1('one', 16));
    const two = then(stem, conv1x1('two', 16));
    const sum = join(add(), stem, two);
    const both = join(concatenate({axis: -1}), then(sum, conv1x1('three')), then(sum, conv1x1('four', 8)));
    const five = then(both, conv1x1('five', 16), activation({activation: 'swish'}), conv1x1('six', 16));
    const product = join(layers.layers.multiply(), five, sum);
    const flat = then(product, conv1x1('seven', 8), conv1x1('eight', 8), layers.layers.flatten());
    const pixels = then(product, dense({name: 'perPixel', units: 8}), dense({name: 'perPixelToo', units: 4}));
    const outputs = [then(flat, dense({units: 6, name: 'hidden'}), dense({units: 3})), pixels];
    const report = await rearranged(filled(layers.model({inputs: x, outputs})));
    expect(report.layers.find(({name}) => name === 'five')!.rearranged).toBe(true);
    expect(report.layers.find(({name}) => name === 'seven')!.rearranged).toBe(true);
    expect(report.layers.find(({name}) => name === 'perPixel')!.op).toBe('BatchMatMulV2');
    expect(report.others).toEqual([]);
  });

  it('keeps the order of outputs, and leaves alone what it does not know, by name and with the reason', async () => {
    const x = input();
    const known = then(x, conv1x1('known'), conv1x1('output'));
    const backwards = then(
      known,
      conv1x1('beforeSoftmax'),
      layers.layers.softmax({axis: -1}),
      conv1x1('beforeTransposed'),
      layers.layers.conv2dTranspose({name: 'transposed', filters: 8, kernelSize: 3, padding: 'same'}),
      conv2d({name: 'channelsFirst', filters: 6, kernelSize: 1, dataFormat: 'channelsFirst'}),
      layers.layers.reshape({targetShape: [6, SIZE * 8]}),
      layers.layers.lstm({name: 'recurrent', units: 4, recurrentInitializer: 'glorotNormal'}),
    );
    const report = await rearranged(filled(layers.model({inputs: x, outputs: [known, backwards]})));
    expect(whyNot(report, 'output')).toMatch(/an output of the model/);
    expect(whyNot(report, 'beforeSoftmax')).toBeNull();
    expect(whyNot(report, 'beforeTransposed')).toMatch(/'transposed' \(Conv2DTransposeLayer\)/);
    expect(report.others.map(({name, className}) => [name, className])).toEqual([
      ['transposed', 'Conv2DTranspose'],
      ['channelsFirst', 'Conv2D'],
      ['recurrent', 'LSTM'],
    ]);
    expect(report.others[1].reason).toMatch(/do not come last/);
  });

  it('names the layers of models within the model by both names, and prunes them', async () => {
    const encoder = layers.sequential({
      name: 'encoder',
      layers: [conv2d({...{name: 'a', inputShape: [SIZE, SIZE, 20]}, filters: 16, kernelSize: 1}), conv1x1('b')],
    });
    const x = input();
    const y = then(x, conv1x1('stem', 20), encoder, conv1x1('a', 8), conv1x1('c', 4));
    const model = filled(layers.model({inputs: x, outputs: y}));
    const report = await rearranged(model);
    expect(namesOf(report)).toEqual(['stem', 'encoder/a', 'encoder/b', 'a', 'c']);
    expect(report.layers.map((layer) => layer.rearranged)).toEqual([false, true, true, true, false]);
    await pruneLayersModel(model, {n: 4, sparsity: {'encoder/b': 0.5}});
    expect(blocksIn(encoder.getLayer('b').getWeights()[0])).toBe(32);

    const outer = layers.sequential({layers: [model, conv1x1('head', 4)]});
    expect(namesOf(await rearranged(outer as layers.LayersModel))).toContain(`${model.name}/encoder/a`);
  });

  it('keeps the outputs of random models, whatever is coupled in them', async () => {
    const step = fc.record({
      kind: fc.nat(STEPS.length - 1),
      from: fc.nat(2),
      other: fc.nat(4),
      filters: fc.integer({min: 4, max: 12}),
    });
    let moved = 0;
    const steps = fc.array(step, {minLength: 4, maxLength: 14});
    await fc.assert(
      fc.asyncProperty(steps, async (chosen) => {
        tf.engine().startScope();
        const x = layers.input({shape: [4, 4, 3]});
        const tensors = [then(x, conv2d({filters: 8, kernelSize: 3, padding: 'same'}))];
        for (const {kind, from, other, filters} of chosen) {
          const [a, b] = [from, other].map((back) => tensors.at(-1 - (back % tensors.length))!);
          tensors.push(STEPS[kind](a, b, filters));
        }
        const outputs = [
          then(tensors.at(-1)!, conv2d({filters: 4, kernelSize: 1})),
          then(tensors.at(-2)!, layers.layers.flatten(), dense({units: 3})),
        ];
        const model = filled(layers.model({inputs: x, outputs}));
        const image = tensor([1, 4, 4, 3]);
        const before = outputsOf(model, image);
        await expectSketchToRun(model, image);
        const report = await pruneLayersModel(model, {n: 2, sparsity: 0, layers: () => true});
        moved += report.totals.layersRearranged;
        outputsOf(model, image).forEach((after, i) => expect(errorOfRange(after, before[i])).toBeLessThan(1e-5));
        model.dispose();
        tf.engine().endScope();
      }),
      {numRuns: 100, seed: 1},
    );
    expect(moved).toBeGreaterThan(60);
  });

  it('leaves layers and models alone that are called twice, and keeps the outputs', async () => {
    const [twice, norm] = [conv1x1('twice'), batchNormalization({name: 'norm'})];
    const inner = layers.sequential({
      name: 'inner',
      layers: [conv2d({name: 'a', inputShape: [SIZE, SIZE, 16], filters: 16, kernelSize: 1}), conv1x1('b')],
    });
    const x = input(16);
    const once = then(x, conv1x1('stem'), twice, norm, inner, conv1x1('middle'));
    const y = then(once, twice, norm, inner, conv1x1('head'), conv1x1('last'));
    const report = await rearranged(filled(layers.model({inputs: x, outputs: y})), image(16));
    expect(report.layers.filter((layer) => layer.rearranged).map(({name}) => name)).toEqual(['head']);
    expect(report.layers.filter(({leftAlone}) => leftAlone?.includes('other nodes')).map(({name}) => name)).toEqual([
      ...['twice', 'inner/a', 'inner/b', 'twice_1', 'inner/a_1', 'inner/b_1'],
    ]);
    expect(whyNot(report, 'middle')).toMatch(/SharedLayer/);
  });

  it('keeps the order of tensors that layers of another model use', async () => {
    const x = input();
    const features = then(x, conv1x1('stem', 20), conv1x1('shared', 16));
    const theirs = filled(layers.model({inputs: x, outputs: then(features, conv1x1('theirs'), conv1x1('theirsToo'))}));
    const model = filled(layers.model({inputs: x, outputs: then(features, conv1x1('ours'), conv1x1('oursToo'))}));
    const x2 = image();
    const before = outputsOf(theirs, x2)[0];
    const report = await rearranged(model, x2);
    expect(whyNot(report, 'shared')).toMatch(/LayerOutsideTheModel/);
    expect(whyNot(report, 'ours')).toBeNull();
    expect(outputsOf(theirs, x2)[0]).toEqual(before);
  });

  it('takes layer names that mean something else in a graph', async () => {
    const x = input();
    const y = then(x, conv1x1('b/kernel'), conv1x1('b'), conv1x1('b/BiasAdd'), conv1x1('z', 4));
    const report = await rearranged(filled(layers.model({inputs: x, outputs: y})));
    expect(namesOf(report)).toEqual(['b/kernel', 'b', 'b/BiasAdd', 'z']);
  });

  it('is saved and loaded like other layers models, with its zeros and outputs', async () => {
    const model = sequential(1);
    await pruneLayersModel(model, {n: 4, sparsity: 0.5});
    const x = image(3);
    let saved: tf.io.ModelArtifacts = {};
    await model.save(
      tf.io.withSaveHandler(async (artifacts) => {
        saved = artifacts;
        return {modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts)};
      }),
    );
    const loaded = await layers.loadLayersModel(tf.io.fromMemory(saved));
    expect(weightsOf(loaded)).toEqual(weightsOf(model));
    expect(outputsOf(loaded, x)).toEqual(outputsOf(model, x));
    loaded.dispose();
  });

  it('throws for what is no layers model, and for one without layers', async () => {
    const wrong = {modelTopology: {node: []}} as unknown as layers.LayersModel;
    await expect(pruneLayersModel(wrong, {sparsity: 0.5})).rejects.toThrow(/a model of tfjs-layers expected/);
    await expect(pruneLayersModel(layers.sequential(), {sparsity: 0.5})).rejects.toThrow(/is not built/);
  });

  it('leaves the model as it was where the options make no sense', async () => {
    const model = sequential();
    const before = weightsOf(model);
    await expect(pruneLayersModel(model, {sparsity: {nobody: 0.5}})).rejects.toThrow(/'nobody'.*It has: first, wide/s);
    await expect(pruneLayersModel(model, {sparsity: 2})).rejects.toThrow(RangeError);
    await expect(pruneLayersModel(model, {sparsity: 0.5, n: () => 3 as 4})).rejects.toThrow(/layer 'first' is 3/);
    expect(weightsOf(model)).toEqual(before);
  });
});
