import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import {Job} from '../../kernels/task';
import {configure} from '../../src';
import {KernelRunner} from '../../src/runtime';
import {OURS, VARIANTS} from '../support/backends';
import {sameBits, useThreads} from '../support/onBackends';
import {randomFloats, randomNumbers} from '../support/random';
import {maxDifference} from '../support/reference';
import {type ConvShape, convShapes} from '../support/shapes';

interface GradientCase {
  readonly input: number[];
  readonly filter: number[];
  readonly out: number[];
  readonly x: Float32Array;
  readonly w: Float32Array;
  readonly dy: Float32Array;
}

const sizeOf = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

function infoOf({batch, size, cin, cout, k, stride, dilation, pad}: ConvShape) {
  return tf.backend_util.computeConv2DInfo([batch, ...size, cin], [...k, cin, cout], stride, dilation, pad);
}

function gradientCase(shape: ConvShape, depthwise: boolean): GradientCase {
  const {batch, size, cin, cout, k} = shape;
  const info = infoOf(shape);
  const random = randomNumbers(7);
  const input = [batch, ...size, cin];
  const filter = [...k, cin, depthwise ? cout / cin : cout];
  const out = [batch, info.outHeight, info.outWidth, cout];
  const [x, w, dy] = [input, filter, out].map((dims) => randomFloats(sizeOf(dims), random));
  return {input, filter, out, x, w, dy};
}

/** Both gradients by the definition of a convolution, in float64. */
function reference(shape: ConvShape, {x, w, dy}: GradientCase, depthwise: boolean) {
  const {batch, size, cin, cout, k} = shape;
  const info = infoOf(shape);
  const [toInput, toFilter] = [new Float64Array(x.length), new Float64Array(w.length)];
  let i = 0;
  for (let b = 0; b < batch; b++) {
    for (let oy = 0; oy < info.outHeight; oy++) {
      for (let ox = 0; ox < info.outWidth; ox++) {
        for (let o = 0; o < cout; o++, i++) {
          for (let tap = 0; tap < k[0] * k[1]; tap++) {
            const y = oy * info.strideHeight - info.padInfo.top + Math.floor(tap / k[1]) * info.dilationHeight;
            const column = ox * info.strideWidth - info.padInfo.left + (tap % k[1]) * info.dilationWidth;
            if (y < 0 || y >= size[0] || column < 0 || column >= size[1]) continue;
            const pixel = ((b * size[0] + y) * size[1] + column) * cin;
            const own = Math.floor((o * cin) / cout);
            for (let c = depthwise ? own : 0; c < (depthwise ? own + 1 : cin); c++) {
              const weight = depthwise ? tap * cout + o : (tap * cin + c) * cout + o;
              toInput[pixel + c] += dy[i] * w[weight];
              toFilter[weight] += dy[i] * x[pixel + c];
            }
          }
        }
      }
    }
  }
  return {toInput, toFilter};
}

const KERNELS = {
  toFilter: {dense: tf.Conv2DBackpropFilter, depthwise: tf.DepthwiseConv2dNativeBackpropFilter},
  toInput: {depthwise: tf.DepthwiseConv2dNativeBackpropInput},
};

function run(kernel: string, {pad, stride, dilation}: ConvShape, test: GradientCase): Float32Array {
  const {input, filter, out, x, w, dy} = test;
  const attrs = {strides: stride, dilations: dilation, pad, inputShape: input, filterShape: filter};
  const before = tf.memory().numDataBuffers;
  const values = tf.tidy(() => {
    const tensors = {dy: tf.tensor(dy, out), x: tf.tensor(x, input), filter: tf.tensor(w, filter)};
    const result: tf.Tensor = tf
      .engine()
      .runKernel(kernel, tensors, {...attrs, ...(kernel === tf.Conv2DBackpropFilter && {dataFormat: 'NHWC'})});
    expect(result.shape).toEqual(kernel.endsWith('Input') ? input : filter);
    return result.dataSync() as Float32Array;
  });
  expect(tf.memory().numDataBuffers).toBe(before);
  return values;
}

const undilated = ({dilation}: ConvShape) => dilation.every((step) => step === 1);

/** A small image classifier, and as many random images. */
function classifier() {
  const init = (seed: number) => layers.initializers.heNormal({seed});
  const model = layers.sequential({
    layers: [
      layers.layers.conv2d({
        ...{inputShape: [12, 12, 3], filters: 8, kernelSize: 3, padding: 'same', activation: 'relu'},
        kernelInitializer: init(1),
      }),
      layers.layers.depthwiseConv2d({kernelSize: 3, strides: 2, padding: 'same', depthwiseInitializer: init(2)}),
      layers.layers.batchNormalization(),
      layers.layers.conv2d({filters: 10, kernelSize: 1, activation: 'relu6', kernelInitializer: init(3)}),
      layers.layers.maxPooling2d({poolSize: 2}),
      layers.layers.conv2dTranspose({filters: 5, kernelSize: 3, strides: 2, kernelInitializer: init(4)}),
      layers.layers.globalAveragePooling2d({}),
      layers.layers.dense({units: 3, activation: 'softmax', kernelInitializer: init(5)}),
    ],
  });
  model.compile({optimizer: tf.train.sgd(0.05), loss: 'categoricalCrossentropy'});
  return model;
}

