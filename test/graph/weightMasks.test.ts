import '@tensorflow/tfjs-backend-cpu';
import type {GraphModel} from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import {applyMasks, getMasks, maskCallback, pruneLayersModel, type WeightMasks} from '../../src';
import {cleanUpGraph, pruneArtifacts, setRewriter} from '../../src/graph';
import {OURS, useVariant} from '../support/backends';
import {infer, load} from '../support/plannedModels';
import {randomFloats, randomNumbers} from '../support/random';
import {ConvGraphBuilder} from './convGraphs';

const {conv2d, separableConv2d, depthwiseConv2d, batchNormalization, dense, flatten} = layers.layers;
const random = randomNumbers(5);
const tensor = (shape: number[]) => tf.tensor(randomFloats(tf.util.sizeFromShape(shape), random), shape);
const bitsOf = (values: Float32Array | tf.Tensor) => [
  ...new Uint32Array((values instanceof Float32Array ? values : values.dataSync<'float32'>()).slice().buffer),
];
/** A mask that drops every third value. */
const thirds = (size: number) => Uint8Array.from({length: size}, (_, i) => (i % 3 ? 1 : 0));

/** Expects +0 where the mask has 0, and the bits of before elsewhere. */
function expectMasked(after: Float32Array | tf.Tensor, before: number[], mask: Uint8Array): void {
  expect(bitsOf(after)).toEqual(before.map((bits, i) => (mask[i] ? bits : 0)));
}

beforeAll(() => useVariant('simd128'));
beforeEach(() => tf.setBackend('cpu'));
afterEach(() => setRewriter('cleanup', null));

function smallModel(): layers.Sequential {
  const inner = layers.sequential({
    name: 'inner',
    layers: [conv2d({name: 'within', inputShape: [6, 6, 8], filters: 8, kernelSize: 1})],
  });
  return layers.sequential({
    layers: [
      conv2d({name: 'conv', inputShape: [6, 6, 3], filters: 8, kernelSize: 3, padding: 'same'}),
      batchNormalization({name: 'norm'}),
      depthwiseConv2d({name: 'depthwise', kernelSize: 3, padding: 'same', activation: 'relu'}),
      separableConv2d({name: 'separable', filters: 8, kernelSize: 3, padding: 'same', trainable: false}),
      inner,
      flatten(),
      dense({name: 'dense', units: 4, activation: 'softmax'}),
    ],
  });
}

