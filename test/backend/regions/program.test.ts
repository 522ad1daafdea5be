// What programs compute: the bits of the same inferences without regions, for graphs that could lead them astray.
import * as tf from '@tensorflow/tfjs-core';
import {type BlockSparseBackend, configure, pruneOnLoad} from '../../../src';
import {floatAttr, intAttr, intsAttr, stringsAttr, typeAttr, type Attributes} from '../../../src/graph/attributes';
import type {GraphNode} from '../../../src/graph';
import {boolAttr, ConvGraphBuilder} from '../../graph/convGraphs';
import {artifactsOf, CONV, node, placeholder, randomWeight, weight, type TestWeight} from '../../graph/smallGraphs';
import {startOnThreads, stopBackend} from '../../support/network';
import {
  expectSameAsWithoutRegions,
  expectSameOutputs,
  infer,
  load,
  outputOf,
  plannedNetwork,
  randomTensor,
  watchPrograms,
} from '../../support/plannedModels';
import {randomFloats, randomNumbers} from '../../support/random';

beforeAll(() => startOnThreads(3));
afterEach(() => configure({path: 'auto', regions: true}));
afterAll(() => stopBackend());

const MATMUL: Attributes = {transpose_a: boolAttr(false), transpose_b: boolAttr(false)};

function expectPrograms(
  nodes: readonly GraphNode[],
  weights: Readonly<Record<string, TestWeight>>,
  inputs: (inference: number) => tf.NamedTensorMap,
  fetch: string[],
  programs = 6,
): void {
  const before = tf.memory().numTensors;
  const model = load(artifactsOf(nodes, weights));
  expect(expectSameAsWithoutRegions(model, inputs, {fetch, inferences: 8}).runs).toBe(programs);
  model.dispose();
  expect(tf.memory().numTensors).toBe(before);
}

