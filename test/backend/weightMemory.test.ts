import {loadGraphModelSync} from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import {backendInfo, type BlockSparseBackend, configure} from '../../src';
import type {LayerPath} from '../../src/plan';
import {artifactsOf, CONV, node, placeholder, randomWeight} from '../graph/smallGraphs';
import {watchAllocations} from '../support/allocations';
import {OURS, useVariant} from '../support/backends';
import {startOnThreads} from '../support/network';
import {blockSparseFloats, randomFloats, randomNumbers} from '../support/random';
import {maxDifference} from '../support/reference';

const PACKED = {kind: 'packed', n: 4} as const;

const backend = () => tf.backend() as BlockSparseBackend;
const dropped = () => backendInfo().droppedBytes;
const bitsOf = (values: tf.TypedArray) =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('hex');

/** Half of its 1x4 blocks are zero, some of these zeros are -0, and there are NaNs, one with a payload. */
function sparseWeights(k: number, outChannels: number, seed: number): Float32Array {
  const random = randomNumbers(seed);
  const weights = blockSparseFloats(k, outChannels, 4, 0.5, random);
  return weights.map((value) => (value === 0 && random() < 0.3 ? -0 : value));
}

function awkwardWeights(k: number, outChannels: number): Float32Array {
  const weights = sparseWeights(k, outChannels, 1);
  const bits = new Uint32Array(weights.buffer);
  bits[0] = 0x7fa12345;
  bits[outChannels + 1] = 0x00000001;
  return weights;
}

const image = (channels: number, size = 6) =>
  tf.tensor4d(randomFloats(size * size * channels, randomNumbers(2)), [1, size, size, channels]);

const convolve = (x: tf.Tensor4D, filter: tf.Tensor4D) => tf.tidy(() => tf.conv2d(x, filter, 1, 'same').dataSync());

