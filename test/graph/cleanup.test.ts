import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import {loadGraphModelSync} from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import {cleanUpGraph, type CleanUpResult} from '../../src/graph';
import {floatAttr, stringAttr, stringsAttr, type Attributes} from '../../src/graph/attributes';
import type {GraphNode, Signature} from '../../src/graph/modelGraph';
import {
  artifactsOf,
  CONV,
  fusedConvAttr,
  node,
  nodesOf,
  opOf,
  placeholder,
  randomWeight,
  relativeError,
  run,
  weight,
  type TestWeight,
} from './smallGraphs';

type SyncSource = Parameters<typeof loadGraphModelSync>[0];

const BN: Attributes = {epsilon: floatAttr(0.01), data_format: stringAttr('NHWC')};
const positive = (shape: number[], seed: number): TestWeight => {
  const {values} = randomWeight(shape, seed);
  return {values: values.map((v) => 0.3 + Math.abs(v)), shape};
};

/** 3 channels in, 4 out; a depthwise filter with two outputs for each of its 2 inputs; a matrix 3 x 4. */
const WEIGHTS: Record<string, TestWeight> = {
  w: randomWeight([3, 3, 3, 4], 1),
  dw: randomWeight([3, 3, 3, 2], 2),
  m: randomWeight([3, 4], 3),
  mt: randomWeight([4, 3], 4),
  b4: randomWeight([4], 5),
  b6: randomWeight([6], 6),
  s4: positive([4], 7),
  s6: positive([1, 1, 1, 6], 8),
  s111: weight([-0.7], [1, 1, 1, 1]),
  half: weight([0.5], []),
  zero: weight([0], []),
  six: weight([6], []),
  five: weight([5], []),
  ten: weight([10], []),
  gamma: positive([4], 9),
  beta: randomWeight([4], 10),
  mean: randomWeight([4], 11),
  variance: positive([4], 12),
  alpha4: randomWeight([4], 13),
  alpha114: randomWeight([1, 1, 4], 14),
  alpha6: randomWeight([1, 1, 6], 15),
  row: randomWeight([1, 4], 16),
};

interface Case {
  readonly title: string;
  readonly nodes: GraphNode[];
  /** What the node called 'y' has become. */
  readonly op: string;
  /** Input of rank 2 in the place of an image. */
  readonly flat?: boolean;
}

const conv = node('conv', 'Conv2D', ['x', 'w'], CONV);
const depthwise = node('conv', 'DepthwiseConv2dNative', ['x', 'dw'], CONV);
const bn = (name: string, input: string, op = 'FusedBatchNormV3'): GraphNode =>
  node(name, op, [input, 'gamma', 'beta', 'mean', 'variance'], BN);
const matmul = node('mm', 'MatMul', ['x', 'm'], {});

