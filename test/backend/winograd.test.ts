import * as tf from '@tensorflow/tfjs-core';
import {backendInfo, configure} from '../../src';
import type {LayerPath} from '../../src/plan';
import {KernelRunner, type Conv2DCall} from '../../src/runtime';
import {OURS, VARIANTS} from '../support/backends';
import {ACTIVATIONS, convCase, type ConvCase, referenceCase, runCase} from '../support/convCase';
import {sameBits, useThreads} from '../support/onBackends';
import {randomFloats, randomNumbers} from '../support/random';
import {maxDifference} from '../support/reference';
import type {ConvShape} from '../support/shapes';

const WINOGRAD: LayerPath = {kind: 'winograd'};

type Size = [height: number, width: number, cin: number, cout: number];

function shapeOf([height, width, cin, cout]: Size, more: Partial<ConvShape> = {}): ConvShape {
  const sizes = {batch: 1, size: [height, width], k: [3, 3], stride: [1, 1], dilation: [1, 1], pad: 'same'} as const;
  return {name: '', cin, cout, ...sizes, ...more} as ConvShape;
}

/** Sums are of about the same size whatever K is, some of them beyond the clamp of relu6. */
function makeCase(shape: ConvShape, index: number): ConvCase {
  const k = 9 * shape.cin;
  return convCase(shape, index, (random) =>
    randomFloats(k * shape.cout, random).map((weight) => (weight * 8) / Math.sqrt(k)),
  );
}

/** Runs a case by Winograd's algorithm, or not, and tells which kernels ran. */
function runOnPath(test: ConvCase, path: LayerPath | 'auto', threads: number) {
  configure({path, threads});
  const spy = jest.spyOn(KernelRunner.prototype, 'conv2d');
  const values = runCase(test);
  const calls = spy.mock.calls.map(([{weights, cut}]) => ({
    winograd: weights.winograd ?? false,
    parallel: cut.parallel,
  }));
  spy.mockRestore();
  return {values, calls};
}

async function onStock<T>(run: () => T): Promise<T> {
  await tf.setBackend('wasm');
  const result = run();
  await tf.setBackend(OURS);
  return result;
}

/** Small ones reach every tail, the others several macro tiles and threads. */
const SHAPES: [string, ConvShape][] = [
  ['one pixel', shapeOf([1, 1, 4, 8])],
  ['one tile', shapeOf([2, 2, 4, 8])],
  ['one column', shapeOf([9, 1, 8, 8])],
  ['one row', shapeOf([1, 9, 8, 8])],
  ['one output pixel without padding', shapeOf([3, 3, 5, 7], {pad: 'valid'})],
  ['odd height', shapeOf([7, 6, 4, 4])],
  ['odd width', shapeOf([6, 7, 4, 4])],
  ['no padding', shapeOf([8, 9, 4, 12], {pad: 'valid'})],
  ['padding by number', shapeOf([6, 5, 4, 8], {pad: 2})],
  ['unlike padding on every side', shapeOf([5, 6, 4, 9], {pad: [[0, 0], [2, 0], [1, 3], [0, 0]]})], // prettier-ignore
  ['padding beyond a patch', shapeOf([4, 4, 4, 8], {pad: [[0, 0], [6, 1], [0, 7], [0, 0]]})], // prettier-ignore
  ['batch of 3', shapeOf([5, 7, 8, 8], {batch: 3})],
  ...[5, 6, 7, 13].map((cin): [string, ConvShape] => [`${cin} input channels`, shapeOf([5, 5, cin, 8])]),
  ...[1, 2, 3, 5, 6, 7, 11, 17, 63, 65, 66, 68, 77, 130].map((cout): [string, ConvShape] => [
    `${cout} output channels`,
    shapeOf([5, 7, 4, cout], {batch: 2}),
  ]),
  ['several macro tiles', shapeOf([33, 37, 33, 29], {batch: 2})],
  ['many channels on few tiles', shapeOf([7, 7, 128, 160])],
  ['64 to 64 channels', shapeOf([20, 20, 64, 64])],
  ['channels beyond a part in every group', shapeOf([14, 14, 60, 150])],
];

