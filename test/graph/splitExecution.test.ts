import {loadGraphModelSync, type GraphModel} from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import {configure} from '../../src';
import type {BlockSparseBackend} from '../../src/backend';
import {stringAttr, typeAttr} from '../../src/graph/attributes';
import {splitter, type Split} from '../../src/graph/splitExecution';
import type {ExecutorNode} from '../../src/graph/executor';
import {useVariant} from '../support/backends';
import {boolAttr, ConvGraphBuilder} from './convGraphs';

const SIZE = 6;
const FLOATS = {T: typeAttr('DT_FLOAT')};

/** A value that is doubled `times` times by a loop of control flow; the name of what comes out. */
function doubled(graph: ConvGraphBuilder, x: string, times: number): string {
  const frame = (constant: boolean) => ({
    ...FLOATS,
    frame_name: stringAttr('loop'),
    is_constant: boolAttr(constant),
  });
  const enter = (name: string, value: string, constant = false) => graph.add(name, 'Enter', [value], frame(constant));
  const limit = enter('enter/limit', graph.floats('limit', [], [times]), true);
  const one = enter('enter/one', graph.floats('one', [], [1]), true);
  const count = graph.add('merge/count', 'Merge', [enter('enter/count', graph.floats('zero', [], [0])), 'next/count']);
  const value = graph.add('merge/value', 'Merge', [enter('enter/value', x), 'next/value']);
  const goOn = graph.add('goOn', 'LoopCond', [graph.add('less', 'Less', [count, limit])]);
  for (const [name, merged] of Object.entries({count, value})) graph.add(`switch/${name}`, 'Switch', [merged, goOn]);
  graph.add('next/count', 'NextIteration', [graph.add('counted', 'AddV2', ['switch/count:1', one])]);
  graph.add('next/value', 'NextIteration', [graph.add('twice', 'AddV2', ['switch/value:1', 'switch/value:1'])]);
  return graph.add('exit', 'Exit', ['switch/value:0'], FLOATS, graph.channelsOf(x));
}

/** Three convolutions on x, where something of them is above a limit, and values that follow from shapes. */
function detector(graph: ConvGraphBuilder, x: string): string[] {
  const features = graph.conv('features', x, {out: 12, k: 3, fused: ['BiasAdd', 'Relu6']});
  const depthwise = graph.depthwise('depthwise', features, {fused: ['BiasAdd', 'Relu']});
  const scores = graph.conv('scores', depthwise, {out: 4, fused: ['BiasAdd']});
  const above = graph.add('above', 'Greater', [scores, graph.floats('threshold', [], [0.25])]);
  const boxes = graph.add('boxes', 'Where', [above], {T: typeAttr('DT_BOOL')});
  const shape = graph.add('shape', 'Shape', [scores], {out_type: typeAttr('DT_INT32')});
  return [scores, boxes, shape];
}

function artifacts(kind: 'shapes' | 'loop' | 'plain', seed = 1): tf.io.ModelArtifacts {
  const graph = new ConvGraphBuilder(seed);
  const x = graph.input('x', [-1, SIZE, SIZE, 6]);
  const outputs = detector(graph, kind === 'loop' ? doubled(graph, x, 3) : x);
  return graph.artifacts(kind === 'plain' ? ['scores'] : outputs);
}

function load(kind: Parameters<typeof artifacts>[0], seed = 1): GraphModel {
  return loadGraphModelSync(artifacts(kind, seed) as Parameters<typeof loadGraphModelSync>[0]) as GraphModel;
}

const input = (batch = 1, phase = 0) =>
  tf.tensor4d(
    Float32Array.from({length: batch * SIZE * SIZE * 6}, (_, i) => Math.sin(i + phase)),
    [batch, SIZE, SIZE, 6],
  );

type Inputs = tf.Tensor | tf.NamedTensorMap;