const CASES: Case[] = [
  {title: 'BiasAdd', nodes: [conv, node('y', 'BiasAdd', ['conv', 'b4'])], op: '_FusedConv2D'},
  {title: 'a scalar on the left of an Add', nodes: [conv, node('y', 'AddV2', ['half', 'conv'])], op: '_FusedConv2D'},
  {title: 'a constant subtracted', nodes: [conv, node('y', 'Sub', ['conv', 'b4'])], op: '_FusedConv2D'},
  {title: 'a subtraction from a constant', nodes: [conv, node('y', 'Sub', ['b4', 'conv'])], op: '_FusedConv2D'},
  {title: 'Mul per channel', nodes: [conv, node('y', 'Mul', ['conv', 's4'])], op: 'Conv2D'},
  {title: 'Mul by one number', nodes: [conv, node('y', 'Mul', ['s111', 'conv'])], op: 'Conv2D'},
  {title: 'a division', nodes: [conv, node('y', 'RealDiv', ['conv', 's4'])], op: 'Conv2D'},
  ...['FusedBatchNorm', 'FusedBatchNormV2', 'FusedBatchNormV3'].map((op) => ({
    title: op,
    nodes: [conv, bn('y', 'conv', op)],
    op: '_FusedConv2D',
  })),
  {
    title: 'a chain of all of them and a Relu',
    nodes: [
      conv,
      node('a', 'Mul', ['conv', 's4']),
      node('b', 'AddV2', ['a', 'b4']),
      bn('c', 'b'),
      node('d', 'Sub', ['half', 'c']),
      node('y', 'Relu', ['d']),
    ],
    op: '_FusedConv2D',
  },
  {
    title: 'a scale after a bias that the converter fused',
    nodes: [
      node('conv', '_FusedConv2D', ['x', 'w', 'b4'], fusedConvAttr(['BiasAdd'], 1)),
      node('y', 'Mul', ['conv', 's4']),
    ],
    op: '_FusedConv2D',
  },
  {title: 'Mul after depthwise', nodes: [depthwise, node('y', 'Mul', ['conv', 's6'])], op: 'DepthwiseConv2dNative'},
  {
    title: 'depthwise, Mul, BiasAdd and Relu6',
    nodes: [depthwise, node('a', 'Mul', ['conv', 's6']), node('b', 'BiasAdd', ['a', 'b6']), node('y', 'Relu6', ['b'])],
    op: 'FusedDepthwiseConv2dNative',
  },
  {
    title: 'a Relu6 spelled out as Minimum of Maximum',
    nodes: [
      conv,
      node('a', 'Mul', ['conv', 'ten']),
      node('b', 'Maximum', ['a', 'zero']),
      node('y', 'Minimum', ['b', 'six']),
    ],
    op: '_FusedConv2D',
  },
  {
    title: 'a Relu6 spelled out the other way round',
    nodes: [
      conv,
      node('a', 'Mul', ['conv', 'ten']),
      node('b', 'Minimum', ['six', 'a']),
      node('y', 'Maximum', ['zero', 'b']),
    ],
    op: '_FusedConv2D',
  },
  {
    title: 'a Relu that is clamped once more to a Relu6',
    nodes: [
      conv,
      node('a', 'Mul', ['conv', 'ten']),
      node('b', 'Relu', ['a']),
      node('c', 'Maximum', ['b', 'zero']),
      node('y', 'Minimum', ['c', 'six']),
    ],
    op: '_FusedConv2D',
  },
  {title: 'a Maximum with 0', nodes: [conv, node('y', 'Maximum', ['conv', 'zero'])], op: '_FusedConv2D'},
  {
    title: 'a Maximum with 0 whose Minimum is another number',
    nodes: [conv, node('a', 'Maximum', ['conv', 'zero']), node('y', 'Minimum', ['a', 'five'])],
    op: 'Minimum',
  },
  {
    title: 'depthwise and Prelu without a bias',
    nodes: [depthwise, node('y', 'Prelu', ['conv', 'alpha6'])],
    op: 'FusedDepthwiseConv2dNative',
  },
  {
    title: 'a filter behind Identity nodes',
    nodes: [
      node('read', 'Identity', ['w']),
      node('conv', 'Conv2D', ['x', 'read'], CONV),
      node('y', 'Mul', ['conv', 's4']),
    ],
    op: 'Conv2D',
  },
  ...['Relu', 'Relu6', 'Elu', 'Sigmoid'].flatMap((op) => [
    {title: `${op} without a bias`, nodes: [conv, node('y', op, ['conv'])], op: '_FusedConv2D'},
    {
      title: `BiasAdd and ${op}`,
      nodes: [conv, node('b', 'BiasAdd', ['conv', 'b4']), node('y', op, ['b'])],
      op: '_FusedConv2D',
    },
  ]),
  {
    title: 'BiasAdd and LeakyRelu',
    nodes: [conv, node('b', 'BiasAdd', ['conv', 'b4']), node('y', 'LeakyRelu', ['b'], {alpha: floatAttr(0.3)})],
    op: '_FusedConv2D',
  },
  {title: 'LeakyRelu with the default slope', nodes: [conv, node('y', 'LeakyRelu', ['conv'])], op: '_FusedConv2D'},
  ...['alpha4', 'alpha114'].flatMap((alpha) => [
    {title: `Prelu with ${alpha}`, nodes: [conv, node('y', 'Prelu', ['conv', alpha])], op: '_FusedConv2D'},
    {
      title: `BiasAdd and Prelu with ${alpha}`,
      nodes: [conv, node('b', 'BiasAdd', ['conv', 'b4']), node('y', 'Prelu', ['b', alpha])],
      op: '_FusedConv2D',
    },
  ]),
  {title: 'MatMul and BiasAdd', nodes: [matmul, node('y', 'BiasAdd', ['mm', 'b4'])], op: '_FusedMatMul', flat: true},
  {title: 'MatMul and a row', nodes: [matmul, node('y', 'AddV2', ['mm', 'row'])], op: '_FusedMatMul', flat: true},
  {title: 'MatMul and Relu', nodes: [matmul, node('y', 'Relu', ['mm'])], op: '_FusedMatMul', flat: true},
  {
    title: 'MatMul, a sum and Sigmoid',
    nodes: [matmul, node('b', 'AddV2', ['b4', 'mm']), node('y', 'Sigmoid', ['b'])],
    op: '_FusedMatMul',
    flat: true,
  },
  {
    title: 'MatMul, BiasAdd and Prelu',
    nodes: [matmul, node('b', 'BiasAdd', ['mm', 'b4']), node('y', 'Prelu', ['b', 'alpha4'])],
    op: '_FusedMatMul',
    flat: true,
  },
];