describe.each(VARIANTS)("Winograd's algorithm on the %s kernels", (variant) => {
  beforeAll(() => useThreads(variant));
  afterEach(() => configure({path: 'auto', skipZeros: true, threads: 3}));

  it.each(SHAPES)('gives the result of the definition and of stock: %s', async (_, shape) => {
    const large = shape.size[0] * shape.size[1] * shape.cin * shape.cout > 50_000;
    for (const index of large ? [2, 10, 17] : ACTIVATIONS.keys()) {
      const test = makeCase(shape, index);
      const {values, calls} = runOnPath(test, WINOGRAD, 1);
      expect(calls).toMatchObject([{winograd: true}]);
      const expected = referenceCase(test);
      const range = Math.max(1, ...expected.map(Math.abs));
      expect(maxDifference(values, expected)).toBeLessThan(1e-5 * range);
      expect(maxDifference(values, await onStock(() => runCase(test)))).toBeLessThan(1e-5 * range);
      for (const threads of [2, 3]) expect(sameBits([runOnPath(test, WINOGRAD, threads).values], [values])).toBe(true);
    }
  });

  it('runs large layers on several threads', () => {
    const shapes = SHAPES.slice(-4).map(([, shape]) => shape);
    for (const shape of shapes) {
      expect(runOnPath(makeCase(shape, 0), WINOGRAD, 3).calls).toEqual([{winograd: true, parallel: true}]);
    }
  });

  it('gives the same bits however a layer is cut', () => {
    const test = makeCase(shapeOf([15, 13, 24, 150], {batch: 2}), 3); // prelu
    const whole = runOnPath(test, WINOGRAD, 1).values;
    const original = KernelRunner.prototype.conv2d;
    for (const macroTile of [1, 6, 24, 100, 1000]) {
      for (const groupChannels of [16, 64, 80, 150]) {
        for (const channelsOutermost of [false, true]) {
          const cut: Conv2DCall['cut'] = {macroTile, groupChannels, channelsOutermost, parallel: true, workMs: 1};
          const spy = jest.spyOn(KernelRunner.prototype, 'conv2d').mockImplementation(function (
            this: KernelRunner,
            call,
          ) {
            original.call(this, {...call, cut});
          });
          configure({threads: 3});
          expect(sameBits([runCase(test)], [whole])).toBe(true);
          spy.mockRestore();
        }
      }
    }
  });

  it("errs at most twice as much as stock's kernel", async () => {
    for (const [i, cin] of [16, 64, 256].entries()) {
      const test: ConvCase = {...makeCase(shapeOf([12, 14, cin, 32]), i), bias: null, activation: 'linear'};
      const expected = referenceCase(test);
      const ours = maxDifference(runOnPath(test, WINOGRAD, 1).values, expected);
      const stock = maxDifference(await onStock(() => runCase(test)), expected);
      expect(ours).toBeLessThanOrEqual(2 * stock);
    }
  });

  it('gives NaN where stock does, and at most NaN in the place of an infinity', async () => {
    const shape = shapeOf([9, 10, 16, 24]);
    for (const special of [NaN, Infinity, -Infinity]) {
      const test = {...makeCase(shape, 4), activation: 'linear' as const};
      const random = randomNumbers(9);
      for (let i = 0; i < 6; i++) test.x[Math.floor(random() * test.x.length)] = special;
      const {values} = runOnPath(test, WINOGRAD, 1);
      const stock = await onStock(() => runCase(test));
      expect(stock.filter(Number.isFinite).length).toBeGreaterThan(100);
      stock.forEach((expected, i) => {
        if (Number.isFinite(expected)) expect(Math.abs(values[i] - expected)).toBeLessThan(1e-4);
        else if (Number.isNaN(special)) expect(values[i]).toBeNaN();
        else expect([expected, NaN]).toContainEqual(values[i]);
      });
    }
  });

  it('runs what it does not suit on the dense kernel', () => {
    const unsuitable: ConvShape[] = [
      shapeOf([9, 9, 8, 8], {stride: [2, 2]}),
      shapeOf([9, 9, 8, 8], {stride: [1, 2]}),
      shapeOf([9, 9, 8, 8], {dilation: [2, 2]}),
      shapeOf([9, 9, 8, 8], {k: [1, 1]}),
      shapeOf([9, 9, 3, 8]),
    ];
    unsuitable.forEach((shape, i) => {
      const k = shape.k[0] * shape.k[1] * shape.cin;
      const test = convCase(shape, i, (random) => randomFloats(k * shape.cout, random));
      const {values, calls} = runOnPath(test, WINOGRAD, 1);
      expect(calls).toMatchObject([{winograd: false}]);
      expect(maxDifference(values, referenceCase(test))).toBeLessThan(1e-4);
    });
  });

  it('is what the cost model takes for a large layer, unless zeros and infinities are to be as in stock', () => {
    const test = makeCase(shapeOf([28, 28, 64, 64]), 4);
    expect(runOnPath(test, 'auto', 1).calls).toMatchObject([{winograd: true}]);
    configure({skipZeros: false});
    expect(runOnPath(test, 'auto', 1).calls).toMatchObject([{winograd: false}]);
  });

  it('holds a filter in every form that it is used in, keeps its bits, and frees all of them', () => {
    for (const strides of [[1, 2, 1, 2] as const, [2, 1, 2, 1] as const]) {
      const before = backendInfo();
      const x = tf.ones<tf.Rank.R4>([1, 8, 8, 16]);
      const values = randomFloats(9 * 16 * 20, randomNumbers(1));
      const filter = tf.tensor4d(values, [3, 3, 16, 20]);
      const run = (stride: 1 | 2) => tf.tidy(() => tf.conv2d(x, filter, stride, 'same').dataSync());
      const added = (name: 'packedBytes' | 'droppedBytes') => backendInfo()[name] - before[name];
      configure({path: WINOGRAD, threads: 1});
      const results = strides.map(run);
      expect(added('packedBytes')).toBe(4 * 16 * 24 * (16 + 9));
      // The dense form holds the tensor's bits, Winograd's needs the tensor itself.
      expect(added('droppedBytes')).toBe(strides[0] === 1 ? 4 * values.length : 0);
      configure({path: {kind: 'dense'}});
      strides.forEach((stride, i) => {
        expect(maxDifference(results[i], run(stride))).toBeLessThan(stride === 1 ? 1e-4 : 1e-30);
      });
      expect(sameBits([filter.dataSync()], [values])).toBe(true);
      tf.dispose([x, filter]);
      expect(backendInfo()).toMatchObject({packedBytes: before.packedBytes, droppedBytes: before.droppedBytes});
    }
  });
});
