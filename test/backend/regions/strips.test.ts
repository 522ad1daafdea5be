// Chains of convolutions in strips of rows: the same bits as kernel by kernel, whatever the shapes, weights and threads.
import {loadGraphModelSync} from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import {type BlockSparseOptions, configure, inspectPlans} from '../../../src';
import type {GraphNode} from '../../../src/graph';
import {floatAttr, intAttr, intsAttr, stringAttr, stringsAttr, typeAttr} from '../../../src/graph/attributes';
import {artifactsOf, node, placeholder, randomWeight, relativeError, type TestWeight} from '../../graph/smallGraphs';
import {VARIANTS} from '../../support/backends';
import {sameBits, startOnThreads, stopBackend} from '../../support/network';
import {blockSparseFloats, randomFloats, randomNumbers} from '../../support/random';

// Smaller tensors than usual make chains, so that the tests take seconds.
jest.mock('../../../src/plan/strips', () => {
  const strips = jest.requireActual<typeof import('../../../src/plan/strips')>('../../../src/plan/strips');
  return {
    ...strips,
    findChains: (stages: Parameters<typeof strips.findChains>[0]) => strips.findChains(stages, 400 * 1024),
  };
});

type Artifacts = ReturnType<typeof artifactsOf>;
type GraphModel = ReturnType<typeof loadGraphModelSync>;
type Path = NonNullable<BlockSparseOptions['path']>;
type Shape = readonly [batch: number, height: number, width: number, channels: number];

/** A convolution, depthwise where it names no output channels. */
interface Layer {
  readonly k: number;
  readonly out?: number;
  readonly multiplier?: number;
  readonly stride?: number;
  readonly dilation?: number;
  /** Explicit: top, bottom, left, right. */
  readonly pad?: 'SAME' | 'VALID' | readonly [number, number, number, number];
  readonly activation?: 'Relu' | 'Relu6' | 'Prelu' | 'LeakyRelu';
}

interface Case {
  readonly title: string;
  readonly input: Shape;
  readonly layers: readonly Layer[];
  readonly path?: Path;
  /** Share of the blocks of the filters that are not zero. */
  readonly density?: number;
  /** Two layers whose sum is the output, in the place of the last layer's. */
  readonly sum?: readonly [number, number];
  /** Layers that are outputs, too. */
  readonly outputs?: readonly number[];
  /** What runs: tasks one by one, those of a chain with > between. */
  readonly plan: string;
}

/** Artifacts of layers in a row, each with a bias, called y0, y1, ...; and a sum of two of them. */
function artifactsFor({input, layers, path, density = 1, sum}: Case): Artifacts {
  const random = randomNumbers(7);
  const n = typeof path === 'object' && path.kind === 'packed' ? path.n : 4;
  const weights: Record<string, TestWeight> = {};
  const nodes: GraphNode[] = [placeholder('x', input)];
  let channels = input[3];
  layers.forEach(({k, out, multiplier = 1, stride = 1, dilation = 1, pad = 'SAME', activation}, i) => {
    const depthwise = out === undefined;
    const shape = [k, k, channels, out ?? multiplier];
    const values = depthwise ? null : blockSparseFloats(k * k * channels, out, n, density, random);
    weights[`w${i}`] = values ? {values, shape} : randomWeight(shape, i);
    channels = out ?? channels * multiplier;
    weights[`b${i}`] = {values: randomFloats(channels, random), shape: [channels]};
    const extras = [`b${i}`];
    if (activation === 'Prelu') {
      weights[`a${i}`] = {values: randomFloats(channels, random), shape: [1, 1, channels]};
      extras.push(`a${i}`);
    }
    const explicit = typeof pad !== 'string';
    nodes.push(
      node(
        `y${i}`,
        depthwise ? 'FusedDepthwiseConv2dNative' : '_FusedConv2D',
        [i === 0 ? 'x' : `y${i - 1}`, `w${i}`, ...extras],
        {
          T: typeAttr('DT_FLOAT'),
          strides: intsAttr([1, stride, stride, 1]),
          dilations: intsAttr([1, dilation, dilation, 1]),
          padding: stringAttr(explicit ? 'EXPLICIT' : pad),
          explicit_paddings: intsAttr(explicit ? [0, 0, ...pad, 0, 0] : []),
          data_format: stringAttr('NHWC'),
          fused_ops: stringsAttr(activation ? ['BiasAdd', activation] : ['BiasAdd']),
          num_args: intAttr(extras.length),
          leakyrelu_alpha: floatAttr(0.3),
        },
      ),
    );
  });
  if (sum) {
    nodes.push(
      node(
        'sum',
        'AddV2',
        sum.map((i) => `y${i}`),
      ),
    );
  }
  return artifactsOf(nodes, weights);
}

