import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import {pruneLayersModel, type LayersPruneReport, type PruneOptions} from '../../src/graph';
import {createBlockRowSolver} from '../../src/runtime';
import {useVariant} from '../support/backends';
import {randomFloats, randomNumbers} from '../support/random';
import {smoothImages} from './repairNetwork';

const {conv2d, separableConv2d, depthwiseConv2d, batchNormalization, dense, add} = layers.layers;
type Symbolic = layers.SymbolicTensor;

/** A layer of somebody's own, which no graph knows. */
class Halves extends layers.layers.Layer {
  static className = 'Halves';
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.mul([inputs].flat()[0], 0.5);
  }
}

const then = (x: Symbolic, ...chain: layers.layers.Layer[]) =>
  chain.reduce((tensor, layer) => layer.apply(tensor) as Symbolic, x);

/** A residual block with batch normalisations, a depthwise and a separable layer, one of nobody's, and a classifier. */
function network(): layers.LayersModel {
  const x = layers.input({shape: [8, 8, 3], name: 'image'});
  const plain = {useBias: false, padding: 'same'} as const;
  const first = then(
    x,
    conv2d({...plain, name: 'first', filters: 16, kernelSize: 3, strides: 2}),
    batchNormalization({name: 'firstNorm'}),
    layers.layers.reLU({maxValue: 6}),
  );
  const inner = then(
    first,
    conv2d({name: 'expand', filters: 32, kernelSize: 1, activation: 'relu6'}),
    depthwiseConv2d({...plain, name: 'depth', kernelSize: 3}),
    batchNormalization({name: 'depthNorm'}),
    layers.layers.reLU(),
    conv2d({...plain, name: 'project', filters: 16, kernelSize: 1}),
    batchNormalization({name: 'projectNorm'}),
  );
  const sum = add().apply([inner, first]) as Symbolic;
  const y = then(
    sum,
    separableConv2d({name: 'separable', filters: 24, kernelSize: 3, padding: 'same', activation: 'relu'}),
    new Halves({name: 'halves'}),
    layers.layers.globalAveragePooling2d({}),
    dense({name: 'classes', units: 6, activation: 'softmax'}),
  );
  const model = layers.model({inputs: x, outputs: y});
  const random = randomNumbers(5);
  for (const {name, weights} of model.layers) {
    for (const weight of weights) {
      const values = tf.tensor(
        randomFloats(tf.util.sizeFromShape(weight.shape as number[]), random),
        weight.shape as number[],
      );
      const fanIn = weight.shape.slice(0, -1).reduce<number>((product, size) => product * size!, 1);
      const positive = /variance|gamma/.test(weight.originalName);
      const scaled = positive ? tf.add(tf.abs(values), 0.5) : tf.div(values, name === 'depth' ? 3 : Math.sqrt(fanIn));
      weight.write(scaled);
      tf.dispose([values, scaled]);
    }
  }
  return model;
}

const LAYERS = ['expand', 'project', 'separable'];
const options: PruneOptions = {n: 4, sparsity: 0.5, layers: LAYERS, calibration: () => smoothImages(60)};

/** Prunes, and expects no tensor to be left behind, whatever comes of it. */
async function prune(model: layers.LayersModel, given: Partial<PruneOptions> = {}): Promise<LayersPruneReport> {
  const tensors = tf.memory().numTensors;
  try {
    return await pruneLayersModel(model, {...options, ...given}, () => createBlockRowSolver(1));
  } finally {
    expect(tf.memory().numTensors).toBe(tensors);
  }
}

const kernel = (model: layers.LayersModel, name: string, key = 'kernel') =>
  model
    .getLayer(name)
    .weights.find(({originalName}) => originalName.endsWith(key))!
    .read();
const zerosOf = (tensor: tf.Tensor) => tensor.dataSync().filter((value) => value === 0).length;

function predictions(model: layers.LayersModel): Float32Array {
  return tf.tidy(() => {
    const images = tf.concat([...smoothImages(20, 500)]);
    return (model.predict(images) as tf.Tensor).dataSync<'float32'>().slice();
  });
}

const distance = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0);