describe('the dense copy of a packed weight', () => {
  beforeAll(() => useVariant('relaxed'));
  afterEach(() => configure({path: 'auto', skipZeros: true, rewrite: true}));
  afterAll(() => configure({threads: 'auto'}));

  /** A 1x1 filter whose weights were used, packed and dropped. */
  function usedFilter(path: LayerPath = PACKED) {
    const weights = awkwardWeights(16, 12);
    const filter = tf.tensor4d(weights.slice(), [1, 1, 16, 12]);
    const before = dropped();
    configure({path});
    tf.tidy(() => tf.conv2d(image(16), filter, 1, 'same'));
    expect(dropped()).toBe(before + 4 * weights.length);
    return {weights, filter, before};
  }

  const readers: [string, (filter: tf.Tensor4D) => tf.TypedArray | Promise<tf.TypedArray>][] = [
    ['data()', (filter) => filter.data()],
    ['dataSync()', (filter) => filter.dataSync()],
    ['a clone', (filter) => tf.tidy(() => filter.clone().dataSync())],
    ['a reshape', (filter) => tf.tidy(() => tf.reshape(filter, [-1]).dataSync())],
    ["stock's Transpose", (filter) => tf.tidy(() => tf.transpose(tf.reverse(filter, 3)).dataSync())],
    [
      "stock's Select",
      (filter) => tf.tidy(() => tf.where(tf.cast(tf.onesLike(filter), 'bool'), filter, filter).dataSync()),
    ],
    ['a kernel of ours', (filter) => tf.tidy(() => tf.concat([filter, filter], 0).dataSync())],
    ["stock's Concat of types that ours leaves", (filter) => tf.tidy(() => tf.concat([filter], 0).dataSync())],
  ];

  it.each(readers)('comes back bit for bit for %s, and stays', async (_name, read) => {
    for (const path of [PACKED, {kind: 'packed', n: 1}, {kind: 'dense'}] as const) {
      const {weights, filter, before} = usedFilter(path);
      const values = await read(filter);
      expect(dropped()).toBe(before);
      const stay = tf.tensor4d(weights.slice(), [1, 1, 16, 12]);
      expect(bitsOf(values)).toBe(bitsOf(await read(stay)));
      expect(bitsOf(filter.dataSync())).toBe(bitsOf(weights));
      tf.tidy(() => tf.conv2d(image(16), filter, 1, 'same'));
      expect(dropped()).toBe(before);
      tf.dispose([filter, stay]);
    }
  });

  it('comes back for several readers at once', async () => {
    const {weights, filter} = usedFilter();
    const reshaped = tf.reshape(filter, [-1]);
    const reads = await Promise.all([filter.data(), filter.data(), reshaped.data()]);
    for (const values of reads) expect(bitsOf(values)).toBe(bitsOf(weights));
    tf.dispose([filter, reshaped]);
  });

  it('comes back where that lets a heap grow that is not shared, which kills all views of it', async () => {
    const {SharedArrayBuffer: sharing} = globalThis;
    Object.assign(globalThis, {SharedArrayBuffer: undefined});
    configure({threads: 1});
    await useVariant('relaxed');
    Object.assign(globalThis, {SharedArrayBuffer: sharing});
    const {heap} = backend();
    expect(heap.memory.buffer).not.toBeInstanceOf(sharing);
    configure({path: PACKED});
    const values = Array.from({length: 20}, (_, i) => sparseWeights(512, 256, i));
    const filters = values.map((weights) => tf.tensor4d(weights, [1, 1, 512, 256]));
    for (const filter of filters) tf.tidy(() => tf.conv2d(image(512, 1), filter, 1, 'same'));
    expect(dropped()).toBe(20 * 4 * 512 * 256);
    const fill = tf.zeros([Math.floor(heap.memory.buffer.byteLength / 8)]); // what was free does not hold all of them
    const grow = (run: () => tf.Tensor) => {
      const {byteLength} = heap.memory.buffer;
      const result = tf.tidy(() => run().dataSync());
      expect(heap.memory.buffer.byteLength).toBeGreaterThan(byteLength);
      return result;
    };
    const together = grow(() => tf.concat(filters, 0));
    values.forEach((weights, i) =>
      expect(bitsOf(together.subarray(i * weights.length, (i + 1) * weights.length))).toBe(bitsOf(weights)),
    );
    const large = randomFloats(1024 * 2048, randomNumbers(5)); // 8 MiB
    const filter = tf.tensor4d(large, [1, 1, 1024, 2048]);
    tf.tidy(() => tf.conv2d(image(1024, 1), filter, 1, 'same'));
    const negative = grow(() => tf.neg(filter)).subarray(0, 99);
    expect(bitsOf(negative.map((value) => -value))).toBe(bitsOf(large.slice(0, 99)));
    filter.dispose();
    tf.dispose([filters, fill]);
    await useVariant('relaxed');
    configure({threads: 'auto'});
  });

  it('comes back for another backend, and is dropped again after the way home', async () => {
    const {weights, filter, before} = usedFilter();
    const x = image(16);
    const expected = convolve(x, filter);
    for (const other of ['cpu', 'wasm']) {
      await tf.setBackend(other);
      expect(bitsOf(tf.tidy(() => tf.reshape(filter, [-1]).dataSync()))).toBe(bitsOf(weights));
      convolve(x, filter); // moves it
      expect(bitsOf(filter.dataSync())).toBe(bitsOf(weights));
      await tf.setBackend(OURS);
      expect(dropped()).toBe(before);
      expect(bitsOf(convolve(x, filter))).toBe(bitsOf(expected));
      expect(dropped()).toBe(before + 4 * weights.length);
    }
    tf.dispose([filter, x]);
    expect(dropped()).toBe(before);
  });

  it('is read from another backend without moving', async () => {
    const {weights, filter, before} = usedFilter();
    await tf.setBackend('cpu');
    expect(bitsOf(filter.dataSync())).toBe(bitsOf(weights));
    await tf.setBackend(OURS);
    expect(dropped()).toBe(before);
    filter.dispose();
  });

  it('stays away when the tensor is reshaped, referred to and disposed of', () => {
    const {filter, before, weights} = usedFilter();
    const {numTensors, numBytes} = tf.memory();
    const malloc = jest.spyOn(backend().heap, 'allocateTensor');
    for (let i = 0; i < 3; i++) tf.reshape(filter, [16, 12]).dispose();
    const reshaped = tf.reshape(filter, [16, 12]);
    expect(backend().refCount(filter.dataId)).toBe(2);
    expect(tf.memory()).toMatchObject({numTensors: numTensors + 1, numBytes: numBytes + 4 * weights.length});
    filter.dispose();
    expect(dropped()).toBe(before + 4 * weights.length);
    reshaped.dispose();
    expect(dropped()).toBe(before);
    expect(malloc).not.toHaveBeenCalled();
    malloc.mockRestore();
    expect(tf.memory().numTensors).toBe(numTensors - 1);
    expect(backendInfo().packedBytes).toBe(0);
  });

  it('serves matrices that share it, as they lie and transposed', () => {
    const weights = sparseWeights(12, 12, 3);
    const b = tf.tensor2d(weights.slice(), [12, 12]);
    const eye = tf.eye(12);
    configure({path: PACKED});
    const before = dropped();
    const asItLies = tf.tidy(() => tf.matMul(eye, b).dataSync());
    expect(dropped()).toBe(before + 4 * 144);
    const transposed = tf.tidy(() => tf.matMul(eye, b, false, true).dataSync());
    expect(dropped()).toBe(before);
    expect(maxDifference(asItLies, weights)).toBe(0);
    expect(
      maxDifference(
        transposed,
        tf.tidy(() => tf.transpose(b).dataSync()),
      ),
    ).toBe(0);
    tf.dispose([b, eye]);
  });

  it.each([true, false])('comes back from a transposed packing (dropped: %s)', (isTransposed) => {
    const weights = awkwardWeights(24, 10);
    const b = tf.tensor2d(weights.slice(), isTransposed ? [10, 24] : [24, 10]);
    configure({path: {kind: 'packed', n: 2}});
    tf.tidy(() => tf.matMul(tf.ones([3, 24]), b, false, isTransposed));
    expect(dropped()).toBe(4 * 240);
    expect(bitsOf(b.dataSync())).toBe(bitsOf(weights));
    b.dispose();
  });

  it('comes back from the taps of a depthwise convolution, and for another bias', () => {
    for (const channels of [4, 6, 9, 16]) {
      const weights = awkwardWeights(9, channels);
      const filter = tf.tensor4d(weights.slice(), [3, 3, channels, 1]);
      const biases = [tf.fill([channels], 1), tf.fill([channels], 2)] as tf.Tensor1D[];
      const x = image(channels);
      const run = (bias: tf.Tensor1D) =>
        tf.tidy(() => tf.fused.depthwiseConv2d({x, filter, strides: 1, pad: 'same', bias}).dataSync());
      const first = run(biases[0]);
      expect(dropped()).toBe(4 * weights.length);
      expect(bitsOf(run(biases[0]))).toBe(bitsOf(first));
      expect(dropped()).toBe(4 * weights.length);
      run(biases[1]);
      expect(dropped()).toBe(0);
      expect(bitsOf(run(biases[0]))).toBe(bitsOf(first));
      expect(bitsOf(filter.dataSync())).toBe(bitsOf(weights));
      tf.dispose([filter, biases, x]);
    }
  });

  it('comes back from taps that are gathered again in another shape', () => {
    const weights = awkwardWeights(9, 50);
    const filter = tf.tensor4d(weights.slice(), [3, 3, 50, 1]);
    const other = tf.reshape(filter, [5, 5, 18, 1]) as tf.Tensor4D; // as many bytes of taps
    const plain = tf.tensor4d(weights.slice(), [5, 5, 18, 1]);
    const run = (channels: number, taps: tf.Tensor4D) =>
      tf.tidy(() => tf.depthwiseConv2d(image(channels), taps, 1, 'same').dataSync());
    run(50, filter);
    expect(dropped()).toBe(4 * weights.length);
    expect(bitsOf(run(18, other))).toBe(bitsOf(run(18, plain)));
    expect(bitsOf(filter.dataSync())).toBe(bitsOf(weights));
    tf.dispose([filter, other, plain]);
  });

  it('does not come and go where a filter is used at sizes that choose different paths', () => {
    const filter = tf.tensor4d(sparseWeights(64, 32, 7), [1, 1, 64, 32]);
    const [small, large] = [image(64, 3), image(64, 8)];
    const allocate = jest.spyOn(backend().heap, 'allocateTensor');
    const runs: [tf.Tensor4D, LayerPath][] = [
      [large, PACKED],
      [small, {kind: 'dense'}],
      [small, {kind: 'stock'}],
    ];
    const results = runs.map(([x, path]) => {
      configure({path});
      return convolve(x, filter);
    });
    expect(dropped()).toBe(0);
    const {packedBytes} = backendInfo();
    for (let round = 0; round < 3; round++) {
      runs.forEach(([x, path], i) => {
        configure({path});
        allocate.mockClear();
        expect(bitsOf(convolve(x, filter))).toBe(bitsOf(results[i]));
        expect(backendInfo()).toMatchObject({packedBytes, droppedBytes: 0});
      });
    }
    allocate.mockRestore();
    tf.dispose([filter, small, large]);
    expect(backendInfo().packedBytes).toBe(0);
  });

  it('stays where a kernel made the tensor', () => {
    const filter = tf.neg(tf.randomUniform<tf.Rank.R4>([1, 1, 8, 8], -1, 1, 'float32', 1));
    configure({path: PACKED});
    tf.tidy(() => tf.conv2d(image(8), filter, 1, 'same'));
    expect(backendInfo()).toMatchObject({packedFilters: 1, droppedBytes: 0});
    filter.dispose();
  });

  it('is never a stale one: variables that are assigned to', () => {
    configure({path: PACKED});
    const x = tf.ones<tf.Rank.R4>([1, 4, 4, 8]);
    const variable = tf.variable(tf.tensor4d(new Float32Array(64).fill(1), [1, 1, 8, 8]));
    for (let step = 1; step <= 4; step++) {
      expect(convolve(x, variable as unknown as tf.Tensor4D)[0]).toBe(8 * step);
      expect(variable.dataSync()[0]).toBe(step);
      variable.assign(tf.tensor4d(new Float32Array(64).fill(step + 1), [1, 1, 8, 8]));
    }
    tf.dispose([x, variable]);
    tf.engine().disposeVariables();
  });

  it('says so where there is no memory for it, and comes back later', () => {
    const {weights, filter} = usedFilter();
    const module = backend().wasm as unknown as {_malloc(bytes: number): number};
    const {_malloc} = module;
    module._malloc = () => 0;
    try {
      expect(() => filter.dataSync()).toThrow(`out of WebAssembly memory, ${4 * weights.length} more bytes`);
    } finally {
      module._malloc = _malloc;
    }
    expect(dropped()).toBe(4 * weights.length);
    expect(bitsOf(filter.dataSync())).toBe(bitsOf(weights));
    filter.dispose();
  });

  it('is accounted for: every byte that is allocated over a life is freed, read or not', () => {
    const live = watchAllocations();
    const life = (read: boolean) =>
      tf.tidy(() => {
        const {filter} = usedFilter();
        const taps = tf.tensor4d(awkwardWeights(9, 16), [3, 3, 16, 1]);
        tf.depthwiseConv2d(image(16), taps, 1, 'same');
        if (read) expect(filter.dataSync().length + taps.dataSync().length).toBe(16 * 12 + 9 * 16);
      });
    life(true); // working memory grows
    const before = [...live.values()].sort();
    for (let i = 0; i < 20; i++) life(i % 2 === 0);
    expect([...live.values()].sort()).toEqual(before);
  });
});