async function valuesOf(model: GraphModel, inputs: Inputs, fetch?: string[]): Promise<number[][]> {
  const outputs = [await model.executeAsync(inputs, fetch)].flat();
  const values = outputs.map((output) => [...output.shape, NaN, ...output.dataSync()]);
  // An input or a constant that is fetched is the tensor itself.
  const others = [inputs, ...Object.values(model.weights)].flatMap((t) =>
    t instanceof tf.Tensor ? [t] : Object.values(t),
  );
  tf.dispose(outputs.filter((output) => !others.includes(output)));
  return values;
}

/** As without programs. */
async function expected(model: GraphModel, inputs: Inputs, fetch?: string[]): Promise<number[][]> {
  configure({regions: false});
  try {
    return await valuesOf(model, inputs, fetch);
  } finally {
    configure({regions: true});
  }
}

const programs = () => (tf.backend() as unknown as BlockSparseBackend).programs;

describe('executeAsync', () => {
  let warn: jest.SpyInstance;
  beforeAll(() => useVariant('simd128'));
  beforeEach(() => (warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined)));
  afterEach(() => {
    warn.mockRestore();
    expect(programs()).toBe(0);
  });

  it.each(['shapes', 'loop', 'plain'] as const)(
    'computes the same bits in each of five runs, by a program from the third on, and leaves nothing: %s',
    async (kind) => {
      const none = tf.memory().numTensors;
      const model = load(kind);
      const x = input();
      const values = await expected(model, x);
      let before = 0;
      for (let run = 1; run <= 5; run++) {
        expect(await valuesOf(model, x)).toEqual(values);
        expect(programs()).toBe(run < 2 ? 0 : 1);
        if (run > 2) expect(tf.memory().numTensors).toBe(before);
        before = tf.memory().numTensors;
      }
      expect(x.isDisposed).toBe(false);
      const other = input(2, 1);
      const otherValues = await expected(model, other);
      for (let run = 1; run <= 3; run++) expect(await valuesOf(model, other)).toEqual(otherValues);
      model.dispose();
      tf.dispose([x, other]);
      expect(tf.memory().numTensors).toBe(none);
    },
  );

  it.each(['shapes', 'loop'] as const)('does not call the kernels of convolutions any more: %s', async (kind) => {
    const model = load(kind);
    const x = input();
    const kernels = async () => {
      const run = jest.spyOn(tf.engine(), 'runKernel');
      await valuesOf(model, x);
      const names = run.mock.calls.map(([name]) => name);
      run.mockRestore();
      return names.filter((name) => name.includes('Conv'));
    };
    expect((await kernels()).length).toBe(3);
    await kernels();
    expect(await kernels()).toEqual([]);
    model.dispose();
    x.dispose();
  });

  it('computes the same where calls of one model and of another overlap', async () => {
    const models = [load('loop'), load('loop', 5), load('shapes')];
    const inputs = [input(), input(1, 1)];
    const calls = models.flatMap((model) => inputs.map((x) => ({model, x})));
    const values = [];
    for (const {model, x} of calls) values.push(await expected(model, x));
    const tensors: number[] = [];
    for (let run = 1; run <= 5; run++) {
      expect(await Promise.all(calls.map(({model, x}) => valuesOf(model, x)))).toEqual(values);
      tensors.push(tf.memory().numTensors);
    }
    expect(programs()).toBe(3);
    expect(tensors[4]).toBe(tensors[2]);
    for (const model of models) model.dispose();
    tf.dispose(inputs);
  });

  it.each([
    ['an inner node of the stretch', ['features']],
    ['inner nodes and an output twice', ['boxes', 'features', 'boxes', 'scores']],
    ['what is before the stretch', ['exit']],
    ['what is after it', ['above']],
    ['the input', ['x', 'boxes']],
    ['a constant', ['threshold', 'scores']],
    ['outputs that hang on control flow alone', ['scores', 'depthwise']],
  ])('computes the same bits where %s is fetched', async (_, fetch) => {
    const model = load('loop');
    const x = input();
    const values = await expected(model, x, fetch);
    for (let run = 1; run <= 4; run++) expect(await valuesOf(model, x, fetch)).toEqual(values);
    expect(x.isDisposed).toBe(false);
    model.dispose();
    tf.dispose(x);
  });

  it('runs as ever where an inner node is fed', async () => {
    const model = load('shapes');
    const features = tf.tensor4d(
      Float32Array.from({length: SIZE * SIZE * 12}, (_, i) => Math.cos(i)),
      [1, SIZE, SIZE, 12],
    );
    const values = await expected(model, {features}, ['scores', 'boxes']);
    for (let run = 1; run <= 4; run++) {
      expect(await valuesOf(model, {features}, ['scores', 'boxes'])).toEqual(values);
    }
    expect(programs()).toBe(0);
    model.dispose();
    features.dispose();
  });

  it('does not look into a branch, which may not run', async () => {
    const graph = new ConvGraphBuilder();
    const x = graph.input('x', [-1, SIZE, SIZE, 6]);
    const pred = graph.add('pred', 'Greater', [
      graph.reduce('mean', 'Mean', x, [0, 1, 2, 3], false),
      graph.floats('zero', [], [0]),
    ]);
    graph.add('switch', 'Switch', [x, pred]);
    const other = graph.add('other', 'Identity', ['switch:0'], FLOATS, 6);
    const one = graph.add('one', 'Identity', ['switch:1'], FLOATS, 6);
    const branches = [graph.conv('no', other, {fused: ['BiasAdd']}), graph.conv('yes', one, {fused: ['BiasAdd']})];
    const made = graph.artifacts([graph.add('merge', 'Merge', branches)]);
    const model = loadGraphModelSync(made as Parameters<typeof loadGraphModelSync>[0]) as GraphModel;
    for (const sign of [1, -1]) {
      const image = tf.tidy(() => tf.mul(tf.square(input()), sign));
      const values = await expected(model, image);
      for (let run = 1; run <= 4; run++) expect(await valuesOf(model, image)).toEqual(values);
      image.dispose();
    }
    expect(programs()).toBe(0);
    model.dispose();
  });

  it('shows all its kernels to tf.profile', async () => {
    const model = load('loop');
    const x = input();
    const profile = async () => {
      const {kernels} = await tf.profile(async () => (await model.executeAsync(x)) as unknown as tf.Tensor);
      return kernels.map(({name}) => name);
    };
    configure({regions: false});
    const kernels = await profile();
    configure({regions: true});
    for (let run = 1; run <= 3; run++) await valuesOf(model, x);
    expect(await profile()).toEqual(kernels);
    model.dispose();
    x.dispose();
  });

  it('warns where execute would do, as tfjs does, and only there', async () => {
    const x = input();
    for (const [kind, times] of [
      ['plain', 1],
      ['shapes', 0],
      ['loop', 0],
    ] as const) {
      const model = load(kind);
      for (let run = 1; run <= 4; run++) {
        warn.mockClear();
        await valuesOf(model, x);
        expect(warn).toHaveBeenCalledTimes(times);
        await valuesOf(model, x, ['scores']);
        expect(warn).toHaveBeenCalledTimes(kind === 'loop' ? 0 : times + 1);
      }
      model.dispose();
    }
    x.dispose();
  });

  it('gives the errors of tfjs, and works after them', async () => {
    const model = load('shapes');
    const x = input();
    const errorOf = (inputs: Inputs, fetch?: string[]) =>
      valuesOf(model, inputs, fetch).then(
        () => 'none',
        (error: Error) => error.message,
      );
    const small = tf.zeros([1, SIZE, SIZE, 5]);
    const wrong: [Inputs, string[]?][] = [[small], [{y: x}], [{}], [x, ['nothing']], [x, ['boxes:1']]];
    const errors = async () => {
      const messages = [];
      for (const args of wrong) messages.push(await errorOf(...args));
      return messages;
    };
    configure({regions: false});
    const messages = await errors();
    expect(messages.slice(0, 4)).not.toContain('none');
    configure({regions: true});
    const values = await expected(model, x);
    for (let run = 1; run <= 4; run++) {
      expect(await errors()).toEqual(messages);
      expect(await valuesOf(model, x)).toEqual(values);
    }
    expect(programs()).toBe(1);
    model.dispose();
    tf.dispose([x, small]);
  });
});

