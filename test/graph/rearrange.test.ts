import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import {cleanUpGraph, pruneArtifacts} from '../../src/graph';
import {ConvGraphBuilder} from './convGraphs';
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
    name: 'leaves residual sums alone',
    build(g, x) {
      const a = g.conv('a', x);
      const e = g.conv('expand', a, {out: 12, fused: ['Relu']});
      const b = g.conv('b', e);
      return [g.conv('last', g.add('sum', 'AddV2', [a, b], {}, 8), {out: 3})];
    },
    rearranged: ['expand'],
    kept: {a: /'sum' \(AddV2\) couples its channels with those of 'b'/, b: /couples its channels with those of 'a'/},
  },
  {
    name: 'leaves channels of another multiplier alone where they meet',
    build(g, x) {
      const e = g.conv('expand', x);
      const d = g.depthwise('double', e, {multiplier: 2});
      const half = g.conv('half', d, {out: 8});
      return [g.conv('last', g.add('sum', 'AddV2', [e, half]), {out: 3})];
    },
    rearranged: [],
    kept: {expand: /'sum' \(AddV2\) couples/, half: /'sum' \(AddV2\) couples/},
  },
  {
    name: 'leaves concatenations alone',
    build(g, x) {
      const joined = g.add('concat', 'ConcatV2', [g.conv('a', x), g.conv('b', x), g.ints('axis', [3], [])], {}, 16);
      return [g.conv('last', joined, {out: 3})];
    },
    rearranged: [],
    kept: {a: /'concat' \(ConcatV2\) depends on their order/, b: /concat/},
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
    name: 'leaves reshapes, padded channels and reduced channels alone',
    build(g, x) {
      const shuffled = g.add('shuffle', 'Reshape', [g.conv('a', x), g.ints('target', [2, 6, 12, 4])], {}, 4);
      const padded = g.add('pad', 'Pad', [g.conv('b', x), g.ints('pads', [0, 0, 0, 0, 0, 0, 0, 2], [4, 2])], {}, 10);
      const reduced = g.reduce('mean', 'Mean', g.conv('c', x), [3], true);
      return [g.conv('a2', shuffled), g.conv('b2', padded), reduced];
    },
    rearranged: [],
    kept: {a: /may not keep the channels last/, b: /pads the channels/, c: /reduces the channels/},
  },
  {
    name: 'leaves a producer alone whose channels end in a shared filter or in one that is no constant',
    build(g, x) {
      const [a, b] = [g.conv('a', x), g.conv('b', x)];
      const shared = g.floats('shared', [1, 1, 8, 3]);
      const c = g.conv('c', x, {out: 5});
      const computed = g.add('computed', 'Neg', [g.floats('raw', [1, 1, 5, 2])]);
      return [
        g.conv('u', a, {filter: shared, out: 3}),
        g.conv('v', b, {filter: shared, out: 3}),
        g.conv('w', c, {filter: computed, out: 2}),
      ];
    },
    rearranged: [],
    kept: {
      a: /'u' \(Conv2D\) has no constant filter of its own/,
      b: /'v' \(Conv2D\) has no constant filter of its own/,
      c: /'w' \(Conv2D\) has no constant filter of its own/,
    },
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