const IMAGE = [2, 5, 4, 3] as const;

function inputFor(flat: boolean): tf.Tensor {
  return flat
    ? tf.tensor(randomWeight([5, 3], 99).values, [5, 3])
    : tf.tensor(randomWeight(IMAGE, 99).values, [...IMAGE]);
}

/** A model of the nodes whose outputs are 'end', a consumer of 'y'. */
function modelOf(
  nodes: readonly GraphNode[],
  options: {flat?: boolean; signature?: Signature} = {},
): tf.io.ModelArtifacts {
  return artifactsOf(
    [placeholder('x', options.flat ? [-1, 3] : [-1, -1, -1, 3]), ...nodes, node('end', 'Abs', ['y'])],
    WEIGHTS,
    options.signature ?? {inputs: {image: {name: 'x:0'}}, outputs: {result: {name: 'end:0'}}},
  );
}

/** Every node of the original, fetched by name from both models, has the same values. */
function expectSameEverywhere(original: tf.io.ModelArtifacts, cleaned: tf.io.ModelArtifacts, x: tf.Tensor): void {
  const names = nodesOf(original)
    .map(({name}) => name)
    .filter((name) => name !== 'x');
  const expected = run(original, {x}, names);
  const actual = run(cleaned, {x}, names);
  const wrong = names.filter((_, i) => !(relativeError(actual[i], expected[i]) <= 1e-5));
  expect(wrong).toEqual([]);
  // Fetched alone a node must not depend on what else runs.
  names.forEach((name, i) => expect(run(cleaned, {x}, name)[0]).toEqual(actual[i]));
}