describe('pruning a layers model with samples', () => {
  let model: layers.LayersModel;
  beforeAll(() => useVariant('relaxed'));
  beforeEach(() => (model = network()));
  afterEach(() => model.dispose());

  test('comes closer to the dense model than the same blocks without a repair', async () => {
    const before = predictions(model);
    const unrepaired = network();
    await prune(unrepaired, {repair: 'none'});
    const lost = distance(predictions(unrepaired), before);
    unrepaired.dispose();

    const variables = model.weights.map((weight) => weight.name);
    const report = await prune(model);
    const [pruned, closed] = report.repair!.stages;
    expect(closed.keptOut.kl!).toBeLessThan(pruned.keptOut.kl! / 2);
    expect(distance(predictions(model), before)).toBeLessThan(lost / 2);
    expect(model.weights.map((weight) => weight.name)).toEqual(variables);
    expect(report.others).toEqual([]);
    expect(report.accuracy).toContain('16 samples that no fit has seen');
  });

  test('gives what the report measured: kept-out errors are those of the model that is left behind', async () => {
    const before = predictions(model);
    const report = await prune(model);
    const after = predictions(model);
    const mean = before.reduce((sum, value) => sum + value, 0) / before.length;
    const variance = before.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    const measured = report.repair!.stages.at(-1)!.keptOut.relativeError;
    const relative = distance(after, before) / variance;
    expect(relative).toBeLessThan(3 * measured + 0.02);
    expect(relative).toBeGreaterThan(measured / 4 - 0.02);
  });

  test('leaves zeros in half of the blocks, and fits means of batch normalisations as biases', async () => {
    const names = ['projectNorm', 'depthNorm'];
    const before = names.map((name) => kernel(model, name, 'moving_mean').dataSync().slice());
    const report = await prune(model);
    for (const name of LAYERS) {
      const weights = kernel(model, name, name === 'separable' ? 'pointwise_kernel' : 'kernel');
      expect(zerosOf(weights)).toBe(weights.size / 2);
    }
    expect(report.totals.weightsAfter).toBeLessThan(report.totals.weightsBefore);
    names.forEach((name, i) => {
      const after = kernel(model, name, 'moving_mean').dataSync();
      expect([...after].sort()).not.toEqual([...before[i]].sort());
    });
  });

  test('distils, and reports it', async () => {
    const {repair} = await prune(model, {repair: 'distill', calibration: () => smoothImages(40)});
    expect(repair!.stages.map(({name}) => name)).toEqual(['pruned', 'closed', 'distill']);
    expect(zerosOf(kernel(model, 'expand'))).toBe(16 * 16);
  });

  test('leaves the model as it was where a sample is not fit for it', async () => {
    const before = model.getWeights().map((weight) => [...weight.dataSync()]);
    function* wrong() {
      yield* smoothImages(40);
      yield tf.fill([1, 8, 8, 3], NaN) as tf.Tensor4D;
    }
    await expect(prune(model, {calibration: wrong})).rejects.toThrow(/NaN/);
    expect(model.getWeights().map((weight) => [...weight.dataSync()])).toEqual(before);
  });

  test('takes models whose outputs are images of more values than a call takes arguments', async () => {
    const size = 72;
    const images = layers.sequential({
      layers: [
        conv2d({
          name: 'a',
          inputShape: [size, size, 3],
          filters: 8,
          kernelSize: 3,
          activation: 'relu',
          padding: 'same',
        }),
        conv2d({name: 'b', filters: 16, kernelSize: 1, activation: 'relu'}),
        conv2d({name: 'c', filters: 16, kernelSize: 1}),
      ],
    }) as layers.LayersModel;
    const calibration = function* () {
      for (const image of smoothImages(32)) {
        yield tf.image.resizeBilinear(image, [size, size]);
        image.dispose();
      }
    };
    const {repair} = await prune(images, {layers: ['b'], calibration});
    const [pruned, closed] = repair!.stages;
    expect(closed.keptOut.relativeError).toBeLessThan(pruned.keptOut.relativeError);
    expect(closed.keptOut.decibels).toBeGreaterThan(pruned.keptOut.decibels!);
    images.dispose();
  });

  test('refuses layers that keep a state or make a mask, by name', async () => {
    const recurrent = layers.sequential({
      layers: [
        layers.layers.lstm({
          name: 'remembers',
          units: 4,
          stateful: true,
          batchInputShape: [1, 3, 2],
          recurrentInitializer: 'glorotNormal',
        }),
      ],
    });
    const masked = layers.sequential({
      layers: [layers.layers.embedding({name: 'words', inputDim: 4, outputDim: 2, maskZero: true, inputLength: 3})],
    });
    await expect(prune(recurrent as layers.LayersModel)).rejects.toThrow(/'remembers' is stateful/);
    await expect(prune(masked as layers.LayersModel)).rejects.toThrow(/'words' makes a mask/);
    recurrent.dispose();
    masked.dispose();
  });
});
