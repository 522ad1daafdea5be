import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import {cleanUpGraph, pruneArtifacts} from '../../src/graph';
import {ConvGraphBuilder} from './convGraphs';
import {intAttr, stringAttr} from '../../src/graph/attributes';
import {nodesOf, relativeError, run} from './smallGraphs';
import {randomFloats, randomNumbers} from '../support/random';

interface Case {
  readonly name: string;
  /** Builds on the input `x`, [2, 6, 6, 5]; returns the outputs. */
  build(g: ConvGraphBuilder, x: string): string[];
  /** Nodes whose filters must come in a new order. */
  readonly rearranged: readonly string[];
  /** Nodes that must keep their order, and what the report says of it. */
  readonly kept?: Readonly<Record<string, RegExp>>;
}

const unary = (op: string): Case => ({
  name: `follows ${op}`,
  build(g, x) {
    const a = g.add('act', op, [g.conv('expand', x)], {alpha: {f: 0.3}});
    return [g.conv('project', a, {out: 4})];
  },
  rearranged: ['expand'],
  kept: {project: /reach 'project', an output/},
});

/** An op on the expanded channels and a constant of the given shape. */
const withConstant = (op: string, shape: readonly number[], constantFirst = false): Case => ({
  name: `follows ${op} with a constant [${shape.join(', ')}]${constantFirst ? ' in front' : ''}`,
  build(g, x) {
    const size = shape.reduce((product, dim) => product * dim, 1);
    // Away from zero, for the divisions.
    const constant = g.floats(
      'constant',
      shape,
      Array.from({length: size}, (_, i) => 1 + i / 7),
    );
    const e = g.conv('expand', x);
    const mixed = g.add('mixed', op, constantFirst ? [constant, e] : [e, constant], {}, 8);
    return [g.conv('project', mixed, {out: 4})];
  },
  rearranged: ['expand'],
});