async function losses(steps: number): Promise<number[]> {
  const model = classifier();
  const random = randomNumbers(3);
  const x = tf.tensor(randomFloats(6 * 12 * 12 * 3, random), [6, 12, 12, 3]);
  const y = tf.oneHot(
    tf.tensor1d(
      Array.from({length: 6}, () => Math.floor(3 * random())),
      'int32',
    ),
    3,
  );
  const curve: number[] = [];
  for (let i = 0; i < steps; i++) curve.push((await model.trainOnBatch(x, y)) as number);
  tf.dispose([x, y]);
  model.dispose();
  return curve;
}

let onCpu: number[] | undefined;

describe.each(VARIANTS)('gradients of convolutions on the %s kernels', (variant) => {
  beforeAll(() => useThreads(variant));
  beforeEach(() => configure({threads: 1}));

  const both = (kernel: string, shape: ConvShape, test: GradientCase, expected: Float64Array) => {
    const alone = run(kernel, shape, test);
    expect(maxDifference(alone, expected)).toBeLessThan(5e-5);
    configure({threads: 3});
    expect(sameBits([run(kernel, shape, test)], [alone])).toBe(true);
  };

  test.each(convShapes('edge').filter(undilated))("with regard to a filter are the reference's: $name", (shape) => {
    const test = gradientCase(shape, false);
    both(KERNELS.toFilter.dense, shape, test, reference(shape, test, false).toFilter);
  });

  test.each(convShapes('depthwiseEdge'))('of depthwise convolutions are those of the reference: $name', (shape) => {
    const test = gradientCase(shape, true);
    const {toInput, toFilter} = reference(shape, test, true);
    both(KERNELS.toFilter.depthwise, shape, test, toFilter);
    configure({threads: 1});
    both(KERNELS.toInput.depthwise, shape, test, toInput);
  });

  test("are those of tfjs's cpu backend, by tf.grads", async () => {
    const shape: ConvShape = {
      ...{name: '', batch: 2, size: [9, 8], cin: 6, cout: 10, k: [3, 3], stride: [2, 2], dilation: [1, 1], pad: 'same'},
    };
    const dense = gradientCase(shape, false);
    const deep = gradientCase({...shape, cout: 12}, true);
    const gradients = () =>
      tf.tidy(() => {
        const [x, w, d] = [tf.tensor4d(dense.x, [2, 9, 8, 6]), dense, deep];
        const conv = (image: tf.Tensor, filter: tf.Tensor) =>
          tf.square(tf.conv2d(image as tf.Tensor4D, filter as tf.Tensor4D, 2, 'same'));
        const depthwise = (image: tf.Tensor, filter: tf.Tensor) =>
          tf.square(tf.depthwiseConv2d(image as tf.Tensor4D, filter as tf.Tensor4D, 2, 'same'));
        return [
          ...tf.grads(conv)([x, tf.tensor(w.w, w.filter)]),
          ...tf.grads(depthwise)([x, tf.tensor(d.w, d.filter)]),
        ].map((gradient) => gradient.dataSync());
      });
    const ours = gradients();
    await tf.setBackend('cpu');
    const expected = gradients();
    await tf.setBackend(OURS);
    ours.forEach((values, i) => expect(maxDifference(values as Float32Array, expected[i])).toBeLessThan(1e-4));
  });

  test.each([
    ['ReluGrad', Infinity],
    ['Relu6Grad', 6],
  ])('%s hands on what the activation lets through', (kernel, most) => {
    const random = randomNumbers(5);
    const dy = randomFloats(3001, random);
    const y = randomFloats(3001, random).map((x) => Math.min(most, Math.max(0, 8 * x)));
    const values = tf.tidy(
      () =>
        tf
          .engine()
          .runKernel<tf.Tensor>(kernel, {dy: tf.tensor(dy), y: tf.tensor(y)})
          .dataSync() as Float32Array,
    );
    expect(y).toContain(0);
    if (most === 6) expect(y).toContain(6);
    expect(values).toEqual(dy.map((x, i) => (y[i] > 0 && y[i] < most ? x : 0)));
  });

  test("of inputs do not run on stock's loops where the filter is a variable in training", () => {
    const dy = tf.ones<tf.Rank.R4>([2, 8, 8, 16]);
    const filter = tf.tidy(() => tf.add<tf.Tensor4D>(tf.zeros([3, 3, 8, 16]), 1));
    const spy = jest.spyOn(KernelRunner.prototype, 'conv2d');
    const values = tf.tidy(() => tf.conv2dTranspose(dy, filter, [2, 8, 8, 8], 1, 'same').dataSync());
    expect(spy).toHaveBeenCalledTimes(1);
    spy.mockRestore();
    expect(values[8 * 8 * 8 - 1]).toBe(4 * 16);
    expect(values[(8 + 1) * 8]).toBe(9 * 16);
    tf.dispose([dy, filter]);
  });

  test('of inputs whose blocks are too large for all images at once are those of the images alone', () => {
    // 32 MB of blocks an image.
    const [dyShape, filterShape] = [
      [5, 128, 128, 1],
      [16, 16, 2, 1],
    ] as [number, number, number, number][];
    const dy = tf.tensor4d(randomFloats(tf.util.sizeFromShape(dyShape), randomNumbers(1)), dyShape);
    const filter = tf.tensor4d(randomFloats(512, randomNumbers(2)), filterShape);
    const enlarge = (x: tf.Tensor4D) => tf.conv2dTranspose(x, filter, [x.shape[0], 128, 128, 2], 1, 'same');
    const before = tf.memory().numDataBuffers;
    const [together, apart] = tf.tidy(() => [
      enlarge(dy).dataSync(),
      tf.concat(tf.split<tf.Tensor4D>(dy, 5).map(enlarge)).dataSync(),
    ]);
    expect(tf.memory().numDataBuffers).toBe(before);
    expect(sameBits([together as Float32Array], [apart as Float32Array])).toBe(true);
    tf.dispose([dy, filter]);
  });

  test('run on several threads where there is enough to do', () => {
    configure({threads: 3});
    const spy = jest.spyOn(KernelRunner.prototype, 'run');
    const shape = {...convShapes('edge')[9], batch: 1, size: [40, 40], cin: 24, cout: 24, k: [3, 3]} as ConvShape;
    run(KERNELS.toFilter.dense, shape, gradientCase(shape, false));
    run(KERNELS.toFilter.depthwise, shape, gradientCase(shape, true));
    run(KERNELS.toInput.depthwise, shape, gradientCase(shape, true));
    const tasks = spy.mock.calls.map(([task]) => task);
    spy.mockRestore();
    expect(tasks.map(({job}) => job)).toEqual([
      Job.filterGradient,
      Job.depthwiseFilterGradient,
      Job.depthwiseInputGradient,
    ]);
    for (const {items, unitItems} of tasks) expect(items).toBeGreaterThan(unitItems);
  });

  test('refuse what they do not take, by an error that names the kernel', () => {
    const shape = convShapes('edge')[14];
    const test = gradientCase(shape, false);
    const refuse = (change: Partial<GradientCase>, attrs: object, message: RegExp) =>
      expect(() =>
        tf.tidy(() => {
          const {input, out, x, dy, filter} = {...test, ...change};
          const inputs = {x: tf.tensor(x, input), dy: tf.tensor(dy, out)};
          const {stride, pad} = shape;
          const all = {strides: stride, pad, dataFormat: 'NHWC', filterShape: filter, ...attrs};
          return tf.engine().runKernel(tf.Conv2DBackpropFilter, inputs, all);
        }),
      ).toThrow(message);
    refuse({}, {dataFormat: 'NCHW'}, /^Conv2DBackpropFilter: dataFormat is NCHW, .*NHWC only/);
    refuse({}, {strides: 2}, /^Conv2DBackpropFilter: dy is \[.*\], but the convolution gives \[/);
    refuse({filter: [3, 3, 4, 11]}, {}, /^Conv2DBackpropFilter: the filter is for 4 channels, but the input has 5/);
    const halves = {x: tf.zeros(test.input, 'int32'), dy: tf.tensor(test.dy, test.out)};
    const attrs = {strides: 1, pad: 'same', dataFormat: 'NHWC', filterShape: test.filter};
    expect(() => tf.engine().runKernel(tf.Conv2DBackpropFilter, halves, attrs)).toThrow(/int32: cast it to float32/);
    tf.dispose(halves);
  });

  test('train a small network along the same losses as on cpu', async () => {
    configure({threads: 3});
    const ours = await losses(50);
    await tf.setBackend('cpu');
    const cpu = (onCpu ??= await losses(50)); // takes seconds
    await tf.setBackend(OURS);
    expect(cpu[49]).toBeLessThan(0.9 * cpu[0]);
    ours.forEach((loss, i) => expect(Math.abs(loss - cpu[i]) / cpu[i]).toBeLessThan(1e-4));
  }, 60_000);
});