const load = (artifacts: Artifacts): GraphModel =>
  loadGraphModelSync(artifacts as Parameters<typeof loadGraphModelSync>[0]);

function infer(model: GraphModel, {input, layers, sum, outputs = []}: Case, values: Float32Array): Float32Array[] {
  const x = tf.tensor(values, [...input]);
  const names = [...outputs.map((i) => `y${i}`), sum ? 'sum' : `y${layers.length - 1}`];
  const results = model.execute({x}, names) as tf.Tensor[];
  const data = [results].flat().map((result) => result.dataSync() as Float32Array);
  tf.dispose([x, results]);
  return data;
}

/** The last inference's plan, as in `Case`. */
function planOf(model: GraphModel): string {
  const {obstacle, steps} = inspectPlans(model).at(-1)!;
  expect(obstacle).toBeNull();
  const kernels = steps.flatMap((step) => ('call' in step ? [step.call] : step.tasks.map((task) => task.kernels)));
  return kernels
    .map((text) =>
      text
        .replace(/ \d[\dx]*/g, '')
        .replace(/FusedDepthwiseConv2D/g, 'depthwise')
        .replace(/FusedConv2D/g, 'conv'),
    )
    .join('; ');
}

/** Two inputs, the second with a NaN and an infinity. */
function inputsOf({input}: Case): Float32Array[] {
  const [first, second] = [1, 2].map((seed) => randomFloats(tf.util.sizeFromShape([...input]), randomNumbers(seed)));
  second[3] = NaN;
  second[second.length >> 1] = Infinity;
  return [first, second];
}

const DENSE: Path = {kind: 'dense'};
const packed = (n: 1 | 2 | 4 | 8 | 16): Path => ({kind: 'packed', n});

const expand = (out: number, activation: Layer['activation'] = 'Relu6'): Layer => ({k: 1, out, activation});
const project = (out: number): Layer => ({k: 1, out});
const depthwise = (k: number, more: Partial<Layer> = {}): Layer => ({k, activation: 'Relu6', ...more});
const BLOCK = 'conv > depthwise > conv';

/** 40 channels on 59x47 pixels take 433 KiB. The pixels leave every kernel's tile some over: 1 of 4 and 6, 5 of 8, 21 of 32. */
const SMALL: Shape = [1, 59, 47, 10];