const cases: Case[] = [
  {
    name: 'follows expand, depthwise and project with everything fused',
    build(g, x) {
      const e = g.conv('expand', x, {out: 12, fused: ['BiasAdd', 'Relu6']});
      const d = g.depthwise('depthwise', e, {fused: ['BiasAdd', 'Relu6'], stride: 2});
      return [g.conv('project', d, {out: 6, fused: ['BiasAdd']})];
    },
    rearranged: ['expand'],
    kept: {project: /output of the model/},
  },
  {
    name: 'follows expand, depthwise and project with nothing fused',
    build(g, x) {
      const e = g.conv('expand', x, {out: 12});
      const b = g.add('bias_add', 'BiasAdd', [e, g.floats('bias', [12])]);
      const r = g.add('relu', 'Relu', [b]);
      const d = g.batchNorm('norm', g.depthwise('depthwise', r));
      return [g.conv('project', g.add('relu6', 'Relu6', [d]), {out: 6})];
    },
    rearranged: ['expand'],
  },
  {
    name: 'follows a chain of convolutions of 3x3, each in an order of its own',
    build(g, x) {
      const a = g.conv('a', x, {k: 3, out: 7, fused: ['Relu']});
      const b = g.conv('b', a, {k: 3, out: 9, fused: ['BiasAdd', 'Elu']});
      return [g.conv('c', b, {k: 3, out: 5})];
    },
    rearranged: ['a', 'b'],
  },
  {
    name: 'follows a depthwise convolution of multiplier 2 and one of 3 after it',
    build(g, x) {
      const e = g.conv('expand', x, {fused: ['BiasAdd', 'Relu']});
      const d = g.depthwise('double', e, {multiplier: 2, fused: ['BiasAdd', 'Relu6']});
      const t = g.depthwise('triple', d, {multiplier: 3});
      return [g.conv('project', g.batchNorm('norm', t), {out: 4})];
    },
    rearranged: ['expand'],
  },
  {
    name: 'follows fused and unfused Prelu',
    build(g, x) {
      const e = g.conv('expand', x, {fused: ['BiasAdd', 'Prelu']});
      const d = g.depthwise('depthwise', e, {fused: ['BiasAdd', 'Prelu']});
      const p = g.add('prelu', 'Prelu', [d, g.floats('alpha', [1, 1, 8])]);
      return [g.conv('project', p, {out: 4})];
    },
    rearranged: ['expand'],
  },
  ...['Relu', 'Relu6', 'LeakyRelu', 'Elu', 'Selu', 'Sigmoid', 'Tanh', 'Softplus', 'Abs', 'Identity'].map(unary),
  ...['AddV2', 'Sub', 'Mul', 'RealDiv', 'Maximum', 'Minimum'].flatMap((op) => [
    withConstant(op, [8]),
    withConstant(op, [], true),
    withConstant(op, [1, 1, 1, 8], true),
    withConstant(op, [6, 6, 1]),
  ]),
  {
    name: 'follows padding, pooling, resizing and both kinds of Mean over space',
    build(g, x) {
      const e = g.conv('expand', x, {fused: ['BiasAdd', 'Relu']});
      const p = g.add('pad', 'Pad', [e, g.ints('pads', [0, 0, 1, 1, 0, 1, 0, 0], [4, 2])]);
      const m = g.add('mirror', 'MirrorPad', [p, g.ints('mirrorPads', [0, 0, 1, 1, 1, 1, 0, 0], [4, 2])], {
        mode: {s: btoa('REFLECT')},
      });
      const pooled = g.pool('avg', 'AvgPool', g.pool('max', 'MaxPool', m));
      const r = g.add('resize', 'ResizeBilinear', [pooled, g.ints('size', [5, 7])]);
      const n = g.add('nearest', 'ResizeNearestNeighbor', [r, g.ints('size2', [4, 4])]);
      const project = g.conv('project', n, {out: 4});
      const kept = g.reduce('mean', 'Mean', e, [1, 2], true);
      const flat = g.reduce('max_flat', 'Max', e, [-3, -2], false);
      const squeezed = g.add('squeezed', 'Squeeze', [kept], {squeeze_dims: {list: {i: ['1', '2']}}});
      const reshaped = g.add('reshaped', 'Reshape', [kept, g.ints('target', [-1, 8])]);
      return [
        project,
        g.conv('pixel', kept, {out: 3}),
        g.matMul('product', flat, 3),
        g.matMul('product_t', squeezed, 3, true),
        g.matMul('product_r', reshaped, 2),
      ];
    },
    rearranged: ['expand'],
  },
  {
    name: 'follows to two consumers, and through a product of the channels with themselves (hard swish)',
    build(g, x) {
      const e = g.conv('expand', x);
      const shifted = g.add('shifted', 'AddV2', [e, g.floats('three', [], [3])]);
      const gate = g.add('gate', 'Relu6', [shifted]);
      const swish = g.add('swish', 'Mul', [e, gate]);
      const square = g.add('square', 'Mul', [swish, swish]);
      return [g.conv('left', swish, {out: 3}), g.conv('right', square, {out: 5, k: 3})];
    },
    rearranged: ['expand'],
  },
  {
    name: 'follows residual sums',
    build(g, x) {
      const a = g.conv('a', x);
      const e = g.conv('expand', a, {out: 12, fused: ['Relu']});
      const b = g.conv('b', e);
      const c = g.conv('c', g.add('sum', 'AddV2', [a, b], {}, 8));
      return [g.conv('last', g.add('sums', 'AddN', [c, 'sum', b], {}, 8), {out: 3})];
    },
    rearranged: ['a', 'expand', 'b', 'c'],
  },
  {
    name: 'follows a sum of channels and of others that come by twos',
    build(g, x) {
      const e = g.conv('expand', x);
      const d = g.depthwise('double', e, {multiplier: 2});
      const half = g.conv('half', d, {out: 16});
      return [g.conv('last', g.add('sum', 'AddV2', [d, half]), {out: 3})];
    },
    rearranged: ['expand', 'half'],
  },
  {
    name: 'follows concatenations, splits and slices, of channels and of pixels',
    build(g, x) {
      const joined = g.add('concat', 'ConcatV2', [g.conv('a', x), g.conv('b', x), g.ints('axis', [3], [])], {}, 16);
      const num = {num_split: intAttr(2)};
      g.add('split', 'Split', [g.ints('split_axis', [3], []), joined], num, 8);
      g.add('splitV', 'SplitV', ['split:1', g.ints('sizes', [3, -1]), g.ints('axis_v', [-1], [])], num, 3);
      const slice = g.add('slice', 'Slice', ['split', g.ints('begin', [0, 0, 0, 1]), g.ints('size', [-1, -1, -1, 5])]);
      const strided = g.add(
        'strided',
        'StridedSlice',
        [joined, g.ints('from', [0, 0, 0, 3]), g.ints('until', [0, 0, 0, -2]), g.ints('steps', [1, 1, 1, 1])],
        {begin_mask: intAttr(7), end_mask: intAttr(7)},
      );
      const tall = g.add('tall', 'ConcatV2', [g.conv('c', joined), g.conv('d', x), g.ints('rows', [1], [])], {}, 8);
      g.add('images', 'Unpack', [tall], {axis: intAttr(0), num: intAttr(2)}, 8);
      const packed = g.add('packed', 'Pack', ['images:1', 'images'], {axis: intAttr(0)}, 8);
      return [
        g.conv('left', slice, {out: 2, inputChannels: 5}),
        g.conv('right', 'splitV:1', {out: 2, inputChannels: 5}),
        g.conv('middle', strided, {out: 2, inputChannels: 11}),
        g.conv('top', packed, {out: 2}),
      ];
    },
    rearranged: ['a', 'b', 'c', 'd'],
  },
  {
    name: 'follows squeeze-and-excite branches and channels in twos by a channel shuffle',
    build(g, x) {
      const a = g.conv('a', x);
      const mean = g.reduce('mean', 'Mean', a, [1, 2], false);
      const squeeze = g.add('relu', 'Relu', [g.matMul('squeeze', mean, 4)]);
      const gate = g.add('gate', 'Sigmoid', [g.matMul('excite', squeeze, 8, true)]);
      const wide = g.add('wide', 'ExpandDims', [g.add('wider', 'ExpandDims', [gate, 'one']), 'one']);
      g.ints('one', [1], []);
      const scaled = g.add('scaled', 'Mul', [wide, a], {}, 8);
      const parts = g.add('parts', 'Reshape', [scaled, g.ints('to', [-1, 6, 6, 2, 4])]);
      const swapped = g.add('swapped', 'Transpose', [parts, g.ints('order', [0, 1, 2, 4, 3])]);
      const mixed = g.add('mixed', 'Reshape', [swapped, g.ints('back', [-1, 6, 6, 8])], {}, 8);
      return [g.conv('last', mixed, {out: 3})];
    },
    rearranged: ['a', 'squeeze', 'excite'],
  },
  {
    name: 'follows pixel shuffles, flattened images, padded channels, tiles and softmax',
    build(g, x) {
      const nhwc = {block_size: intAttr(2), data_format: stringAttr('NHWC')};
      const spread = g.add('spread', 'DepthToSpace', [g.conv('a', x, {out: 16})], nhwc, 4);
      const b = g.conv('b', spread, {out: 6, stride: 2});
      const packed = g.add('deep', 'Tile', [b, g.ints('fourfold', [1, 1, 1, 4])], {}, 24);
      const padded = g.add('pad', 'Pad', [packed, g.ints('pads', [0, 0, 0, 0, 0, 0, 1, 3], [4, 2])], {}, 28);
      const c = g.conv('c', g.add('sum', 'AddV2', [padded, g.conv('wide', spread, {out: 28, stride: 2})]), {out: 5});
      const flat = g.add('flat', 'Reshape', [g.add('soft', 'Softmax', [c]), g.ints('to', [-1, 180])], {}, 180);
      const tiled = g.add('tiled', 'Tile', [flat, g.ints('times', [1, 2])], {}, 360);
      return [g.matMul('dense', g.matMul('hidden', tiled, 7), 3)];
    },
    rearranged: ['a', 'b', 'wide', 'c', 'hidden'],
  },
  {
    name: 'follows channels on any axis, two of them in one tensor',
    build(g, x) {
      const rows = g.add('rows', 'Reshape', [g.conv('conv', x), g.ints('to', [2, 36, 8])]);
      const planes = g.add('planes', 'Transpose', [rows, g.ints('order', [0, 2, 1])]);
      const mixed = g.add('mixed', 'BatchMatMulV2', [planes, g.floats('weights', [36, 4])], {}, 4);
      const biased = g.add('biased', 'AddV2', [mixed, g.floats('both', [8, 4])]);
      return [g.reduce('out', 'Sum', g.add('relu', 'Relu', [biased]), [1, 2], false)];
    },
    rearranged: ['conv', 'mixed'],
  },
  {
    name: 'follows shared filters, straight and by Identity nodes',
    build(g, x) {
      const shared = g.floats('shared', [1, 1, 8, 4]);
      const read = g.add('read', 'Identity', [shared]);
      const u = g.conv('u', g.conv('a', x), {filter: shared, out: 4});
      const v = g.conv('v', g.conv('b', x), {filter: read, out: 4});
      return [g.conv('last', g.add('difference', 'Sub', [u, v]), {out: 3})];
    },
    rearranged: ['a', 'b'],
    kept: {u: /the layer was left alone/, v: /the layer was left alone/},
  },
  {
    name: 'leaves outputs alone, also those that something else uses',
    build(g, x) {
      const e = g.conv('expand', x);
      const r = g.add('relu', 'Relu', [e]);
      return [r, g.conv('project', r, {out: 4})];
    },
    rearranged: [],
    kept: {expand: /reach 'relu', an output of the model/, project: /reach 'project', an output/},
  },
  {
    name: 'leaves mirrored channels, maxima by place and transposed rows alone, and passes reduced channels',
    build(g, x) {
      const mode = {mode: stringAttr('REFLECT')};
      const pads = g.ints('pads', [0, 0, 0, 0, 0, 0, 0, 2], [4, 2]);
      const mirrored = g.add('mirror', 'MirrorPad', [g.conv('a', x), pads], mode, 10);
      const place = g.add('place', 'ArgMax', [g.conv('b', x), g.ints('axis', [3], [])]);
      return [g.conv('a2', mirrored), place, g.reduce('mean', 'Mean', g.conv('c', x), [3], true)];
    },
    rearranged: ['c'],
    kept: {a: /'mirror' \(MirrorPad\) mirrors the channels/, b: /'place' \(ArgMax\) depends on their order/},
  },
  {
    name: 'leaves a producer alone whose channels end in a filter that is no constant',
    build(g, x) {
      const computed = g.add('computed', 'Neg', [g.floats('raw', [1, 1, 5, 2])]);
      return [g.conv('w', g.conv('c', x, {out: 5}), {filter: computed, out: 2})];
    },
    rearranged: [],
    kept: {c: /'w' \(Conv2D\) has no constant filter/},
  },
  {
    name: 'gives each user of a shared vector the order it needs',
    build(g, x) {
      const bias = g.floats('bias', [8]);
      const a = g.add('a_bias', 'BiasAdd', [g.conv('a', x), bias]);
      const b = g.add('b_bias', 'BiasAdd', [g.conv('b', a), bias]);
      return [g.conv('last', b, {out: 3}), g.add('untouched', 'BiasAdd', [g.conv('c', x), bias])];
    },
    rearranged: ['a', 'b'],
    kept: {c: /output/},
  },
  {
    name: 'follows constants behind Identity nodes',
    build(g, x) {
      const read = g.add('filter/read', 'Identity', [g.floats('filter', [1, 1, 5, 8])]);
      const e = g.conv('expand', x, {filter: read});
      const b = g.add('bias_add', 'BiasAdd', [e, g.add('bias/read', 'Identity', [g.floats('bias', [8])])]);
      return [g.conv('project', b, {out: 4})];
    },
    rearranged: ['expand'],
  },
];

