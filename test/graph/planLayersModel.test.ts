import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import {configure, planLayersModel} from '../../src';
import type {BlockSparseBackend} from '../../src/backend';
import {useVariant} from '../support/backends';
import {randomFloats, randomNumbers} from '../support/random';

const SIZE = 8;
const {conv2d, depthwiseConv2d, batchNormalization, dropout, dense, globalAveragePooling2d, lstm} = layers.layers;

const random = randomNumbers(3);
const tensor = (shape: number[], more = 0) =>
  tf.tensor(
    randomFloats(tf.util.sizeFromShape(shape), random).map((value) => value + more),
    shape,
  );
const image = (batch = 2) => tensor([batch, SIZE, SIZE, 3]);

/** Gives all weights values that are not zeros and ones; they are uploaded, as those of a loaded model are. */
function filled<T extends layers.LayersModel>(model: T): T {
  const values = model.getWeights().map(({shape}) => tensor(shape, 1.5));
  model.setWeights(values);
  tf.dispose(values);
  return model;
}

const features = () => [
  conv2d({inputShape: [SIZE, SIZE, 3], filters: 12, kernelSize: 3, padding: 'same', activation: 'relu'}),
  batchNormalization(),
  depthwiseConv2d({kernelSize: 3, strides: 2, padding: 'same', activation: 'relu6'}),
  dropout({rate: 0.5}),
  conv2d({filters: 9, kernelSize: 1}),
];

const sequential = () =>
  filled(layers.sequential({layers: [...features(), globalAveragePooling2d({}), dense({units: 4})]}));

/** What can be trained on wasm, which has no gradients of filters. */
const trainable = () => {
  const {flatten} = layers.layers;
  const hidden = dense({units: 16, activation: 'relu'});
  return filled(
    layers.sequential({
      layers: [flatten({inputShape: [SIZE, SIZE, 3]}), hidden, batchNormalization(), dense({units: 4})],
    }),
  );
};

/** Two inputs, two outputs, a model within. */
function functional(): layers.LayersModel {
  const [x, y] = [layers.input({shape: [SIZE, SIZE, 3]}), layers.input({shape: [5]})];
  const inner = layers.sequential({layers: features()});
  const pooled = globalAveragePooling2d({}).apply(inner.apply(x)) as layers.SymbolicTensor;
  const both = layers.layers.concatenate().apply([pooled, y]) as layers.SymbolicTensor;
  const outputs = [dense({units: 4}).apply(both), dense({units: 3, activation: 'softmax'}).apply(pooled)];
  return filled(layers.model({inputs: [x, y], outputs: outputs as layers.SymbolicTensor[]}));
}

const recurrent = () =>
  filled(
    layers.sequential({
      layers: [
        lstm({units: 6, inputShape: [4, 5], recurrentInitializer: 'glorotNormal'}),
        dense({units: 2, activation: 'tanh'}),
      ],
    }),
  );

type Inputs = tf.Tensor | tf.Tensor[];
type Method = 'predict' | 'predictOnBatch';

function valuesOf(model: layers.LayersModel, x: Inputs, method: Method = 'predict'): number[][] {
  const outputs = [model[method](x)].flat();
  const values = outputs.map((output) => [...output.shape, NaN, ...output.dataSync()]);
  tf.dispose(outputs);
  return values;
}

/** As without programs. */
function expected(model: layers.LayersModel, x: Inputs, method: Method = 'predict'): number[][] {
  configure({regions: false});
  try {
    return valuesOf(model, x, method);
  } finally {
    configure({regions: true});
  }
}

const programs = () => (tf.backend() as unknown as BlockSparseBackend).programs;

/** tfjs's test for leaks fails for gradients of fused kernels, and for weights that move, on every backend. */
async function unchecked<T>(f: () => Promise<T>): Promise<T> {
  tf.env().set('IS_TEST', false);
  try {
    return await f();
  } finally {
    tf.env().set('IS_TEST', true);
  }
}