const CASES: Case[] = [
  ...([1, 2, 4, 8, 16, null] as const).flatMap((n, i): Case[] => {
    const path = n === null ? DENSE : packed(n);
    const name = n === null ? 'dense' : `1x${n}`;
    const density = [1, 0.6, 0.3][i % 3];
    return [
      {
        title: `${name}: expand, depthwise, project`,
        ...{input: SMALL, path, density},
        layers: [expand(41), depthwise(3), project(21)],
        plan: BLOCK,
      },
      {
        title: `${name}: three images, 5x5, whole blocks of zeros`,
        ...{input: [3, 59, 47, 9] as const, path, density: 0.2},
        layers: [expand(43, 'Prelu'), depthwise(5, {activation: 'LeakyRelu'}), project(13)],
        plan: BLOCK,
      },
      {
        title: `${name}: 3x3, depthwise 3x3 of stride 2`,
        ...{input: SMALL, path, density},
        layers: [{k: 3, out: 42, activation: 'Relu'}, depthwise(3, {stride: 2, activation: 'Prelu'})],
        plan: 'conv > depthwise',
      },
      {
        title: `${name}: depthwise, 3x3`,
        ...{input: [1, 59, 47, 39] as const, path, density},
        layers: [depthwise(3, {activation: 'Relu'}), {k: 3, out: 11, activation: 'Prelu'}],
        plan: 'depthwise > conv',
      },
      {
        title: `${name}: the last two pixels belong to two strips`,
        // 9266 rows are 17 strips of 545 and one row.
        ...{input: [1, 18532, 1, 6] as const, path, density},
        layers: [expand(40), depthwise(3, {stride: 2}), project(7)],
        // 18532 pixels leave N = 1 half a panel.
        plan: n === 1 ? 'conv; depthwise > conv' : BLOCK,
      },
      {
        title: `${name}: the last two pixels in a strip of one row, and in two pieces of it`,
        ...{input: [2, 49, 97, 7] as const, path, density},
        layers: [expand(96, 'LeakyRelu'), depthwise(3), project(32)],
        plan: BLOCK,
      },
    ];
  }),
  {
    title: 'large odd sizes, no multiple of anything',
    ...{input: [1, 113, 97, 11], path: packed(2), density: 0.5},
    layers: [expand(37), depthwise(3), project(19)],
    plan: BLOCK,
  },
  {
    title: '3x3 of stride 2, depthwise, pointwise: how a MobileNet begins',
    ...{input: [1, 113, 97, 3], path: DENSE},
    layers: [{k: 3, out: 39, stride: 2, activation: 'Relu6'}, depthwise(3), expand(23)],
    plan: BLOCK,
  },
  {
    title: 'all of stride 2',
    ...{input: [1, 117, 95, 5], path: packed(4), density: 0.5},
    layers: [{k: 3, out: 149, stride: 2}, depthwise(5, {stride: 2}), {k: 3, out: 6, stride: 2, activation: 'Relu'}],
    plan: BLOCK,
  },
  {
    title: 'no padding',
    ...{input: [2, 65, 53, 8], path: DENSE},
    layers: [
      {k: 2, out: 38, pad: 'VALID', activation: 'Relu'},
      depthwise(5, {pad: 'VALID'}),
      {k: 3, out: 17, pad: 'VALID'},
    ],
    plan: BLOCK,
  },
  {
    title: 'no padding, stride 2',
    ...{input: [1, 62, 50, 38], path: packed(8), density: 0.5},
    layers: [depthwise(3, {pad: 'VALID'}), {k: 2, out: 24, stride: 2, pad: 'VALID'}],
    plan: 'depthwise > conv',
  },
  {
    title: 'padding on some sides',
    ...{input: [1, 57, 47, 8], path: DENSE},
    layers: [expand(40), depthwise(3, {pad: [2, 3, 1, 0]}), {k: 1, out: 9}],
    plan: BLOCK,
  },
  {
    title: 'padding that whole strips lie in',
    ...{input: [2, 59, 47, 8], path: packed(4), density: 0.5},
    layers: [expand(40), depthwise(3, {pad: [17, 16, 1, 1], activation: 'LeakyRelu'}), expand(9)],
    plan: BLOCK,
  },
  {
    title: 'a dilated convolution behind a depthwise one, and before one',
    ...{input: [1, 59, 47, 40], path: DENSE},
    layers: [depthwise(3), {k: 3, out: 41, dilation: 2, activation: 'Relu6'}, depthwise(5)],
    plan: 'depthwise > conv > depthwise',
  },
  {
    title: 'a dilated convolution of 1x2',
    ...{input: [2, 59, 47, 40], path: packed(2), density: 0.4},
    layers: [depthwise(5), {k: 3, out: 14, dilation: 2, pad: 'VALID'}],
    plan: 'depthwise > conv',
  },
  {
    title: 'two depthwise ones',
    ...{input: [2, 59, 47, 41]},
    layers: [depthwise(3), depthwise(5, {stride: 2, activation: 'Prelu'})],
    plan: 'depthwise > depthwise',
  },
  {
    title: 'K of 1x1 beyond what a panel of 32 pixels takes',
    ...{input: [1, 31, 23, 340], path: packed(1), density: 0.3},
    layers: [depthwise(3), project(18)],
    plan: 'depthwise > conv',
  },
  {
    title: 'four layers: the last one is left over',
    ...{input: [1, 59, 47, 40], path: packed(8), density: 0.5},
    layers: [depthwise(3), expand(40), depthwise(3), project(12)],
    plan: 'depthwise > conv > depthwise; conv',
  },
  {
    title: 'two blocks, the second with a sum around it, whose input lives as long as the chain',
    ...{input: SMALL, path: packed(4), density: 0.5, sum: [2, 5]},
    layers: [expand(40), depthwise(3), project(16), expand(48), depthwise(5), project(16)],
    plan: `${BLOCK}; ${BLOCK}; Add`,
  },
  {
    title: 'the path that the cost model chooses, weights of 1x4 blocks',
    ...{input: [1, 59, 47, 32], density: 0.2},
    layers: [expand(96), depthwise(3), project(32)],
    plan: BLOCK,
  },
  {
    title: 'the path that the cost model chooses, dense weights',
    ...{input: [1, 59, 47, 32]},
    layers: [expand(96), depthwise(3), project(32)],
    plan: BLOCK,
  },
];