describe('a program', () => {
  it('runs from the third inference on', () => {
    const model = load(plannedNetwork().artifacts(['y', 'sum']));
    expect(expectSameAsWithoutRegions(model, (i) => ({x: randomTensor(i)})).runs).toBe(3);
    model.dispose();
  });

  it('runs for a model that was pruned as it was loaded', () => {
    pruneOnLoad({n: 4, sparsity: 0.5});
    const model = load(plannedNetwork().artifacts(['y', 'sum']));
    pruneOnLoad(null);
    expect(expectSameAsWithoutRegions(model, (i) => ({x: randomTensor(i)})).runs).toBe(3);
    model.dispose();
  });

  it('knows layers that share a depthwise filter by their biases', () => {
    const layer = (name: string, x: string, bias: string) =>
      node(name, 'FusedDepthwiseConv2dNative', [x, 'taps', bias], {
        ...CONV,
        fused_ops: stringsAttr(['BiasAdd']),
        num_args: intAttr(1),
      });
    expectPrograms(
      [
        placeholder('x', [1, 6, 8, 8]),
        layer('a', 'x', 'b1'),
        layer('b', 'a', 'b2'),
        node('c', 'DepthwiseConv2dNative', ['b', 'taps'], CONV),
        layer('d', 'c', 'b1'),
      ],
      {taps: randomWeight([3, 3, 8, 1], 1), b1: randomWeight([8], 2), b2: randomWeight([8], 3)},
      (i) => ({x: randomTensor(i, [1, 6, 8, 8])}),
      ['a', 'b', 'c', 'd'],
    );
  });

  it('keeps its taps when others use the filter with another bias, or in another shape', () => {
    const model = load(plannedNetwork().artifacts(['depthwise']));
    const taps = model.weights['depthwise/filter'][0] as tf.Tensor4D;
    const other = (shape: [number, number, number, number]) =>
      tf.tidy(() => {
        const filter = tf.reshape(taps, shape) as tf.Tensor4D;
        const x = tf.ones<tf.Rank.R4>([1, 5, 5, shape[2]]);
        tf.fused.depthwiseConv2d({x, filter, bias: tf.ones<tf.Rank.R1>([shape[2]]), strides: 1, pad: 'same'});
      });
    const inputs = (i: number) => {
      if (i > 2) other(i % 2 ? [3, 3, 24, 1] : [6, 6, 6, 1]);
      return {x: randomTensor(i)};
    };
    expect(expectSameAsWithoutRegions(model, inputs, {inferences: 8}).runs).toBe(6);
    model.dispose();
  });

  it('takes filters and matrices that are computed anew in every inference', () => {
    expectPrograms(
      [
        placeholder('x', [1, 6, 8, 8]),
        placeholder('f', [3, 3, 8, 1]),
        placeholder('g', [1, 1, 8, 16]),
        placeholder('m', [16, 5]),
        placeholder('n', [5]),
        ...['x', 'f', 'g', 'm', 'n'].map((name) => node(`${name}2`, 'Mul', [name, 'two'])),
        node('a', 'DepthwiseConv2dNative', ['x2', 'f2'], CONV),
        node('b', 'Conv2D', ['a', 'g2'], CONV),
        node('c', 'Reshape', ['b', 'shape']),
        node('d', 'MatMul', ['c', 'm2'], MATMUL),
        node('e', 'Prelu', ['d', 'n2']),
        node('y', 'Relu', ['e']),
      ],
      {two: weight([2], []), shape: weight([48, 16])},
      (i) => ({
        x: randomTensor(i, [1, 6, 8, 8]),
        f: randomTensor(10 + i, [3, 3, 8, 1]),
        g: randomTensor(20 + i, [1, 1, 8, 16]),
        m: randomTensor(30 + i, [16, 5]),
        n: randomTensor(40 + i, [5]),
      }),
      ['y', 'a', 'b', 'd'],
    );
  });

  it('uses one computed matrix several times', () => {
    expectPrograms(
      [
        placeholder('x', [48, 16]),
        placeholder('m', [16, 16]),
        node('m2', 'Mul', ['m', 'm']),
        ...['a', 'b', 'c', 'd'].map((name, i, names) => node(name, 'MatMul', [i ? names[i - 1] : 'x', 'm2'], MATMUL)),
        node('y', 'Relu', ['d']),
      ],
      {},
      (i) => ({x: randomTensor(i, [48, 16]), m: randomTensor(10 + i, [16, 16])}),
      ['y'],
    );
  });

  it('takes a matrix that a kernel made of a constant, of which others know nothing', () => {
    expectPrograms(
      [
        placeholder('x', [40, 16]),
        node('t', 'Transpose', ['w', 'perm'], {Tperm: typeAttr('DT_INT32')}),
        node('n', 'Neg', ['t']),
        node('h', 'Relu', ['x']),
        node('y', 'MatMul', ['h', 'n'], MATMUL),
        node('z', 'Relu', ['y']),
      ],
      {w: randomWeight([12, 16], 1), perm: weight([1, 0])},
      (i) => ({x: randomTensor(i, [40, 16])}),
      ['z', 'y'],
    );
  });

  it.each(['auto', {kind: 'packed', n: 1}, {kind: 'dense'}] as const)(
    'finds an input that is a matrix and then an operand (%j)',
    (path) => {
      configure({path});
      expectPrograms(
        [
          placeholder('x', [64, 64]),
          placeholder('w', [64, 64]),
          node('h', 'Relu', ['x']),
          node('y', 'MatMul', ['h', 'w'], MATMUL),
          node('z', 'AddV2', ['y', 'w']),
          node('v', 'Mul', ['z', 'w']),
        ],
        {},
        (i) => ({x: randomTensor(i, [64, 64]), w: tf.tidy(() => tf.relu(randomTensor(10 + i, [64, 64])))}),
        ['v', 'z'],
      );
      const sparse = (seed: number) => {
        const values = randomFloats(64 * 64, randomNumbers(seed));
        return tf.tensor(
          values.map((value, j) => (j % 7 ? 0 : value)),
          [64, 64],
        );
      };
      expectPrograms(
        [
          placeholder('x', [64, 64]),
          placeholder('w', [64, 64]),
          node('h', 'Relu', ['x']),
          node('y', 'MatMul', ['h', 'w'], MATMUL),
          node('z', 'AddV2', ['y', 'w']),
          node('v', 'Mul', ['z', 'w']),
        ],
        {},
        (i) => ({x: randomTensor(i, [64, 64]), w: sparse(i)}),
        ['v', 'z'],
      );
    },
  );

  it('uses a constant as a filter and as an operand', () => {
    for (const path of ['auto', {kind: 'packed', n: 4}] as const) {
      configure({path});
      expectPrograms(
        [
          placeholder('x', [1, 4, 8, 8]),
          node('a', 'Conv2D', ['x', 'w'], CONV),
          node('b', 'Mul', ['a', 'w']),
          node('c', 'Conv2D', ['b', 'w'], CONV),
          node('y', 'AddV2', ['c', 'w']),
        ],
        {w: randomWeight([1, 1, 8, 8], 1)},
        (i) => ({x: randomTensor(i, [1, 4, 8, 8])}),
        ['y', 'c'],
      );
    }
  });

  it('passes int32 and bool on', () => {
    const ints: GraphNode = {
      name: 'n',
      op: 'Placeholder',
      attr: {dtype: typeAttr('DT_INT32'), shape: {shape: {dim: [{size: '4'}, {size: '6'}]}}},
    };
    expectPrograms(
      [
        ints,
        node('f', 'Cast', ['n'], {SrcT: typeAttr('DT_INT32'), DstT: typeAttr('DT_FLOAT')}),
        node('a', 'Mul', ['f', 'w']),
        node('e', 'Equal', ['a', 'f']),
        node('g', 'Cast', ['e'], {SrcT: typeAttr('DT_BOOL'), DstT: typeAttr('DT_FLOAT')}),
        node('b', 'AddV2', ['g', 'a']),
        node('top', 'TopKV2', ['b', 'k'], {sorted: boolAttr(true)}),
        node('y', 'Relu', ['top']),
      ],
      {w: weight([1, 2, 0.5, 1, -1, 3]), k: weight([3], [])},
      (i) => ({
        n: tf.tensor2d(
          Int32Array.from({length: 24}, (_, j) => (j * (i + 3)) % 7),
          [4, 6],
        ),
      }),
      ['y', 'e', 'top', 'top:1', 'b'],
    );
  });

  it('shares data among outputs, what follows and results of stock, by Identity and by Cast to the type that is there', () => {
    expectPrograms(
      [
        placeholder('x', [1, 4, 4, 8]),
        node('a', 'Relu', ['x']),
        node('i', 'Identity', ['a']),
        node('j', 'Cast', ['i'], {DstT: typeAttr('DT_FLOAT')}),
        node('t', 'Tanh', ['j']),
        node('k', 'Identity', ['t']),
        node('b', 'AddV2', ['k', 'i']),
      ],
      {},
      (i) => ({x: randomTensor(i, [1, 4, 4, 8])}),
      ['b', 'a', 'i', 'j', 'k', 't', 'i'],
    );
  });

  it('is not made where kernels of strings take part, and the inferences run on', () => {
    expectPrograms(
      [
        placeholder('x', [1, 4, 4, 8]),
        {name: 's', op: 'Placeholder', attr: {dtype: typeAttr('DT_STRING')}},
        node('h', 'StringToHashBucketFast', ['s'], {num_buckets: intAttr(1000)}),
        node('c', 'Cast', ['h'], {SrcT: typeAttr('DT_INT32'), DstT: typeAttr('DT_FLOAT')}),
        node('r', 'Relu', ['x']),
        node('y', 'AddV2', ['r', 'c']),
      ],
      {},
      (i) => ({x: randomTensor(i, [1, 4, 4, 8]), s: tf.tensor(Array.from({length: 8}, (_, j) => `${i + j}`))}),
      ['y', 'r'],
      0,
    );
  });

  it('is given up where a kernel gives another shape than before', () => {
    const ids: GraphNode = {name: 'ids', op: 'Placeholder', attr: {dtype: typeAttr('DT_INT32')}};
    const indices: GraphNode = {...ids, name: 'indices'};
    const model = load(
      artifactsOf(
        [
          placeholder('x', [4, 8]),
          ids,
          indices,
          node('r', 'Relu6', ['x']),
          node('s', 'SparseSegmentSum', ['r', 'indices', 'ids']),
          node('y', 'Mul', ['s', 's']),
        ],
        {},
      ),
    );
    const last = [2, 2, 2, 2, 3, 2, 3, 1];
    const inputs = (i: number) => ({
      x: randomTensor(i, [4, 8]),
      indices: tf.tensor1d([0, 1, 2, 3], 'int32'),
      ids: tf.tensor1d([0, 1, 1, last[i]], 'int32'),
    });
    const before = tf.memory().numTensors;
    const {runs, obstacles} = expectSameAsWithoutRegions(model, inputs, {fetch: ['y', 'r'], inferences: 8});
    expect(runs).toBe(3);
    expect(obstacles).toEqual(['a shape depends on the values of a tensor']);
    expect(tf.memory().numTensors).toBe(before);
    model.dispose();
  });

  it('is not made where the graph reads values to know what to compute', () => {
    const begin: GraphNode = {name: 'n', op: 'Placeholder', attr: {dtype: typeAttr('DT_INT32')}};
    const graph = [
      placeholder('x', [4, 8]),
      begin,
      node('r', 'Relu', ['x']),
      node('y', 'Slice', ['r', 'n', 'size'], {Index: typeAttr('DT_INT32')}),
      node('z', 'Relu', ['y']),
    ];
    const model = load(artifactsOf(graph, {size: weight([2, 3])}));
    const inputs = (i: number) => ({x: randomTensor(i, [4, 8]), n: tf.tensor1d([i % 2, i % 4], 'int32')});
    const {runs, obstacles} = expectSameAsWithoutRegions(model, inputs, {fetch: ['z'], inferences: 6});
    expect(runs).toBe(0);
    expect(obstacles).toEqual(['what it computes depends on the values of a tensor']);
    model.dispose();
  });

  it('has outputs that are views of one another', () => {
    expectPrograms(
      [
        placeholder('x', [2, 12]),
        node('a', 'Relu', ['x']),
        node('b', 'Reshape', ['a', 'wide']),
        node('c', 'Reshape', ['b', 'long']),
        node('d', 'Mul', ['c', 'c']),
        node('s', 'Tanh', ['b']),
        node('t', 'Reshape', ['s', 'long']),
      ],
      {wide: weight([4, 6]), long: weight([24])},
      (i) => ({x: randomTensor(i, [2, 12])}),
      ['a', 'b', 'c', 'd', 's', 't', 'a'],
    );
  });

  it('has nothing to do for outputs that are inputs or constants, which run as ever', () => {
    const graph = [placeholder('x', [4]), node('r', 'Relu', ['x']), node('v', 'Reshape', ['x', 'shape'])];
    const weights = {w: weight([1, 2, 3]), shape: weight([2, 2])};
    for (const fetch of [['x'], ['w'], ['r', 'x'], ['r', 'w'], ['v', 'r']]) {
      const model = load(artifactsOf(graph, weights));
      configure({regions: true});
      const kept = randomTensor(1, [4]);
      for (let i = 0; i < 5; i++) {
        const x = tf.clone(kept);
        const outputs = [model.execute({x}, fetch)].flat();
        expect(outputs.map((output) => output === x)).toEqual(fetch.map((name) => name === 'x'));
        expect(outputs.map((output) => output === model.weights['w'][0])).toEqual(fetch.map((name) => name === 'w'));
        expect(outputs[fetch.length - 1].dataSync()).toHaveLength(fetch.at(-1) === 'w' ? 3 : 4);
        tf.dispose(x);
        tf.dispose(outputs.filter((output) => output !== model.weights['w'][0]));
      }
      model.dispose();
      kept.dispose();
    }
  });

  it('finds its memory where the heap has grown, shared or not, also in the middle of an inference', async () => {
    const {SharedArrayBuffer: sharing} = globalThis;
    const nodes = [
      placeholder('x', [64, 128]),
      node('a', 'AddV2', ['x', 'w']),
      node('s', 'Tanh', ['a']),
      node('b', 'Mul', ['s', 'w']),
      node('t', 'Tanh', ['b']),
      node('y', 'AddV2', ['t', 's']),
    ];
    for (const shared of [true, false]) {
      if (!shared) Object.assign(globalThis, {SharedArrayBuffer: undefined});
      await startOnThreads(1);
      Object.assign(globalThis, {SharedArrayBuffer: sharing});
      const {heap} = tf.backend() as BlockSparseBackend;
      expect(heap.memory.buffer instanceof sharing).toBe(shared);
      const model = load(artifactsOf(nodes, {w: randomWeight([128], 1)}));
      const x = randomTensor(1, [64, 128]);
      const expected = infer(model, {x}, ['y', 'b']);
      for (let i = 0; i < 3; i++) infer(model, {x}, ['y', 'b']);
      const size = () => heap.memory.buffer.byteLength;
      // Between inferences, and within: outputs are kept until there is no room for more.
      const before = size();
      const fill = tf.zeros([Math.floor(before / 4)]);
      expect(size()).toBeGreaterThan(before);
      expectSameOutputs(infer(model, {x}, ['y', 'b']), expected);
      const kept: tf.Tensor[][] = [];
      const watch = watchPrograms();
      const grown = size();
      while (size() === grown) kept.push(model.execute({x}, ['y', 'b']) as tf.Tensor[]);
      expect(watch.runs).toBe(kept.length);
      watch.end();
      expectSameOutputs(kept.at(-1)!.map(outputOf), expected);
      expectSameOutputs(kept[0].map(outputOf), expected);
      expectSameOutputs(infer(model, {x}, ['y', 'b']), expected);
      tf.dispose([x, fill, ...kept.flat()]);
      model.dispose();
    }
    await startOnThreads(3);
  });

  it('of empty tensors gives empty tensors', () => {
    const model = load(plannedNetwork().artifacts(['sum', 'expand']));
    expect(expectSameAsWithoutRegions(model, (i) => ({x: randomTensor(i, [0, 8, 8, 6])})).runs).toBeGreaterThanOrEqual(
      0,
    );
    model.dispose();
  });
});