const input = () => ({x: tf.tensor4d(randomFloats(2 * 6 * 6 * 5, randomNumbers(9)), [2, 6, 6, 5])});

beforeAll(() => tf.setBackend('cpu'));

const options = {sparsity: 0, n: 2, layers: () => true} as const;

/** The outputs, and every node of the original by name. */
function expectSameNodes(changed: tf.io.ModelArtifacts, original: tf.io.ModelArtifacts): void {
  const x = input();
  const outputs = run(original, x);
  run(changed, x).forEach((values, i) => expect(relativeError(values, outputs[i])).toBeLessThan(1e-5));
  for (const {name, op} of nodesOf(original)) {
    if (op === 'Placeholder') continue;
    const [expected, actual] = [run(original, x, name)[0], run(changed, x, name)[0]];
    expect({name, close: relativeError(actual, expected) < 1e-5}).toEqual({name, close: true});
  }
}

describe('rearranging without pruning', () => {
  for (const {name, build, rearranged, kept} of cases) {
    test(`${name}; outputs and every node by name stay what they are`, () => {
      const g = new ConvGraphBuilder(3);
      const outputs = build(g, g.input('x', [-1, 6, 6, 5]));
      const artifacts = g.artifacts(outputs);
      const weightBytes = new Uint8Array(artifacts.weightData as ArrayBuffer).slice();
      const topology = JSON.stringify(artifacts.modelTopology);

      const {artifacts: changed, report} = pruneArtifacts(artifacts, options);

      expect(report.layers.filter((layer) => layer.rearranged).map((layer) => layer.name)).toEqual(rearranged);
      for (const [node, reason] of Object.entries(kept ?? {})) {
        expect(report.layers.find((layer) => layer.name === node)?.notRearranged).toMatch(reason);
      }
      expect(report.lossless).toBe(true);
      // The original is never touched.
      expect(JSON.stringify(artifacts.modelTopology)).toBe(topology);
      expect(new Uint8Array(artifacts.weightData as ArrayBuffer)).toEqual(weightBytes);

      expectSameNodes(changed, artifacts);
      // The clean-up fuses nodes; whichever comes first, names keep their promise.
      expectSameNodes(cleanUpGraph(changed).artifacts, artifacts);
      expectSameNodes(pruneArtifacts(cleanUpGraph(artifacts).artifacts, options).artifacts, artifacts);
    });
  }

  test('a rearranged convolution has its filters by descending l1 norm', () => {
    const g = new ConvGraphBuilder(3);
    const project = g.conv('project', g.conv('expand', g.input('x', [-1, 6, 6, 5]), {out: 16}), {out: 4});
    const {artifacts} = pruneArtifacts(g.artifacts([project]), {sparsity: 0, layers: () => true});
    const filter = run(artifacts, input(), 'expand/filter/1xn')[0];
    const norms = Array.from({length: 16}, (_, o) => {
      return filter.reduce((sum, w, i) => (i % 16 === o ? sum + Math.abs(w) : sum), 0);
    });
    expect([...norms].sort((a, b) => b - a)).toEqual(norms);
  });

  test('a rearranged model is left as it is the next time', () => {
    const g = new ConvGraphBuilder(3);
    const project = g.conv('project', g.conv('expand', g.input('x', [-1, 6, 6, 5])), {out: 4});
    const once = pruneArtifacts(g.artifacts([project]), {sparsity: 0, layers: () => true}).artifacts;
    const twice = pruneArtifacts(once, {sparsity: 0, layers: () => true});
    expect(twice.artifacts).toBe(once);
    expect(twice.report.layers.map((layer) => [layer.name, layer.notRearranged])).toEqual([
      ['expand/1xn', 'its filters are in order already'],
      ['project', "its channels reach 'project', an output of the model"],
    ]);
  });

  test('a model without a signature keeps its outputs', () => {
    const g = new ConvGraphBuilder(3);
    g.conv('project', g.conv('expand', g.input('x', [-1, 6, 6, 5])), {out: 4});
    const artifacts = g.artifacts([]);
    const {artifacts: changed, report} = pruneArtifacts(artifacts, {sparsity: 0, layers: () => true});
    expect(report.totals.layersRearranged).toBe(1);
    const [expected, actual] = [run(artifacts, input()), run(changed, input())];
    expect(actual).toHaveLength(expected.length);
    expect(relativeError(actual[0], expected[0])).toBeLessThan(1e-5);
  });

  test('rearrange: false leaves the order alone', () => {
    const g = new ConvGraphBuilder(3);
    const artifacts = g.artifacts([g.conv('project', g.conv('expand', g.input('x', [-1, 6, 6, 5])))]);
    const {artifacts: same, report} = pruneArtifacts(artifacts, {sparsity: 0, rearrange: false, layers: () => true});
    expect(same).toBe(artifacts);
    expect(report.layers[0].notRearranged).toMatch(/rearrange is false/);
  });
});