describe.each(['cpu', 'wasm'])('on %s, cleanUpGraph', (backend) => {
  beforeAll(async () => {
    await tf.setBackend(backend);
    await tf.ready();
  });

  it.each(CASES)('folds $title and keeps every node', ({nodes, op, flat = false}) => {
    const original = modelOf(nodes, {flat});
    const before = structuredClone(original);
    const {artifacts, changes} = cleanUpGraph(original);
    expect(original).toEqual(before);
    expect(changes.length).toBeGreaterThan(0);
    expect(opOf(artifacts, 'y')).toBe(op);
    const x = inputFor(flat);
    const tensors = tf.memory().numTensors;
    expectSameEverywhere(original, artifacts, x);
    expect(tf.memory().numTensors).toBe(tensors);
    x.dispose();
  });

  it('leaves one kernel to run of a whole chain', async () => {
    const {nodes} = CASES.find(({title}) => title.startsWith('a chain of all')) as Case;
    const model = loadGraphModelSync(cleanUpGraph(modelOf(nodes)).artifacts as SyncSource);
    const x = inputFor(false);
    const {kernelNames} = await tf.profile(() => model.execute({x}, 'y') as tf.Tensor);
    // tfjs lists the wrapping op beside its kernel.
    expect(kernelNames.filter((name) => !name.endsWith('__op'))).toEqual(['FusedConv2D']);
    model.dispose();
    x.dispose();
  });

  it('leaves one kernel to run of a Relu6 spelled out after a Relu', async () => {
    const {nodes} = CASES.find(({title}) => title.startsWith('a Relu that is clamped')) as Case;
    const model = loadGraphModelSync(cleanUpGraph(modelOf(nodes)).artifacts as SyncSource);
    const x = inputFor(false);
    const {kernelNames} = await tf.profile(() => model.execute({x}, 'y') as tf.Tensor);
    expect(kernelNames.filter((name) => !name.endsWith('__op'))).toEqual(['FusedConv2D']);
    model.dispose();
    x.dispose();
  });

  it('folds quantised filters', () => {
    for (const quantization of [
      {dtype: 'uint8', scale: 0.01, min: -1.3},
      {dtype: 'uint16', scale: 3e-5, min: -1},
      {dtype: 'float16'},
    ] as const) {
      const original = modelOf([conv, bn('y', 'conv')]);
      const specs = original.weightSpecs as tf.io.WeightsManifestEntry[];
      const at = specs.findIndex(({name}) => name === 'w');
      const codes = Uint16Array.from({length: 108}, (_, i) =>
        quantization.dtype === 'uint8' ? (i * 37) % 256 : (i * 997) % 30000,
      );
      const encoded = quantization.dtype === 'uint8' ? Uint8Array.from(codes) : codes;
      const bytes = new Uint8Array(original.weightData as ArrayBuffer);
      const start = specs.slice(0, at).reduce((sum, {shape}) => sum + 4 * shape.reduce((a, b) => a * b, 1), 0);
      const weightData = Uint8Array.from([
        ...bytes.slice(0, start),
        ...new Uint8Array(encoded.buffer),
        ...bytes.slice(start + 4 * 108),
      ]).buffer;
      const weightSpecs = specs.map((spec, i) => (i === at ? {...spec, quantization: {...quantization}} : spec));
      const quantised = {...original, weightSpecs, weightData};
      const x = inputFor(false);
      const {artifacts} = cleanUpGraph(quantised);
      expect(opOf(artifacts, 'y')).toBe('_FusedConv2D');
      expectSameEverywhere(quantised, artifacts, x);
      x.dispose();
    }
  });

  it.each([
    ['with a signature', {inputs: {image: {name: 'x:0'}}, outputs: {b: {name: 'b'}, result: {name: 'y:0'}}}],
    ['with a signature of inputs alone', {inputs: {image: {name: 'x:0'}}}],
    ['without a signature', undefined],
  ])('keeps the names, order and results of inputs and outputs %s', (_, signature) => {
    const original: tf.io.ModelArtifacts = {
      ...artifactsOf(
        [
          placeholder('x', [-1, -1, -1, 3]),
          placeholder('unused', [1]),
          node('b', 'Neg', ['x']),
          conv,
          node('mul', 'Mul', ['conv', 's4']),
          node('y', 'Relu6', ['mul']),
          node('10', 'Neg', ['b']),
          node('a', 'Abs', ['y']),
        ],
        {w: WEIGHTS.w, s4: WEIGHTS.s4},
      ),
      ...(signature && {signature}),
    };
    const {artifacts, changes} = cleanUpGraph(original);
    expect(changes).toHaveLength(2);
    const before = loadGraphModelSync(original as SyncSource);
    const after = loadGraphModelSync(artifacts as SyncSource);
    for (const key of ['inputs', 'outputs', 'inputNodes', 'outputNodes'] as const) {
      expect(after[key]).toEqual(before[key]);
    }
    const x = inputFor(false);
    const feeds: tf.NamedTensorMap = {[signature ? 'image' : 'x']: x, unused: tf.ones([1])};
    const expected = before.predict(feeds) as tf.Tensor[];
    const actual = after.predict(feeds) as tf.Tensor[];
    expect(actual).toHaveLength(expected.length);
    actual.forEach((tensor, i) => {
      expect(relativeError(tensor.dataSync() as Float32Array, expected[i].dataSync() as Float32Array)).toBeLessThan(
        1e-5,
      );
    });
    before.dispose();
    after.dispose();
    tf.dispose([x, expected, actual, feeds]);
  });
});