describe('the splitting of a graph', () => {
  /** The graph as tfjs's executor has it. */
  function splitOf(graph: ConvGraphBuilder, outputs: string[], fed = ['x']): Split | null {
    const model = loadGraphModelSync(
      graph.artifacts(outputs) as Parameters<typeof loadGraphModelSync>[0],
    ) as GraphModel;
    const {executor} = model as unknown as {
      executor: {graph: {nodes: Record<string, ExecutorNode>}; weightMap: Record<string, tf.Tensor[]>};
    };
    const {nodes} = executor.graph;
    const splitIn = (order: ExecutorNode[]) =>
      splitter(order, executor.weightMap)(
        outputs.map((name) => nodes[name]),
        new Set(fed),
      );
    const split = splitIn(Object.values(nodes));
    expect(splitIn(Object.values(nodes).reverse())).toEqual(split);
    model.dispose();
    return split;
  }
  const start = () => {
    const graph = new ConvGraphBuilder();
    return {graph, x: graph.input('x', [1, SIZE, SIZE, 6])};
  };

  beforeAll(() => tf.setBackend('cpu'));

  it('computes apart what control flow needs, but for what is quickly done again', () => {
    const {graph, x} = start();
    expect(splitOf(graph, detector(graph, x))).toEqual({before: [], stretch: ['scores'], after: true});
  });

  it('takes the stretch behind a loop where the convolutions are, and the loop by itself', () => {
    const {graph, x} = start();
    const outputs = detector(graph, doubled(graph, x, 2));
    expect(splitOf(graph, outputs)).toEqual({before: ['exit'], stretch: ['scores'], after: true});
    expect(splitOf(graph, ['scores'])).toEqual({before: ['exit'], stretch: ['scores'], after: false});
  });

  it('takes the longest of several', () => {
    const {graph, x} = start();
    const first = graph.conv('first', x, {out: 6});
    expect(splitOf(graph, detector(graph, doubled(graph, first, 2)))?.stretch).toEqual(['scores']);
  });

  it('finds nothing without convolutions and products of matrices, and inside of loops', () => {
    const {graph, x} = start();
    const sum = graph.add('sum', 'AddV2', [x, x]);
    expect(splitOf(graph, [graph.add('where', 'Where', [sum])])).toBeNull();
    expect(splitOf(graph, [doubled(graph, sum, 2), 'counted'])).toBeNull();
  });

  it('finds nothing in a branch', () => {
    const {graph, x} = start();
    const branch = graph.add('branch', 'Switch', [x, graph.add('pred', 'Less', [x, x])], FLOATS, 6);
    const merge = graph.add('merge', 'Merge', [graph.conv('conv', branch), x]);
    expect(splitOf(graph, [merge])).toBeNull();
    expect(splitOf(graph, [graph.conv('behind', merge)])).toBeNull();
  });

  it('hands on values that control flow gives, and no lists', () => {
    const {graph, x} = start();
    const list = graph.add('list', 'TensorListFromTensor', [x, graph.ints('any', [-1])]);
    const stack = (name: string) => graph.add(name, 'TensorListStack', [list, 'any'], FLOATS, 6);
    const scores = graph.conv('scores', stack('one'), {out: 4});
    const length = graph.add('length', 'TensorListLength', [list]);
    const chosen = graph.add('chosen', 'NonMaxSuppressionV3', [stack('two'), scores, length]);
    const split = splitOf(graph, [chosen]);
    expect([...split!.before].sort()).toEqual(['one', 'two']);
    expect(split).toMatchObject({stretch: ['scores'], after: true});
  });

  it('does not feed nodes of which other outputs are used, nor results that are the input or constant', () => {
    const {graph, x} = start();
    const conv = graph.conv('conv', x, {out: 4});
    const same = graph.add('same', 'Identity', [x]);
    graph.add('parts', 'Split', [graph.ints('axis', [3], []), conv], {num_split: {i: '2'}});
    const rank = graph.add('rank', 'Rank', [conv]);
    const outputs = ['parts', 'parts:1', same, rank].map((name, i) => graph.add(`where${i}`, 'Where', [name]));
    expect(splitOf(graph, outputs)).toEqual({before: [], stretch: ['conv'], after: true});
  });
});