describe('masks of a layers model', () => {
  it('are of convolutions and dense layers, by the names of layer and weight, and tell zeros of either sign', () => {
    const model = smallModel();
    const kernel = tensor([3, 3, 3, 8]).dataSync<'float32'>();
    kernel.set([0, -0, NaN, 1e-45, Infinity]);
    model.getLayer('conv').setWeights([tf.tensor(kernel, [3, 3, 3, 8]), tf.zeros([8])]);
    const masks = getMasks(model);
    expect(Object.keys(masks)).toEqual([
      ...['conv/kernel', 'separable/pointwise_kernel', 'inner/within/kernel', 'dense/kernel'],
    ]);
    expect([...masks['conv/kernel'].slice(0, 6)]).toEqual([0, 0, 1, 1, 1, 1]);
    expect(masks['conv/kernel']).toHaveLength(kernel.length);
    expect(masks['dense/kernel']).toEqual(new Uint8Array(6 * 6 * 8 * 4).fill(1));
    model.dispose();
  });

  it.each(['cpu', 'wasm', OURS])('make exactly +0 of what they drop and keep all other bits on %s', async (backend) => {
    await tf.setBackend(backend);
    const model = smallModel();
    const kernel = tensor([3, 3, 3, 8]).dataSync<'float32'>();
    kernel.set([-1, -0, 2, NaN, -0, Infinity, NaN]);
    model.getLayer('conv').setWeights([tf.tensor(kernel, [3, 3, 3, 8]), tf.zeros([8])]);
    const before = new Map(model.weights.map((weight) => [weight.originalName, bitsOf(weight.read())]));
    const variables = model.weights.map((weight) => weight.read().id);
    const masks = {
      'conv/kernel': thirds(216),
      'inner/within/kernel': thirds(64),
      'separable/pointwise_kernel': thirds(64),
    };
    const tensors = tf.memory().numTensors;
    applyMasks(model, masks);
    expect(tf.memory().numTensors).toBe(tensors);
    expect(model.weights.map((weight) => weight.read().id)).toEqual(variables);
    for (const {originalName, ...weight} of model.weights.map((w) => ({
      originalName: w.originalName,
      read: () => w.read(),
    }))) {
      const name = originalName === 'within/kernel' ? 'inner/within/kernel' : originalName;
      const old = before.get(originalName)!;
      expectMasked(weight.read(), old, (masks as WeightMasks)[name] ?? new Uint8Array(old.length).fill(1));
    }
    model.dispose();
  });

  it('are refused where no weight has their name or size, and change nothing then', () => {
    const model = smallModel();
    const before = model.getWeights().map(bitsOf);
    const good = {'conv/kernel': thirds(216)};
    expect(() => applyMasks(model, {...good, 'conv/bias': thirds(8)})).toThrow(
      /no convolution or dense layer with a weight 'conv\/bias'. It has: conv\/kernel, /,
    );
    expect(() => applyMasks(model, {...good, 'dense/kernel': thirds(5)})).toThrow(
      /mask of 'dense\/kernel' has 5 values, a Uint8Array of 1152 expected/,
    );
    expect(() => applyMasks(model, {...good, 'dense/kernel': undefined as unknown as Uint8Array})).toThrow(
      /has no values/,
    );
    expect(() => applyMasks(model, {'dense/kernel': [0, 1] as unknown as Uint8Array})).toThrow(RangeError);
    expect(model.getWeights().map(bitsOf)).toEqual(before);
    model.dispose();
  });

  it('keep pruned blocks zero while the model trains on, and the loss recovers', async () => {
    const [count, seed] = [32, 3];
    const numbers = randomNumbers(seed);
    const labels = Array.from({length: count}, () => Math.floor(numbers() * 4));
    // Noise with a bright quarter: the class.
    const images = randomFloats(count * 36 * 3, numbers).map((value, i) => {
      const [image, row, column] = [Math.floor(i / 108), Math.floor(i / 18) % 6, Math.floor(i / 3) % 6];
      const quarter = (row < 3 ? 0 : 2) + (column < 3 ? 0 : 1);
      return value + (labels[image] === quarter ? 1 : 0);
    });
    const [x, y] = [tf.tensor(images, [count, 6, 6, 3]), tf.oneHot(tf.tensor1d(labels, 'int32'), 4)];
    const glorot = () => layers.initializers.glorotUniform({seed});
    const model = layers.sequential({
      layers: [
        conv2d({
          name: 'a',
          inputShape: [6, 6, 3],
          filters: 8,
          kernelSize: 3,
          activation: 'relu',
          kernelInitializer: glorot(),
        }),
        conv2d({name: 'b', filters: 8, kernelSize: 3, activation: 'relu', kernelInitializer: glorot()}),
        conv2d({name: 'c', filters: 16, kernelSize: 1, activation: 'relu', kernelInitializer: glorot()}),
        flatten(),
        dense({name: 'd', units: 4, activation: 'softmax', kernelInitializer: glorot()}),
      ],
    });
    const compile = () => model.compile({optimizer: tf.train.adam(0.01), loss: 'categoricalCrossentropy'});
    const lossNow = () => tf.tidy(() => (model.evaluate(x, y) as tf.Scalar).dataSync()[0]);
    const train = (epochs: number, callbacks?: object) =>
      model.fit(x, y, {epochs, batchSize: 16, shuffle: false, callbacks});
    tf.env().set('IS_TEST', false); // its test for leaks fails for gradients of fused kernels
    try {
      compile();
      await train(10);
      const trained = lossNow();
      const report = await pruneLayersModel(model, {n: 4, sparsity: {b: 0.5, c: 0.75}});
      expect(report.layers.map(({blocksAfter}) => blocksAfter)).toEqual([6, 8, 8, 64]);
      const pruned = lossNow();
      const masks = getMasks(model);
      const zeros = Object.values(masks).map((mask) => mask.filter((bit) => bit === 0).length);
      expect(zeros).toEqual([0, 8 * 9 * 4, 24 * 4, 0]);
      compile();
      let batches = 0;
      const check = () => {
        const after = getMasks(model);
        for (const [name, mask] of Object.entries(masks)) {
          expect(after[name].every((bit, i) => bit <= mask[i])).toBe(true);
        }
        batches++;
      };
      const callback = maskCallback(model, masks);
      const before = bitsOf(model.getLayer('b').getWeights()[0]);
      await train(10, [callback, {onBatchEnd: async () => check()}]);
      expect(batches).toBe(20);
      const tuned = lossNow();
      expect(trained).toBeLessThan(0.01);
      expect(pruned).toBeGreaterThan(0.1);
      expect(tuned).toBeLessThan(0.02);
      expect(getMasks(model)).toEqual(masks);
      const kernel = model.getLayer('b').getWeights()[0];
      expect(bitsOf(kernel)).not.toEqual(before);
      bitsOf(kernel).forEach((bits, i) => masks['b/kernel'][i] === 0 && expect(bits).toBe(0));
      // Without masks they come back.
      await train(1);
      expect(getMasks(model)).not.toEqual(masks);
    } finally {
      tf.env().set('IS_TEST', true);
    }
    model.dispose();
    tf.dispose([x, y]);
  });
});