describe('a model whose weights were dropped', () => {
  beforeAll(() => useVariant('relaxed'));
  afterEach(() => configure({rewrite: true}));
  afterAll(() => configure({threads: 'auto'}));

  const artifacts = () =>
    artifactsOf(
      [
        placeholder('x', [1, 12, 12, 16]),
        node('expand', 'Conv2D', ['x', 'w1'], CONV),
        node('act', 'Relu6', ['expand']),
        node('project', 'Conv2D', ['act', 'w2'], CONV),
      ],
      {
        w1: randomWeight([1, 1, 16, 96], 1),
        w2: {values: blockSparseFloats(96, 32, 4, 0.3, randomNumbers(2)), shape: [1, 1, 96, 32]},
      },
    );

  it.each([true, false])(
    'holds less, gives its weights to whoever reads them, and frees all (rewritten: %s)',
    (rewrite) => {
      configure({rewrite});
      const x = image(16, 12);
      const start = tf.memory();
      const live = watchAllocations();
      let kept: number[] = [];
      for (let round = 0; round < 6; round++) {
        const models = [loadGraphModelSync(artifacts()), loadGraphModelSync(artifacts())];
        const outputs = models.map((model) => tf.tidy(() => (model.predict(x) as tf.Tensor).dataSync()));
        expect(bitsOf(outputs[1])).toBe(bitsOf(outputs[0]));
        const {packedBytes, droppedBytes} = backendInfo();
        expect(droppedBytes).toBe(2 * 4 * (16 * 96 + 96 * 32));
        expect(tf.memory().numBytes).toBe(start.numBytes + droppedBytes);
        expect(packedBytes).toBeLessThan(0.75 * droppedBytes);
        if (round % 2) {
          const [w2] = models[0].weights['w2'];
          expect(maxDifference(w2.dataSync(), blockSparseFloats(96, 32, 4, 0.3, randomNumbers(2)))).toBe(0);
          expect(backendInfo().droppedBytes).toBe(droppedBytes - 4 * 96 * 32);
        }
        for (const model of models) model.dispose();
        expect(tf.memory()).toMatchObject({numTensors: start.numTensors, numBytes: start.numBytes});
        expect(backendInfo()).toMatchObject({packedBytes: 0, droppedBytes: 0, packedFilters: 0});
        const left = [...live.values()].sort();
        if (round > 1) expect(left).toEqual(kept);
        kept = left;
      }
      x.dispose();
    },
  );

  it('learns as on stock wasm: losses of a network over frozen convolutions', async () => {
    const train = async (name: string) => {
      await tf.setBackend(name);
      const random = randomNumbers(9);
      const model = tfl.sequential();
      model.add(
        tfl.layers.conv2d({inputShape: [8, 8, 3], filters: 16, kernelSize: 3, activation: 'relu', trainable: false}),
      );
      model.add(tfl.layers.conv2d({filters: 24, kernelSize: 1, activation: 'relu', trainable: false}));
      model.add(tfl.layers.flatten());
      model.add(tfl.layers.dense({units: 16, activation: 'relu'}));
      model.add(tfl.layers.dense({units: 2}));
      model.setWeights(
        model.getWeights().map(({shape, size}) =>
          tf.tensor(
            randomFloats(size, random).map((v) => v / 4),
            shape,
          ),
        ),
      );
      model.compile({optimizer: tf.train.sgd(0.01), loss: 'meanSquaredError'});
      const xs = tf.tensor(randomFloats(8 * 192, random), [8, 8, 8, 3]);
      const ys = tf.tensor(randomFloats(16, random), [8, 2]);
      const losses: number[] = [];
      const restores = name === OURS ? jest.spyOn(backend().heap, 'allocateTensor') : null;
      const restored: number[] = [];
      for (let step = 0; step < 6; step++) {
        losses.push((await model.trainOnBatch(xs, ys)) as number);
        restored.push(restores?.mock.calls.filter(([, spare]) => !spare).length ?? 0);
      }
      if (restores) {
        expect(backendInfo().packedFilters).toBeGreaterThan(0);
        expect(restored[5]).toBe(restored[0]); // nothing comes and goes
        restores.mockRestore();
      }
      const predictions = tf.tidy(() => (model.predict(xs) as tf.Tensor).dataSync());
      model.dispose();
      tf.dispose([xs, ys]);
      return [...losses, ...predictions];
    };
    tf.env().set('IS_TEST', false); // stock's gradients do not pass tfjs's own check for leaks
    const stock = await train('wasm');
    const ours = await train(OURS);
    tf.env().set('IS_TEST', true);
    expect(ours[5]).toBeLessThan(ours[0]);
    ours.forEach((value, i) => expect(value).toBeCloseTo(stock[i], 4));
  });

  it('runs alike on three threads, where packing is shared out', async () => {
    const x = randomFloats(16 * 144, randomNumbers(3));
    const run = async (threads: number) => {
      await startOnThreads(threads);
      expect(backendInfo().threads).toBe(threads);
      const model = loadGraphModelSync(artifacts());
      const values = tf.tidy(() => (model.predict(tf.tensor(x, [1, 12, 12, 16])) as tf.Tensor).dataSync());
      model.dispose();
      return bitsOf(values);
    };
    expect(await run(3)).toBe(await run(1));
  });
});