/** A graph of random ops on images [1, 6, 8, 8] and what becomes of them. */
function randomGraph(seed: number): {artifacts: tf.io.ModelArtifacts; fetch: string[]} {
  const random = randomNumbers(seed);
  const below = (n: number) => Math.floor(random() * n);
  const graph = new ConvGraphBuilder(seed);
  graph.input('x', [1, 6, 8, 8]);
  graph.input('z', [1, 6, 8, 8]);
  const names = ['x', 'z'];
  const shared = graph.floats('shared', [1, 1, 8, 8]);
  const taps = graph.floats('taps', [3, 3, 8, 1]);
  const vector = graph.floats('vector', [8]);
  const scalar = graph.floats('scalar', [], [0.5]);
  const flat = graph.ints('flat', [48, 8]);
  const back = graph.ints('back', [1, 6, 8, 8]);
  const perm = graph.ints('perm', [0, 1, 3, 2]);
  const matrix = graph.floats('matrix', [8, 8]);
  const axis = graph.ints('axis', [3], []);
  const begins = [graph.ints('front', [0, 0, 0, 0]), graph.ints('rear', [0, 0, 0, 4])];
  const twelve = graph.ints('twelve', [12, 12]);
  const border = graph.ints('border', [0, 0, 1, 0, 2, 1, 0, 0], [4, 2]);
  const half = graph.ints('half', [1, 6, 8, 4]);
  const depthwise = (bias?: string): Attributes => ({
    ...CONV,
    ...(bias && {fused_ops: stringsAttr(['BiasAdd']), num_args: intAttr(1)}),
  });
  for (let i = 0; i < 12; i++) {
    const pick = () => names[Math.max(0, names.length - 1 - below(4))];
    const name = `n${i}`;
    const [a, b] = [pick(), pick()];
    const ops: (() => string)[] = [
      () => graph.conv(name, a, {fused: ['BiasAdd', ['Relu', 'Relu6', 'Elu', 'Sigmoid'][below(4)]]}),
      () => graph.conv(name, a, {k: 3}),
      () => graph.conv(name, a, {filter: shared}),
      () => graph.conv(name, a, {fused: ['BiasAdd', 'Prelu']}),
      () => graph.depthwise(name, a, {fused: ['BiasAdd', ['Relu6', 'Elu'][below(2)]]}),
      () => graph.add(name, 'DepthwiseConv2dNative', [a, taps], depthwise(), 8),
      () => graph.add(name, 'FusedDepthwiseConv2dNative', [a, taps, vector], depthwise(vector), 8),
      () => graph.add(name, ['AddV2', 'Mul', 'Sub', 'Maximum', 'Minimum'][below(5)], [a, b]),
      () => graph.add(name, ['AddV2', 'Mul', 'Sub'][below(3)], [a, [vector, scalar, shared][below(3)]]),
      () => graph.add(name, ['Relu', 'Relu6', 'Sigmoid', 'Tanh', 'Elu', 'Identity', 'Softmax', 'Neg'][below(8)], [a]),
      () => graph.add(name, 'LeakyRelu', [a], {alpha: floatAttr(0.2)}),
      () => graph.add(name, 'Transpose', [a, perm], {Tperm: typeAttr('DT_INT32')}),
      () => graph.add(name, 'AddN', [a, b, pick()], {N: intAttr(3)}),
      () => {
        const rows = graph.add(`${name}/rows`, 'Reshape', [a, flat], {}, 8);
        const product = graph.add(`${name}/product`, 'MatMul', [rows, matrix], MATMUL, 8);
        return graph.add(name, 'Reshape', [product, back], {}, 8);
      },
      () => {
        // A filter that depends on the input.
        const mean = graph.reduce(`${name}/mean`, 'Mean', b, [0, 1, 2], true);
        const filter = graph.add(`${name}/outer`, 'Mul', [shared, mean], {}, 8);
        return graph.conv(name, a, {filter});
      },
      () => {
        const mean = graph.reduce(`${name}/mean`, 'Mean', b, [1, 2], true);
        return graph.add(name, 'Mul', [a, mean], {}, 8);
      },
      () => {
        const parts = [a, b].map((from, j) =>
          graph.add(`${name}/part${j}`, 'Slice', [from, begins[j], half], {Index: typeAttr('DT_INT32')}, 4),
        );
        return graph.add(name, 'ConcatV2', [...parts, axis], {N: intAttr(2), Tidx: typeAttr('DT_INT32')}, 8);
      },
      () => {
        const parts = graph.add(`${name}/parts`, 'Unpack', [a], {num: intAttr(6), axis: intAttr(1)}, 8);
        const rows = [0, 3, 1, 5, 4, 2].map((row) => (row ? `${parts}:${row}` : parts));
        return graph.add(name, 'Pack', rows, {N: intAttr(6), axis: intAttr(1)}, 8);
      },
      () => {
        const halves = graph.add(`${name}/halves`, 'Split', [axis, a], {num_split: intAttr(2)}, 4);
        return graph.add(
          name,
          'ConcatV2',
          [`${halves}:1`, halves, axis],
          {N: intAttr(2), Tidx: typeAttr('DT_INT32')},
          8,
        );
      },
      () => {
        const resized = graph.add(
          `${name}/resized`,
          'ResizeBilinear',
          [a, twelve],
          {align_corners: boolAttr(below(2) > 0)},
          8,
        );
        return graph.add(name, 'Slice', [resized, begins[0], back], {Index: typeAttr('DT_INT32')}, 8);
      },
      () => {
        const padded = graph.add(`${name}/padded`, 'PadV2', [a, border, scalar], {Tpaddings: typeAttr('DT_INT32')}, 8);
        return graph.add(name, 'Slice', [padded, begins[0], back], {Index: typeAttr('DT_INT32')}, 8);
      },
      () => {
        const attr = {ksize: intsAttr([1, 3, 3, 1]), strides: intsAttr([1, 1, 1, 1]), padding: CONV.padding};
        return graph.add(name, ['MaxPool', 'AvgPool'][below(2)], [a], {...attr, data_format: CONV.data_format});
      },
    ];
    ops[below(ops.length)]();
    names.push(name);
  }
  const fetch = [...new Set([names.at(-1)!, names[2 + below(names.length - 2)], names.at(-2)!])];
  return {artifacts: graph.artifacts(fetch), fetch};
}

describe('programs of random graphs', () => {
  it.each([1, 3])('give the bits of the same inferences without regions, on %i threads', async (threads) => {
    await startOnThreads(threads);
    let programs = 0;
    const {numTensors} = tf.memory();
    for (let seed = 1; seed <= 60; seed++) {
      const {artifacts} = randomGraph(seed);
      const model = load(artifacts);
      const inputs = (i: number) => ({x: randomTensor(seed + i, [1, 6, 8, 8]), z: randomTensor(99 + i, [1, 6, 8, 8])});
      try {
        programs += expectSameAsWithoutRegions(model, inputs).runs;
      } catch (error) {
        throw new Error(`graph ${seed}: ${(error as Error).message}`);
      }
      model.dispose();
      expect(tf.memory().numTensors).toBe(numTensors);
    }
    expect(programs).toBeGreaterThan(150);
  });
});
