// Weights that come from disk in packed form: how they lie in the heap, and models that are loaded with them.
import * as tf from '@tensorflow/tfjs-core';
import {
  backendInfo,
  type BlockSparseBackend,
  configure,
  inspectPlans,
  packArtifacts,
  pruneOnLoad,
  unpackArtifacts,
} from '../../src';
import {countBlocks, packStored, packWeights} from '../../src/backend/packWeights';
import {BLOCK_SIZES, countTapBlocks, packFilter, type BlockSize, type FilterShape} from '../../src/packed';
import {pruneArtifacts} from '../../src/graph';
import type {HeapWeights} from '../../src/runtime';
import {ConvGraphBuilder} from '../graph/convGraphs';
import {OURS, useVariant} from '../support/backends';
import {expectSameOutputs, infer, load, outputOf, randomTensor} from '../support/plannedModels';
import {blockSparseFloats, randomNumbers} from '../support/random';

const backend = () => tf.backend() as BlockSparseBackend;

/** Weights of which half of the blocks is zero, some single taps too, and some are -0 or NaN. */
function sparseFilter(shape: FilterShape, n: BlockSize, seed = 1): Float32Array {
  const random = randomNumbers(seed);
  const {kh, kw, inChannels, outChannels} = shape;
  const keep = Array.from({length: Math.ceil(outChannels / n) * inChannels}, () => random() < 0.5);
  return Float32Array.from({length: kh * kw * inChannels * outChannels}, (_, i) => {
    const [o, c] = [i % outChannels, Math.floor(i / outChannels) % inChannels];
    const kept = keep[Math.floor(o / n) * inChannels + c];
    const value = random();
    if (!kept) return value < 0.2 ? -0 : 0;
    return value < 0.3 ? 0 : value < 0.35 ? -0 : value - 0.5;
  });
}

/** All of a form but where -0 was, which its stored kin does not have. */
function contentOf({values, rowStart, columns, n}: HeapWeights, rows: number): unknown {
  const {i32, memory} = backend().heap;
  const starts = i32.slice(rowStart / 4, rowStart / 4 + rows + 1);
  const blocks = starts[rows];
  const hex = (from: number, bytes: number) => Buffer.from(memory.buffer, from, bytes).toString('hex');
  const ends = [...i32.slice(values / 4 + blocks * n, rowStart / 4)];
  // The first word of each table of slices is never read.
  return [[...starts], hex(columns, 2 * blocks), hex(values, 4 * blocks * n), ends.filter((_, i) => i % (rows + 1))];
}

beforeAll(() => useVariant('simd128'));

describe('blocks as they are stored', () => {
  const shapes: [number, number, number, number][] = [
    [1, 1, 1, 1],
    [1, 1, 7, 33],
    [3, 3, 5, 20],
    [1, 2, 16, 70],
    [1, 1, 1300, 3],
    [3, 3, 150, 2],
  ];
  test.each(shapes)('give the form that %i x %i x %i x %i dense weights are packed to', (kh, kw, inChannels, out) => {
    const shape = {kh, kw, inChannels, outChannels: out};
    const k = kh * kw * inChannels;
    const {heap} = backend();
    for (const n of BLOCK_SIZES) {
      const weights = sparseFilter(shape, n, n + k);
      const stored = packFilter(weights, shape, n);
      const kept = countTapBlocks(stored);
      heap.withFloats(weights, (address) => {
        const matrix = {address, k, outChannels: out, transposed: false};
        const counts = countBlocks(backend(), matrix);
        expect(kept).toEqual(counts.kept);
        const expected = packWeights(backend(), matrix, counts, {kind: 'packed', n});
        const actual = packStored(heap, stored, kept[n]);
        const rows = Math.ceil(out / n);
        expect(contentOf(actual, rows)).toEqual(contentOf(expected, rows));
        expect(actual).toMatchObject({n, k, outChannels: out, dense: false, negativeZeros: 0});
        heap.free(expected.values);
        heap.free(actual.values);
      });
    }
  });

  test('pass over what a file has in the padding of a ragged row', () => {
    const shape = {kh: 1, kw: 1, inChannels: 2, outChannels: 3};
    const stored = packFilter(Float32Array.of(1, 2, 3, 4, 5, 6), shape, 4);
    stored.values[3] = NaN;
    const {heap} = backend();
    const form = packStored(heap, stored, 2);
    expect([...heap.f32.slice(form.values / 4, form.values / 4 + 8)]).toEqual([1, 2, 3, 0, 4, 5, 6, 0]);
    heap.free(form.values);
  });
});