const image = () => tf.tensor(randomFloats(2 * 36 * 3, randomNumbers(9)), [2, 6, 6, 3]);

/** Convolutions, one behind an Identity; matrix products, one of transposed weights. */
function graph(): tf.io.ModelArtifacts {
  const g = new ConvGraphBuilder(5);
  const stem = g.conv('stem', g.input('x', [-1, 6, 6, 3]), {out: 16, k: 3, fused: ['BiasAdd', 'Relu']});
  g.floats('filter', [1, 1, 16, 32]);
  const inner = g.conv('inner', stem, {out: 32, filter: g.add('filter/read', 'Identity', ['filter'])});
  const scaled = g.add('scaled', 'Mul', [inner, g.floats('scale', [32])]);
  const depthwise = g.depthwise('depthwise', g.add('relu', 'Relu', [scaled]));
  const pooled = g.reduce('pooled', 'Mean', depthwise, [1, 2], false);
  return g.artifacts([g.matMul('second', g.matMul('first', pooled, 8), 4, true)]);
}

const bytesOf = (artifacts: tf.io.ModelArtifacts, name: string): Float32Array => {
  const specs = artifacts.weightSpecs!;
  const at = specs.findIndex((spec) => spec.name === name);
  const sizes = specs.map(({shape}) => 4 * tf.util.sizeFromShape(shape));
  const start = sizes.slice(0, at).reduce((sum, size) => sum + size, 0);
  return new Float32Array((artifacts.weightData as ArrayBuffer).slice(start, start + sizes[at]));
};

describe('masks of the artifacts of a graph model', () => {
  const sizes = {'stem/filter': 432, filter: 512, 'first/weights': 256, 'second/weights': 32};

  it('are of the constant weights of convolutions and matrix products', () => {
    const masks = getMasks(graph());
    expect(Object.fromEntries(Object.entries(masks).map(([name, mask]) => [name, mask.length]))).toEqual(sizes);
    const {artifacts, report} = pruneArtifacts(graph(), {n: 4, sparsity: {inner: 0.5}, rearrange: false});
    expect(getMasks(artifacts).filter.reduce((sum, bit) => sum + bit, 0)).toBe(256);
    expect(report.layers.find(({name}) => name === 'inner')!.blocksAfter).toBe(64);
  });

  it('give artifacts with zeros, and leave those given and all other weights as they are', () => {
    const artifacts = graph();
    const before = structuredClone(artifacts.weightData);
    const masks = {filter: thirds(512), 'second/weights': thirds(32)};
    const masked = applyMasks(artifacts, masks);
    expect(artifacts.weightData).toEqual(before);
    for (const {name} of artifacts.weightSpecs!) {
      const old = bytesOf(artifacts, name);
      const mask = (masks as WeightMasks)[name] ?? new Uint8Array(old.length).fill(1);
      expectMasked(bytesOf(masked, name), bitsOf(old), mask);
    }
  });

  it('leave quantised weights alone whose dropped values are zero already', () => {
    const artifacts: tf.io.ModelArtifacts = graph();
    const [at] = artifacts.weightSpecs!.flatMap(({name}, i) => (name === 'second/weights' ? [i] : []));
    expect(at).toBe(artifacts.weightSpecs!.length - 1);
    const spec = {...artifacts.weightSpecs![at], quantization: {dtype: 'uint8' as const, scale: 0.5, min: -2}};
    artifacts.weightSpecs![at] = spec;
    const bytes = new Uint8Array(artifacts.weightData as ArrayBuffer).slice(0, -96);
    bytes.set(
      Array.from({length: 32}, (_, i) => i % 8),
      bytes.length - 32,
    );
    artifacts.weightData = bytes.buffer;
    const mask = getMasks(artifacts)['second/weights'];
    expect([...mask]).toEqual(Array.from({length: 32}, (_, i) => (i % 8 === 4 ? 0 : 1)));
    const same = applyMasks(artifacts, {'second/weights': mask});
    expect(same.weightSpecs![at]).toEqual(spec);
    expect(new Uint8Array(same.weightData as ArrayBuffer)).toEqual(bytes);
    const changed = applyMasks(artifacts, {'second/weights': thirds(32)});
    expect(changed.weightSpecs![at].quantization).toBeUndefined();
  });

  it('are refused where no weight has their name or size, and for what is no model', () => {
    expect(() => applyMasks(graph(), {scale: thirds(32)})).toThrow(
      /a weight 'scale'. It has: stem\/filter, filter, first/,
    );
    expect(() => applyMasks(graph(), {filter: thirds(511)})).toThrow(
      /mask of 'filter' has 511 values, .* 512 expected/,
    );
    for (const nothing of [null, undefined, {}, [], 'model.json'] as unknown as tf.io.ModelArtifacts[]) {
      expect(() => getMasks(nothing)).toThrow(/getMasks: a loaded layers or graph model, or the artifacts/);
      expect(() => applyMasks(nothing, {})).toThrow(TypeError);
    }
    expect(() => getMasks({modelTopology: {model_config: {}}} as tf.io.ModelArtifacts)).toThrow(
      /Layers models have none/,
    );
  });
});