describe('cleanUpGraph leaves alone', () => {
  const result = (
    nodes: readonly GraphNode[],
    extra: Record<string, TestWeight> = {},
    signature?: Signature,
  ): CleanUpResult => {
    const artifacts = artifactsOf(
      [placeholder('x', [-1, -1, -1, 3]), ...nodes],
      {...WEIGHTS, ...extra},
      signature ?? {outputs: {result: {name: 'y:0'}}},
    );
    const cleaned = cleanUpGraph(artifacts);
    if (cleaned.changes.length === 0) expect(cleaned.artifacts).toBe(artifacts);
    return cleaned;
  };

  it('a convolution that two nodes read', () => {
    const {changes} = result([
      conv,
      node('m', 'Mul', ['conv', 's4']),
      node('r', 'Relu', ['conv']),
      node('y', 'AddV2', ['m', 'r']),
    ]);
    expect(changes).toEqual([]);
  });

  it('a convolution that one node reads twice', () => {
    expect(result([conv, node('y', 'Mul', ['conv', 'conv'])]).changes).toEqual([]);
  });

  it('a node in the middle of a chain that is an output or an input of the model', () => {
    const nodes = [conv, node('b', 'BiasAdd', ['conv', 'b4']), node('y', 'Relu', ['b'])];
    const {artifacts, changes} = result(nodes, {}, {outputs: {y: {name: 'y'}, b: {name: 'b'}}});
    expect(changes).toHaveLength(1);
    expect(opOf(artifacts, 'b')).toBe('_FusedConv2D');
    expect(opOf(artifacts, 'y')).toBe('Relu');
    expect(result(nodes, {}, {inputs: {conv: {name: 'conv'}}, outputs: {y: {name: 'y'}}}).changes).toHaveLength(0);
  });

  it.each([
    ['zero', 0],
    ['too small', 2 ** -21],
    ['too large', 2 ** 21],
    ['infinite', Infinity],
    ['not a number', NaN],
  ])('a scale that is %s in one channel, and says so', (_, bad) => {
    const {changes, leftAlone} = result([conv, node('y', 'Mul', ['conv', 's'])], {s: weight([1, 2, bad, 4])});
    expect(changes).toEqual([]);
    expect(leftAlone).toEqual([{node: 'y', what: expect.stringContaining(`the scale of channel 2 is ${bad}`)}]);
  });

  it('a chain from the step on that would bring the scale out of range', () => {
    const {artifacts, leftAlone} = result([conv, node('a', 'Mul', ['conv', 's']), node('y', 'Mul', ['a', 's'])], {
      s: weight([1e-4], []),
    });
    expect([opOf(artifacts, 'a'), opOf(artifacts, 'y')]).toEqual(['Conv2D', 'Mul']);
    expect(leftAlone).toHaveLength(1);
  });

  it('a filter that two layers share, where a scale would change it', () => {
    const nodes = [
      conv,
      node('other', 'Conv2D', ['x', 'w'], CONV),
      node('m', 'Mul', ['conv', 's4']),
      node('y', 'AddV2', ['m', 'other']),
    ];
    const {changes, leftAlone} = result(nodes);
    expect(changes).toEqual([]);
    expect(leftAlone).toEqual([{node: 'm', what: expect.stringContaining("'w' has other users")}]);
  });

  it('but adds biases to layers that share a filter', () => {
    const nodes = [
      conv,
      node('other', 'Conv2D', ['x', 'w'], CONV),
      node('m', 'BiasAdd', ['conv', 'b4']),
      node('y', 'AddV2', ['m', 'other']),
    ];
    expect(opOf(result(nodes).artifacts, 'm')).toBe('_FusedConv2D');
  });

  const nchw = {...CONV, data_format: stringAttr('NCHW')};
  it.each([
    ['NCHW', [node('conv', 'Conv2D', ['x', 'w'], nchw), node('y', 'Relu', ['conv'])]],
    ['NCHW batch normalisation', [conv, node('y', 'FusedBatchNorm', bn('', 'conv').input ?? [], nchw)]],
    [
      'a filter that is computed',
      [node('f', 'Neg', ['w']), node('conv', 'Conv2D', ['x', 'f'], CONV), node('y', 'Relu', ['conv'])],
    ],
    ['a bias that is computed', [conv, node('b', 'Neg', ['b4']), node('y', 'BiasAdd', ['conv', 'b'])]],
    ['a division by the convolution', [conv, node('y', 'RealDiv', ['s4', 'conv'])]],
    ['a constant that changes the shape', [conv, node('y', 'AddV2', ['conv', 'wide'])]],
    ['a constant that differs from pixel to pixel', [conv, node('y', 'AddV2', ['conv', 'pixels'])]],
    ['slopes that differ from pixel to pixel', [conv, node('y', 'Prelu', ['conv', 'slopes'])]],
    [
      'a convolution whose activation is fused already',
      [
        node('conv', '_FusedConv2D', ['x', 'w', 'b4'], fusedConvAttr(['BiasAdd', 'Relu'], 1)),
        node('y', 'Mul', ['conv', 's4']),
      ],
    ],
    ['a depthwise LeakyRelu, whose slope tfjs does not read', [depthwise, node('y', 'LeakyRelu', ['conv'])]],
    ['a node that control inputs bind', [conv, node('y', 'Relu', ['conv', '^x'])]],
    [
      'a transposed matrix product, whose fused bias stock wasm adds wrongly',
      [node('mm', 'MatMul', ['x', 'mt'], {transpose_b: {b: true}}), node('y', 'BiasAdd', ['mm', 'b4'])],
    ],
    ['a batch of matrix products', [node('mm', 'BatchMatMulV2', ['x', 'm'], {}), node('y', 'BiasAdd', ['mm', 'b4'])]],
    ['a matrix product that is scaled', [matmul, node('y', 'Mul', ['mm', 's4'])]],
    ['a Prelu after a matrix product without bias', [matmul, node('y', 'Prelu', ['mm', 'alpha4'])]],
    ['an activation that tfjs cannot fuse', [conv, node('y', 'Tanh', ['conv'])]],
    [
      'fused ops that tfjs refuses',
      [
        node('conv', '_FusedConv2D', ['x', 'w', 's4'], {...CONV, fused_ops: stringsAttr(['FusedBatchNorm'])}),
        node('y', 'Relu', ['conv']),
      ],
    ],
  ] as Array<[string, GraphNode[]]>)('%s', (_, nodes) => {
    const extra = {
      wide: randomWeight([1, 1, 1, 1, 4], 20),
      pixels: randomWeight([1, 5, 4, 4], 21),
      slopes: randomWeight([5, 4, 4], 22),
    };
    expect(result(nodes, extra).changes).toEqual([]);
  });

  it('weights that nothing changes, byte for byte, and dead nodes', () => {
    const {artifacts} = result([conv, node('y', 'BiasAdd', ['conv', 'b4']), node('dead', 'Relu', ['y'])]);
    expect(opOf(artifacts, 'dead')).toBe('Relu');
    expect(artifacts.weightSpecs).toHaveLength(Object.keys(WEIGHTS).length);
  });

  it('what it has cleaned already', () => {
    const {artifacts} = result([conv, bn('b', 'conv'), node('y', 'Relu', ['b'])]);
    const again = cleanUpGraph(artifacts);
    expect(again.changes).toEqual([]);
    expect(again.artifacts).toBe(artifacts);
  });
});