/** 1x1, 3x3 of stride 1 and 2, depthwise, matrices as they are and transposed; all with zero blocks of 4. */
function network(): tf.io.ModelArtifacts {
  const graph = new ConvGraphBuilder(3);
  const x = graph.input('x', [-1, 12, 12, 8]);
  const expand = graph.conv('expand', x, {out: 64, fused: ['BiasAdd', 'Relu6']});
  const depthwise = graph.depthwise('depthwise', expand, {fused: ['BiasAdd', 'Relu6']});
  const square = graph.conv('square', depthwise, {out: 30, k: 3, fused: ['BiasAdd']});
  const strided = graph.conv('strided', square, {out: 48, k: 3, stride: 2, fused: ['BiasAdd', 'Relu']});
  graph.reduce('mean', 'Mean', strided, [1, 2], false);
  graph.matMul('hidden', 'mean', 80);
  graph.matMul('y', 'hidden', 50, true);
  const options = {n: 4, sparsity: 0.5, classifier: true, rearrange: false} as const;
  return pruneArtifacts(graph.artifacts(['y']), options).artifacts;
}

const input = () => randomTensor(5, [1, 12, 12, 8]);

/** Outputs of four inferences: kernel by kernel, noted, and as a program. */
function outputs(artifacts: tf.io.ModelArtifacts) {
  const model = load(artifacts);
  const x = input();
  const results = [0, 1, 2, 3].map(() => infer(model, {x})[0]);
  x.dispose();
  model.dispose();
  return results;
}