describe('masks of a loaded graph model', () => {
  const masksFor = (model: GraphModel): WeightMasks =>
    Object.fromEntries(Object.entries(getMasks(model)).map(([name, {length}]) => [name, thirds(length)]));

  it.each(['cpu', 'wasm', OURS])('give what masked artifacts give on %s, and leak nothing', async (backend) => {
    await tf.setBackend(backend);
    const x = image();
    const none = tf.memory().numTensors;
    const model = load(graph());
    const masks = masksFor(model);
    const wanted = load(applyMasks(graph(), masks));
    for (let i = 0; i < 4; i++) infer(model, x);
    const expected = infer(wanted, x);
    wanted.dispose();
    expect(infer(model, x)).not.toEqual(expected);
    const tensors = tf.memory().numTensors;
    tf.tidy(() => applyMasks(model, masks));
    expect(tf.memory().numTensors).toBe(tensors);
    for (let i = 0; i < 4; i++) expect(infer(model, x)).toEqual(expected);
    expect(getMasks(model)).toEqual(masks);
    model.dispose();
    expect(tf.memory().numTensors).toBe(none);
    x.dispose();
  });

  it('are by the names that the clean-up gave, and hold where inner nodes are fed and awaited', async () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    setRewriter('cleanup', {applies: () => true, rewrite: (artifacts) => cleanUpGraph(artifacts).artifacts});
    const model = load(graph());
    setRewriter('cleanup', null);
    const fed = tf.tensor(randomFloats(36 * 32, random), [1, 6, 6, 32]);
    const again = async () => {
      const [a, b] = [model.execute({scaled: fed}, 'second'), await model.executeAsync({scaled: fed}, 'second')];
      const values = [a, b].map((output) => [...(output as tf.Tensor).dataSync()]);
      tf.dispose([a, b]);
      expect(values[1]).toEqual(values[0]);
      return values[0];
    };
    const before = await again();
    const masks = masksFor(model);
    expect(Object.keys(masks)).toHaveLength(4);
    applyMasks(model, masks);
    const after = await again();
    expect(after).not.toEqual(before);
    expect(await again()).toEqual(after);
    expect(getMasks(model)).toEqual(masks);
    model.dispose();
    fed.dispose();
    warn.mockRestore();
  });

  it('are assigned to weights that are variables, which stay', () => {
    const model = load(graph());
    const weights = model.weights as Record<string, tf.Tensor[]>;
    const [old] = weights['first/weights'];
    const variable = tf.variable(old);
    old.dispose();
    weights['first/weights'] = [variable];
    const before = bitsOf(variable);
    applyMasks(model, {'first/weights': thirds(256)});
    expect(weights['first/weights'][0]).toBe(variable);
    expectMasked(variable, before, thirds(256));
    model.dispose();
  });

  it('are refused where no weight has their name or size', () => {
    const model = load(graph());
    const {filter} = model.weights as Record<string, tf.Tensor[]>;
    expect(() => applyMasks(model, {filter: thirds(512), 'stem/bias': thirds(16)})).toThrow(/'stem\/bias'. It has: /);
    expect(() => applyMasks(model, {filter: thirds(3)})).toThrow(/'filter' has 3 values/);
    expect((model.weights as Record<string, tf.Tensor[]>).filter).toBe(filter);
    expect(filter[0].isDisposed).toBe(false);
    model.dispose();
  });
});