/** What must not be fused. */
const APART: Case[] = [
  {
    title: 'an inner tensor that is an output',
    ...{input: SMALL, path: DENSE, outputs: [0]},
    layers: [expand(40), depthwise(3), project(8)],
    plan: 'conv; depthwise > conv',
  },
  {
    title: 'an inner tensor that a sum reads, too',
    ...{input: SMALL, path: DENSE, sum: [0, 1]},
    layers: [expand(40), depthwise(3)],
    plan: 'conv; depthwise; Add',
  },
  {
    title: 'half a panel, which sums in another order',
    ...{input: [1, 57, 49, 10], path: packed(1), density: 0.5}, // 2793 pixels are 9 beyond panels of 32
    layers: [expand(40), depthwise(3), project(8)],
    plan: 'conv; depthwise; conv',
  },
  {
    title: 'half a panel in the first layer alone',
    ...{input: [1, 58, 46, 6], path: packed(1), density: 0.5}, // 2668 pixels are 12 beyond, 667 are 27
    layers: [expand(160), depthwise(5, {stride: 2}), project(5)],
    plan: 'conv; depthwise > conv',
  },
  {
    title: 'a dilated depthwise convolution, and one of two outputs a channel',
    ...{input: [1, 59, 47, 40], path: DENSE},
    layers: [depthwise(3, {dilation: 2}), expand(40), depthwise(3, {multiplier: 2}), project(8)],
    plan: 'depthwise; conv; depthwise; conv',
  },
  {
    title: 'small tensors',
    ...{input: [1, 59, 47, 10], path: DENSE},
    layers: [expand(36), depthwise(3), project(8)],
    plan: 'conv; depthwise; conv',
  },
];

const THREADS = [1, 2, 3];
const stock = new Map<Case, Float32Array[]>();

beforeAll(async () => {
  await tf.setBackend('wasm');
  for (const one of [...CASES, ...APART]) {
    const model = load(artifactsFor(one));
    stock.set(one, infer(model, one, inputsOf(one)[0]));
    model.dispose();
  }
});
afterAll(() => stopBackend());

describe.each(VARIANTS)('%s', (variant) => {
  beforeAll(() => startOnThreads(Math.max(...THREADS), {variant}));

  /** Runs a case kernel by kernel and as planned, on every number of threads, with two inputs in turn. */
  function check(one: Case): void {
    configure({path: one.path ?? 'auto'});
    const model = load(artifactsFor(one));
    const inputs = inputsOf(one);
    const inferAll = () => inputs.map((values) => infer(model, one, values));
    configure({threads: 1, regions: false});
    const expected = inferAll();
    expected[0].forEach((values, i) => expect(relativeError(values, stock.get(one)![i])).toBeLessThan(1e-5));
    configure({regions: true});
    for (const threads of THREADS) {
      configure({threads});
      inferAll(); // notes and plans
      const planned = inferAll();
      expect(planOf(model)).toBe(one.plan);
      planned.forEach((outputs, i) => {
        outputs.forEach((values, k) => expect([threads, sameBits(values, expected[i][k])]).toEqual([threads, true]));
      });
    }
    model.dispose();
  }

  test.each(CASES)('a chain gives the same bits as its layers: $title', check);

  test.each(APART)('is no chain: $title', check);
});