describe('a packed model', () => {
  const plain = network();
  const {artifacts: packed, report} = packArtifacts(plain, {n: 4});
  beforeEach(async () => {
    await tf.setBackend(OURS);
    configure({path: 'auto', rewrite: true, skipZeros: true});
  });
  afterEach(() => {
    pruneOnLoad(null);
    jest.restoreAllMocks();
  });

  test('has its large filters packed', () => {
    expect(report.layers.filter(({n}) => n === 4).map(({weight}) => weight)).toEqual(
      ...[['square/filter', 'strided/filter', 'y/weights']],
    );
  });

  test.each([
    'auto',
    {kind: 'packed', n: 4},
    {kind: 'packed', n: 1},
    {kind: 'packed', n: 8},
    {kind: 'dense'},
    {kind: 'winograd'},
    {kind: 'stock'},
  ] as const)('gives the bits of the plain one on path %j, as a program too', (path) => {
    configure({path});
    expectSameOutputs(outputs(packed), outputs(plain));
    configure({rewrite: false});
    expectSameOutputs(outputs(packed), outputs(plain));
  });

  test('goes to its kernels without a dense tensor in between', () => {
    const write = jest.spyOn(backend(), 'move');
    const allocate = jest.spyOn(backend().heap, 'allocate');
    const filters = new Set(plain.weightSpecs!.filter(({shape}) => shape.length > 1).map(({shape}) => shape.join()));
    configure({path: {kind: 'packed', n: 4}});
    const restores = jest.spyOn(backend().heap, 'allocateTensor');
    const model = load(packed);
    const dropped = backendInfo().droppedBytes;
    expect(dropped).toBe(4 * (9 * 64 * 30 + 9 * 30 * 48 + 80 * 50));
    const x = input();
    infer(model, {x});
    const written = write.mock.calls.filter(([, values]) => values).map(([, , shape]) => shape.join());
    expect(written.filter((shape) => filters.has(shape))).toEqual(['1,1,8,64', '3,3,64,1', '48,80']);
    expect(backendInfo().droppedBytes).toBeGreaterThanOrEqual(dropped);
    expect(restores.mock.calls.filter(([, spare]) => !spare)).toEqual([]); // with some it is ours, not a tensor
    const most = Math.max(...allocate.mock.calls.map(([bytes]) => bytes));
    expect(most).toBeLessThan(4 * 17280);
    x.dispose();
    model.dispose();
  });

  test('leaves nothing behind', () => {
    outputs(packed); // what stays for all models: programs' workspace
    const before = {...tf.memory(), ...backendInfo()};
    for (const artifacts of [packed, plain]) {
      outputs(artifacts);
      const {numTensors, numDataBuffers, numBytes} = tf.memory();
      expect({numTensors, numDataBuffers, numBytes}).toEqual({
        ...{numTensors: before.numTensors, numDataBuffers: before.numDataBuffers, numBytes: before.numBytes},
      });
      const {packedBytes, packedFilters, droppedBytes} = backendInfo();
      expect({packedBytes, packedFilters, droppedBytes}).toEqual({
        ...{packedBytes: before.packedBytes, packedFilters: before.packedFilters, droppedBytes: before.droppedBytes},
      });
    }
    const model = load(packed);
    const loaded = tf.memory();
    model.dispose();
    const other = load(plain);
    expect(tf.memory().numTensors).toBe(loaded.numTensors);
    expect(tf.memory().numBytes).toBe(loaded.numBytes);
    other.dispose();
  });

  test('has weights that read as they were, once their form is made and before', () => {
    for (const inferences of [0, 1]) {
      const [model, expected] = [load(packed), load(plain)];
      const x = input();
      for (let i = 0; i < inferences; i++) infer(model, {x});
      expect(Object.keys(model.weights).sort()).toEqual(Object.keys(expected.weights).sort());
      for (const name of Object.keys(expected.weights)) {
        expectSameOutputs(
          (model.weights[name] as unknown as tf.Tensor[]).map(outputOf),
          (expected.weights[name] as unknown as tf.Tensor[]).map(outputOf),
          name,
        );
      }
      expectSameOutputs(infer(model, {x}), infer(expected, {x}));
      tf.dispose(x);
      model.dispose();
      expected.dispose();
    }
  });

  test('moves to another backend, and back', async () => {
    const [model, expected] = [load(packed), load(plain)];
    tf.env().set('IS_TEST', false); // tfjs takes a weight that moves in a kernel for a leak, that of plain models too
    try {
      for (const name of [OURS, 'wasm', OURS]) {
        await tf.setBackend(name);
        const x = input();
        expectSameOutputs(infer(model, {x}), infer(expected, {x}), name);
        x.dispose();
      }
    } finally {
      tf.env().set('IS_TEST', true);
    }
    model.dispose();
    expected.dispose();
  });

  test.each(['wasm', 'cpu'])('runs on %s as the plain one does', async (name) => {
    await tf.setBackend(name);
    expectSameOutputs(outputs(packed), outputs(plain));
    expect(load(packed).weights['square/filter']).toMatchObject([{shape: [3, 3, 64, 30]}]);
  });

  test('runs as a program', () => {
    const model = load(packed);
    const x = input();
    for (let i = 0; i < 3; i++) infer(model, {x});
    expect(inspectPlans(model)[0]).toMatchObject({obstacle: null});
    x.dispose();
    model.dispose();
  });

  test('is pruned on load as the plain one is', () => {
    const pruned = (artifacts: tf.io.ModelArtifacts) => {
      pruneOnLoad({n: 8, sparsity: 0.6});
      return outputs(artifacts);
    };
    expectSameOutputs(pruned(packed), pruned(plain));
  });

  test('saves as the plain one, having been loaded', async () => {
    for (const name of [OURS, 'wasm']) {
      await tf.setBackend(name);
      const model = load(packed);
      let saved: tf.io.ModelArtifacts | undefined;
      await model.save(
        tf.io.withSaveHandler(async (artifacts) => {
          saved = artifacts;
          return {modelArtifactsInfo: {dateSaved: new Date(), modelTopologyType: 'JSON'}};
        }),
      );
      expect(saved!.weightSpecs!.map(({shape}) => shape)).toContainEqual([3, 3, 64, 30]);
      expectSameOutputs(outputs(saved!), outputs(plain));
      model.dispose();
    }
  });

  test('whose filters were scaled by the clean-up gives the bits of the plain one', () => {
    const graph = new ConvGraphBuilder(4);
    const conv = graph.conv('conv', graph.input('x', [-1, 12, 12, 8]), {out: 64});
    graph.batchNorm('norm', conv);
    const second = graph.conv('second', 'norm', {out: 40, fused: ['BiasAdd']});
    graph.add('y', 'Relu', [second]);
    const {artifacts} = pruneArtifacts(graph.artifacts(['y']), {n: 4, sparsity: 0.5});
    expectSameOutputs(outputs(packArtifacts(artifacts).artifacts), outputs(artifacts));
  });

  test('with float16 values gives the bits of its unpacked form', () => {
    const {artifacts, report: halves} = packArtifacts(plain, {float16: true});
    expect(halves.float16Error).toBeGreaterThan(0);
    expect(halves.float16Error).toBeLessThan(2 ** -11);
    expect(halves.bytesAfter).toBeLessThan(0.56 * report.bytesAfter);
    expectSameOutputs(outputs(artifacts), outputs(unpackArtifacts(artifacts)));
  });

  test('whose filter is used as another matrix, too, is unpacked for that', () => {
    const values = blockSparseFloats(16, 32, 4, 0.5, randomNumbers(1));
    const graph = new ConvGraphBuilder(6);
    const x = graph.input('x', [-1, 16]);
    const weights = graph.floats('weights', [16, 32], [...values]);
    const product = graph.add('product', 'MatMul', [x, weights], {}, 32);
    graph.add('y', 'MatMul', [product, weights], {transpose_b: {b: true}}, 16);
    const artifacts = graph.artifacts(['y']);
    configure({path: {kind: 'packed', n: 4}});
    const [model, expected] = [load(packArtifacts(artifacts).artifacts), load(artifacts)];
    const rows = randomTensor(2, [9, 16]);
    for (let i = 0; i < 3; i++) expectSameOutputs(infer(model, {x: rows}), infer(expected, {x: rows}));
    tf.dispose(rows);
    model.dispose();
    expected.dispose();
  });
});