describe('a planned layers model', () => {
  beforeAll(() => useVariant('simd128'));
  afterEach(() => expect(programs()).toBe(0));

  it.each([
    ['sequential', sequential, () => image()],
    ['functional', functional, () => [image(), tensor([2, 5])]],
    ['recurrent', recurrent, () => tensor([3, 4, 5])],
  ])('that is %s computes the same bits in each of five runs, and leaves nothing', (_, make, makeInputs) => {
    const none = tf.memory().numTensors;
    const model = make();
    const x: Inputs = makeInputs();
    planLayersModel(model);
    let before = 0;
    for (const method of ['predict', 'predictOnBatch'] as const) {
      const values = expected(model, x, method);
      const begun = programs();
      for (let run = 1; run <= 5; run++) {
        expect(valuesOf(model, x, method)).toEqual(values);
        expect(programs()).toBe(run < 2 ? begun : begun + 1);
        if (run > 2) expect(tf.memory().numTensors).toBe(before);
        before = tf.memory().numTensors;
      }
    }
    for (const input of [x].flat()) expect(input.isDisposed).toBe(false);
    model.dispose();
    expect(programs()).toBe(0);
    tf.dispose(x);
    expect(tf.memory().numTensors).toBe(none);
  });

  it('calls no kernel of a layer from the third run on', () => {
    const model = sequential();
    const x = image();
    planLayersModel(model);
    valuesOf(model, x);
    valuesOf(model, x);
    const run = jest.spyOn(tf.engine(), 'runKernel');
    valuesOf(model, x);
    expect(run).not.toHaveBeenCalled();
    run.mockRestore();
    model.dispose();
    x.dispose();
  });

  it('computes with new weights, whoever holds the old ones', () => {
    const model = functional();
    const x = [image(), tensor([2, 5])];
    planLayersModel(model);
    const sets = [1, 2, 3].map(() => model.getWeights().map(({shape}) => tensor(shape)));
    const values = sets.map((weights) => {
      model.setWeights(weights);
      return expected(model, x);
    });
    expect(new Set(values.map((value) => JSON.stringify(value))).size).toBe(3);
    for (const i of [0, 1, 2, 0]) {
      model.setWeights(sets[i]);
      for (let run = 1; run <= 4; run++) expect(valuesOf(model, x)).toEqual(values[i]);
      expect(programs()).toBe(1);
    }
    model.dispose();
    tf.dispose([sets, x]);
  });

  it('computes with what was learned, between the epochs of a training, too', async () => {
    const model = trainable();
    const [x, y] = [image(4), tensor([4, 4])];
    planLayersModel(model);
    for (let run = 1; run <= 3; run++) valuesOf(model, x);
    model.compile({optimizer: 'sgd', loss: 'meanSquaredError'});
    const seen: string[] = [];
    const onEpochEnd = () => {
      const values = expected(model, x);
      for (let run = 1; run <= 3; run++) expect(valuesOf(model, x)).toEqual(values);
      expect(programs()).toBeGreaterThan(0);
      seen.push(JSON.stringify(values));
    };
    // Training moves weights, which tfjs's test for leaks does not allow.
    await unchecked(() => model.fit(x, y, {epochs: 3, callbacks: {onEpochEnd}}));
    expect(new Set(seen).size).toBe(3);
    model.dispose();
    tf.dispose([x, y]);
  });

  it.each([
    ['a weight', true],
    ['a tensor of its own', false],
  ])('runs as ever where a layer counts its calls in %s', (_, inWeight) => {
    class Counter extends layers.layers.Layer {
      static className = `Counter${inWeight}`;
      private count: tf.Tensor = tf.keep(tf.scalar(0));
      private weight = inWeight ? tf.variable(this.count) : null;
      override call(inputs: Inputs): tf.Tensor {
        return tf.tidy(() => {
          const result = tf.add([inputs].flat()[0], this.weight ?? this.count);
          const next = tf.add(this.weight ?? this.count, 1);
          if (this.weight) {
            this.weight.assign(next);
          } else {
            this.count.dispose();
            this.count = tf.keep(next);
          }
          return result;
        });
      }
      free(): void {
        tf.dispose([this.count, this.weight ?? []]);
      }
    }
    const counter = new Counter({name: 'counter', dtype: 'float32'} as object);
    const model = filled(layers.sequential({layers: [...features(), counter]}));
    const x = image();
    planLayersModel(model);
    const first = [0, 1, 2, 3, 4].map(() => valuesOf(model, x)[0].at(-1)!);
    first.forEach((value, i) => expect(value - first[0]).toBeCloseTo(i, 3));
    model.dispose();
    counter.free();
    x.dispose();
  });

  it.each([
    ['itself', () => layers.sequential({layers: [lstmOf(2)]})],
    ['within a wrapper', () => layers.sequential({layers: [bidirectional(2)]})],
    [
      'within a model',
      () => layers.sequential({layers: [layers.sequential({layers: [lstmOf(2)]}), dense({units: 1})]}),
    ],
  ])('is refused where a layer is stateful, which the error names: %s', (where, make) => {
    const model = make();
    const {predict} = model;
    expect(() => planLayersModel(model)).toThrow(/layer '(remembers|forward_remembers)' of model 'sequential_\d+'/);
    expect(model.predict).toBe(predict);
    expect(where).not.toBe('');
    model.dispose();
  });

  it('runs as ever after a layer was added, for more samples than a batch has, and on another backend', async () => {
    const model = sequential();
    const [few, many] = [image(2), image(5)];
    planLayersModel(model);
    const values = tf.tidy(() => (model.predict(many, {batchSize: 2}) as tf.Tensor).dataSync());
    for (let run = 1; run <= 4; run++) {
      expect(tf.tidy(() => (model.predict(many, {batchSize: 2}) as tf.Tensor).dataSync())).toEqual(values);
    }
    expect(programs()).toBe(0);
    for (let run = 1; run <= 3; run++) valuesOf(model, few);
    expect(programs()).toBe(1);
    model.add(dense({units: 7}));
    model.build();
    expect(valuesOf(model, few)[0].slice(0, 2)).toEqual([2, 7]);
    await unchecked(async () => {
      await tf.setBackend('cpu');
      expect(valuesOf(model, few)[0].slice(0, 2)).toEqual([2, 7]);
      await tf.setBackend('blocksparse-1xn');
    });
    model.dispose();
    tf.dispose([few, many]);
  });

  it('shows all its kernels to tf.profile, and has a gradient', async () => {
    const model = trainable();
    const x = image();
    planLayersModel(model);
    const look = async () => {
      const {kernels} = await tf.profile(() => model.predict(x) as tf.Tensor);
      const dx = tf.grad((t) => tf.sum(model.predict(t) as tf.Tensor))(x);
      const gradient = [...dx.dataSync()];
      dx.dispose();
      return {names: kernels.map(({name}) => name), gradient};
    };
    const before = await unchecked(look);
    for (let run = 1; run <= 3; run++) valuesOf(model, x);
    expect(await unchecked(look)).toEqual(before);
    expect(before.names.length).toBeGreaterThan(3);
    model.dispose();
    x.dispose();
  });

  it('gives the errors of tfjs', () => {
    const model = sequential();
    const x = image();
    const wrong = [tensor([2, SIZE, SIZE, 4]), tensor([2, 3]), []];
    const errors = () =>
      wrong.map((input) => {
        try {
          return valuesOf(model, input).length;
        } catch (error) {
          return (error as Error).message;
        }
      });
    const before = errors();
    planLayersModel(model);
    for (let run = 1; run <= 3; run++) {
      expect(errors()).toEqual(before);
      valuesOf(model, x);
    }
    expect(before.every((error) => typeof error === 'string')).toBe(true);
    model.dispose();
    tf.dispose([x, wrong]);
  });

  it('is planned once, and as it was when that is undone', () => {
    const model = sequential();
    const x = image();
    const {predict, predictOnBatch, dispose} = model;
    const undo = planLayersModel(model);
    expect(planLayersModel(model)).toBe(undo);
    const tensors = tf.memory().numTensors;
    for (let run = 1; run <= 3; run++) valuesOf(model, x);
    expect(programs()).toBe(1);
    undo();
    expect(programs()).toBe(0);
    expect(tf.memory().numTensors).toBe(tensors);
    for (let run = 1; run <= 3; run++) valuesOf(model, x);
    expect([model.predict, model.predictOnBatch, model.dispose]).toEqual([predict, predictOnBatch, dispose]);
    model.dispose();
    x.dispose();
  });
});

function lstmOf(units: number): layers.RNN {
  return lstm({
    units,
    stateful: true,
    recurrentInitializer: 'glorotNormal',
    name: 'remembers',
    batchInputShape: [2, 4, 3],
  }) as layers.RNN;
}

function bidirectional(units: number): layers.layers.Layer {
  const batchInputShape = [2, 4, 3];
  return layers.layers.bidirectional({layer: lstmOf(units), mergeMode: 'concat', batchInputShape} as Parameters<
    typeof layers.layers.bidirectional
  >[0]);
}
