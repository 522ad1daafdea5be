// What becomes of repeated inferences whatever a page does in between: all as without regions.
import {deregisterOp, registerOp} from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import {backendInfo, type BlockSparseBackend, type BlockSparseOptions, configure} from '../../../src';
import {typeAttr} from '../../../src/graph/attributes';
import {artifactsOf, CONV, node, placeholder, randomWeight, weight} from '../../graph/smallGraphs';
import {OURS} from '../../support/backends';
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
  type Inputs,
  type Output,
} from '../../support/plannedModels';
import {until} from '../../support/workers';

/** Inferences after which the next of the kind runs as a program. */
const TWICE = 2;

const backend = () => tf.backend() as BlockSparseBackend;

beforeAll(() => startOnThreads(1));
afterAll(() => stopBackend());

describe('a planned model', () => {
  let model: ReturnType<typeof load>;
  let watch: ReturnType<typeof watchPrograms>;
  let x: tf.Tensor;
  let tensors: number;
  let expected: Output[];

  /** Runs inferences of x until they run as programs. */
  function plan(fetch?: string | string[]): void {
    for (let i = 0; i < TWICE; i++) infer(model, {x}, fetch);
    const {runs} = watch;
    infer(model, {x}, fetch);
    expect(watch.runs).toBe(runs + 1);
  }

  /** One inference of x, with the right outputs; returns how it ran. */
  function runAgain(): 'as a program' | 'as ever' {
    const {runs} = watch;
    expectSameOutputs(infer(model, {x}), expected);
    return watch.runs > runs ? 'as a program' : 'as ever';
  }

  beforeEach(() => {
    configure({regions: true, path: 'auto', skipZeros: true});
    tensors = tf.memory().numTensors;
    model = load(plannedNetwork().artifacts(['y', 'sum']));
    x = randomTensor(1);
    expected = infer(model, {x});
    watch = watchPrograms();
  });

  afterEach(() => {
    watch.end();
    model.dispose();
    x.dispose();
    expect(tf.memory().numTensors).toBe(tensors);
    expect(backend().programs).toBe(0);
    expect(backend().workspace.bytes).toBe(0);
  });

  it('sees new values in the same object of inputs', () => {
    const inputs = {x};
    plan();
    const results = [1, 2, 3].map((seed) => {
      inputs.x = randomTensor(seed);
      const [{bits}] = infer(model, inputs);
      inputs.x.dispose();
      return bits;
    });
    expect(results[0]).toBe(expected[0].bits);
    expect(new Set(results).size).toBe(3);
  });

  it('takes tensors, arrays and maps, of whatever order', () => {
    plan();
    const {runs} = watch;
    const all: Inputs[] = [x, [x], {x}, {'x:0': x}];
    for (const inputs of all) expectSameOutputs(infer(model, inputs), expected);
    expect(watch.runs).toBe(runs + 3);
  });

  it('is another kind of inference for another batch, and finds its way back', () => {
    const batch = (size: number) => () => ({x: randomTensor(size, [size, 8, 8, 6])});
    // Two of four where the kind is new, all of them where its program is still there.
    const runsOf = (size: number) => expectSameAsWithoutRegions(model, batch(size), {inferences: 4}).runs;
    expect([2, 4, 2, 3, 4].map(runsOf)).toEqual([2, 2, 4, 2, 4]);
    const sizes = [1, 2, 1, 2, 1, 2, 1, 1, 2];
    const {runs} = expectSameAsWithoutRegions(model, (i) => batch(sizes[i])(), {inferences: sizes.length});
    expect(runs).toBe(sizes.length - 1); // a batch of 1 was computed once before
  });

  it('keeps the programs of the last four shapes, and frees the others', () => {
    const run = (size: number) => {
      const image = randomTensor(size, [1, size, size, 6]);
      const {runs} = watch;
      infer(model, {x: image});
      image.dispose();
      return watch.runs - runs;
    };
    const allocate = jest.spyOn(backend().heap, 'allocate');
    const free = jest.spyOn(backend().heap, 'free');
    const blocks: number[] = [];
    for (let size = 3; size < 12; size++) {
      for (let i = 0; i < 3; i++) run(size);
      expect(backend().programs).toBeLessThanOrEqual(4);
      blocks.push(allocate.mock.calls.length - free.mock.calls.length);
    }
    expect(blocks.at(-1)).toBe(blocks[5]);
    expect([8, 9, 10, 11].map(run)).toEqual([1, 1, 1, 1]);
    expect(run(4)).toBe(0);
    expect(run(8)).toBe(0); // was used longest ago
    expect(run(10)).toBe(1);
    allocate.mockRestore();
    free.mockRestore();
  });

  it.each([['expand'], ['logits'], ['y', 'expand', 'mean'], ['sum', 'y', 'sum']])(
    'gives nodes by name: %s ..',
    (...fetch) => {
      const inputs = (i: number) => ({x: randomTensor(i)});
      expect(expectSameAsWithoutRegions(model, inputs, {fetch: [...fetch]}).runs).toBe(3);
    },
  );

  it('takes inner nodes by name, and does not confuse what is fed with what is not', () => {
    const feeds: ((i: number) => tf.NamedTensorMap)[] = [
      (i) => ({expand: randomTensor(i, [1, 8, 8, 24]), x: randomTensor(i + 2)}),
      (i) => ({depthwise: randomTensor(i, [1, 8, 8, 24]), x: randomTensor(i + 1)}),
      (i) => ({sum: randomTensor(i)}),
      (i) => ({x: randomTensor(i)}),
    ];
    for (const fetch of ['y', 'logits']) {
      for (const feed of feeds) expect(expectSameAsWithoutRegions(model, feed, {fetch}).runs).toBe(3);
      expectSameAsWithoutRegions(model, (i) => feeds[(i * 3) % 4](i), {fetch, inferences: 16});
    }
  });

  it('gives one and the same tensor where one is asked for twice', () => {
    plan(['sum', 'y', 'sum']);
    const before = tf.memory().numTensors;
    const [first, y, second] = model.execute({x}, ['sum', 'y', 'sum']) as tf.Tensor[];
    expect(second).toBe(first);
    expect(tf.memory().numTensors).toBe(before + 2);
    tf.dispose([first, y]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('leaves outputs alone that are kept, whatever the order in which they go', () => {
    plan();
    const {numTensors, numBytes} = tf.memory();
    const kept = Array.from({length: 6}, () => model.execute({x}) as tf.Tensor[]);
    const other = randomTensor(7);
    infer(model, {x: other});
    other.dispose();
    for (const outputs of kept) expectSameOutputs(outputs.map(outputOf), expected);
    expect(new Set(kept.flat().map(({dataId}) => dataId)).size).toBe(12);
    for (const i of [3, 0, 5, 1]) {
      kept[i][i % 2].dispose();
      infer(model, {x});
      kept[i][1 - (i % 2)].dispose();
    }
    for (const i of [2, 4]) expectSameOutputs(kept[i].map(outputOf), expected);
    tf.dispose([kept[2], kept[4]]);
    expect(tf.memory()).toMatchObject({numTensors, numBytes});
  });

  it('leaves nothing behind of 50 inferences but their outputs', () => {
    plan();
    const held = () => ({
      memory: {...tf.memory(), unreliable: false, reasons: []},
      info: backendInfo(),
      bytes: backend().heap.memory.buffer.byteLength,
      dataIds: backend().numDataIds(),
    });
    const before = held();
    const allocate = jest.spyOn(backend().heap, 'allocate');
    const kept: tf.Tensor[] = [];
    for (let i = 0; i < 50; i++) kept.push(...(model.execute({x}) as tf.Tensor[]));
    expect(allocate).not.toHaveBeenCalled();
    allocate.mockRestore();
    expect(tf.memory().numTensors).toBe(before.memory.numTensors + 100);
    expect(tf.memory().numBytes).toBe(before.memory.numBytes + 50 * 4 * (10 + 384));
    tf.dispose(kept);
    expect(held()).toEqual(before);
  });

  it('is tidied up after by tf.tidy', () => {
    for (let i = 0; i < 5; i++) {
      const before = tf.memory().numTensors;
      tf.tidy(() => expectSameOutputs((model.execute({x}) as tf.Tensor[]).map(outputOf), expected));
      if (i !== 0) expect(tf.memory().numTensors).toBe(before);
    }
    expect(watch.runs).toBe(4);
    const result = tf.tidy(() => (model.execute({x}) as tf.Tensor[])[0]);
    expect(outputOf(result).bits).toBe(expected[0].bits);
    result.dispose();
  });

  it('shows all kernels to tf.profile', async () => {
    const kernels = async () => (await tf.profile(() => void infer(model, {x}))).kernels.map(({name}) => name);
    const before = await kernels();
    plan();
    expect(await kernels()).toEqual(before);
    expect(before).toContain('FusedDepthwiseConv2D');
    expect(runAgain()).toBe('as a program');
  });

  it('shows all kernels to debug mode', async () => {
    plan();
    const {runs} = watch;
    const log = jest.spyOn(console, 'log').mockImplementation(() => undefined);
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    tf.env().set('DEBUG', true);
    try {
      expectSameOutputs(infer(model, {x}), expected);
      await until(() => log.mock.calls.length >= 7, 'its kernels are shown');
      expect(log.mock.calls.join()).toContain('FusedDepthwiseConv2D');
    } finally {
      tf.env().set('DEBUG', false);
      log.mockRestore();
      warn.mockRestore();
    }
    expect(watch.runs).toBe(runs);
    expect(runAgain()).toBe('as a program');
  });

  it('has gradients, and runs as ever for them', () => {
    const itself = tf.customGrad((t) => ({value: tf.clone(t as tf.Tensor), gradFunc: (dy: tf.Tensor) => dy}));
    const kernels = () => {
      const run = jest.spyOn(tf.engine(), 'runKernel');
      const dx = tf.grad((t) => {
        model.execute({x: t});
        return itself(t);
      })(x);
      const names = run.mock.calls.map(([name]) => name);
      run.mockRestore();
      dx.dispose();
      return names;
    };
    tf.env().set('IS_TEST', false); // stock's gradients do not pass tfjs's own check for leaks
    const before = kernels();
    expect(before).toContain('Conv2D'); // which has a gradient
    plan();
    const {runs} = watch;
    expect(kernels()).toEqual(before);
    expect(watch.runs).toBe(runs);
    tf.env().set('IS_TEST', true);
    expect(runAgain()).toBe('as a program');
  });

  it('keeps intermediate tensors where that is asked for, and forgets them as without regions', () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    plan();
    const before = tf.memory().numTensors;
    tf.env().set('KEEP_INTERMEDIATE_TENSORS', true);
    expect(runAgain()).toBe('as ever');
    tf.env().set('KEEP_INTERMEDIATE_TENSORS', false);
    const kept = model.getIntermediateTensors();
    expect(Object.keys(kept)).toEqual(expect.arrayContaining(['expand', 'logits', 'y']));
    expect(tf.memory().numTensors).toBeGreaterThan(before);
    expect(runAgain()).toBe('as a program');
    expect(tf.memory().numTensors).toBe(before);
    warn.mockRestore();
  });

  it('gives the error of tfjs for an input that was disposed of', () => {
    const errorOf = (inputs: tf.NamedTensorMap) => {
      try {
        infer(model, inputs);
        return 'none';
      } catch (error) {
        return (error as Error).message;
      }
    };
    const gone = randomTensor(1);
    gone.dispose();
    const wrong = tf.ones([1, 8, 8, 5]);
    const nothing = {x: undefined} as unknown as tf.NamedTensorMap;
    configure({regions: false});
    const errors = [{x: gone}, {x: wrong}, {}, {z: x}, nothing].map(errorOf);
    configure({regions: true});
    plan();
    for (let i = 0; i < 4; i++) expect([{x: gone}, {x: wrong}, {}, {z: x}, nothing].map(errorOf)).toEqual(errors);
    expect(errors).not.toContain('none');
    expect(runAgain()).toBe('as a program');
    wrong.dispose();
  });

  it('gives the error of tfjs once the model was disposed of', () => {
    const errorOf = () => {
      try {
        infer(model, {x});
        return 'none';
      } catch (error) {
        return (error as Error).message;
      }
    };
    plan();
    model.dispose();
    expect(backend().programs).toBe(0);
    const errors = [errorOf(), errorOf(), errorOf()];
    configure({regions: false});
    const other = load(plannedNetwork().artifacts(['y', 'sum']));
    infer(other, {x});
    other.dispose();
    expect(() => infer(other, {x})).toThrow(errors[0]);
    expect(new Set(errors)).toEqual(new Set([errors[0]]));
    expect(errors[0]).not.toBe('none');
  });

  it('gives the error of tfjs once a weight was disposed of', () => {
    plan();
    model.weights['project/filter'][0].dispose();
    expect(backend().programs).toBe(0);
    for (let i = 0; i < 4; i++) expect(() => infer(model, {x})).toThrow();
    const fetched = infer(model, {x}, 'depthwise');
    for (let i = 0; i < 3; i++) expectSameOutputs(infer(model, {x}, 'depthwise'), fetched);
  });

  it('takes a weight that was put in the place of another', () => {
    plan();
    const filter = model.weights['project/filter'];
    const [old] = filter;
    const values = tf.tensor(
      Float32Array.from(old.dataSync(), (value) => value + 1),
      old.shape,
    );
    model.weights['project/filter'] = [values];
    configure({regions: false});
    const changed = infer(model, {x});
    configure({regions: true});
    expect(changed[1].bits).not.toBe(expected[1].bits);
    for (let i = 0; i < 4; i++) expectSameOutputs(infer(model, {x}), changed);
    model.weights['project/filter'] = [old];
    for (let i = 0; i < 4; i++) runAgain();
    values.dispose();
    expect(runAgain()).toBe('as a program');
  });

  it('takes a weight as its input, too', () => {
    const add = load(artifactsOf([placeholder('x', [8]), node('y', 'Mul', ['x', 'w'])], {w: randomWeight([8], 1)}));
    const [w] = add.weights['w'];
    const view = () => tf.reshape(w, [8]);
    const feeds = [() => tf.ones([8]), view, view, () => tf.ones([8]), () => tf.fill([8], 3), view];
    expectSameAsWithoutRegions(add, (i) => ({x: feeds[i]()}), {inferences: 6});
    add.dispose();
  });

  it('takes one tensor for two inputs, and two for them afterwards', () => {
    const mul = load(
      artifactsOf(
        [placeholder('a', [8]), placeholder('b', [8]), node('y', 'Sub', ['a', 'b']), node('z', 'Relu', ['y'])],
        {},
      ),
    );
    const one = (i: number) => {
      const a = randomTensor(i, [8]);
      return {a, b: a};
    };
    const two = (i: number) => ({a: randomTensor(i, [8]), b: randomTensor(i + 9, [8])});
    for (const same of [[1], [0], [2, 4], [0, 1, 2]]) {
      expectSameAsWithoutRegions(mul, (i) => (same.includes(i) ? one(i) : two(i)), {inferences: 6});
    }
    mul.dispose();
  });

  it('follows its weights to another backend and back', async () => {
    plan();
    for (const other of ['wasm', 'cpu']) {
      const reference = watch.runs;
      await tf.setBackend(other);
      const there = infer(model, {x});
      expect(there[1].shape).toEqual(expected[1].shape);
      expect(watch.runs).toBe(reference);
      await tf.setBackend(OURS);
      const filler = Array.from({length: 20}, (_, i) => tf.ones([100 + i])); // takes the addresses that became free
      for (let i = 0; i < 5; i++) runAgain();
      expect(runAgain()).toBe('as a program');
      tf.dispose(filler);
    }
  });

  it('takes inputs from other backends', async () => {
    plan();
    await tf.setBackend('cpu');
    const elsewhere = tf.tidy(() => tf.mul(x, 1));
    await tf.setBackend(OURS);
    const {runs} = watch;
    expectSameOutputs(infer(model, {x: elsewhere}), expected);
    expect(watch.runs).toBe(runs + 1);
    elsewhere.dispose();
  });

  it('gives right results when the options change', async () => {
    plan();
    const changes: BlockSparseOptions[] = [
      {skipZeros: false},
      {skipZeros: true},
      {path: {kind: 'packed', n: 2}},
      {path: {kind: 'stock'}},
    ];
    for (const change of changes) {
      configure({...change, regions: false});
      const changed = infer(model, {x});
      configure({regions: true});
      for (let i = 0; i < 4; i++) expectSameOutputs(infer(model, {x}), changed);
    }
    expect(watch.obstacles).toEqual(['no kernel of ours takes part']);
    configure({path: 'auto'});
    for (const threads of [3, 2, 1, 3, 1]) {
      configure({threads});
      for (let i = 0; i < 3; i++) runAgain(); // while workers start
      await until(() => backendInfo().threads === threads, `${threads} threads run`);
      for (let i = 0; i < TWICE; i++) runAgain();
      expect(runAgain()).toBe('as a program');
    }
    configure({regions: false});
    expect(runAgain()).toBe('as ever');
  });

  it('shares the workspace with others, turn by turn', () => {
    const other = load(plannedNetwork(5).artifacts(['y', 'sum']));
    const small = randomTensor(3, [1, 5, 7, 6]);
    const large = randomTensor(4, [2, 19, 17, 6]);
    const runs: [ReturnType<typeof load>, tf.Tensor][] = [
      [model, x],
      [other, x],
      [model, small],
      [other, large],
      [model, large],
      [other, small],
    ];
    configure({regions: false});
    const results = runs.map(([m, image]) => infer(m, {x: image}));
    configure({regions: true});
    for (let round = 0; round < 12; round++) {
      for (let i = 0; i < runs.length; i++) {
        const turn = (i * (1 + (round % 5))) % runs.length;
        const [m, image] = runs[turn];
        expectSameOutputs(infer(m, {x: image}), results[turn]);
      }
      if (round === 6) infer(other, {x}, 'logits');
    }
    expect(watch.runs).toBeGreaterThan(40);
    other.dispose();
    for (let i = 0; i < 3; i++) runAgain();
    tf.dispose([small, large]);
  });

  it('runs while another model waits, and the other goes on', async () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    const other = load(plannedNetwork(5).artifacts(['y', 'sum']));
    const reference = infer(other, {x});
    plan();
    for (let i = 0; i < 4; i++) infer(other, {x});
    const waiting = [other.executeAsync({x}), model.executeAsync({x}), other.executeAsync({x})];
    expect(runAgain()).toBe('as a program');
    const results = waiting.map(async (promise, i) => {
      const outputs = (await promise) as tf.Tensor[];
      runAgain();
      expectSameOutputs(infer(other, {x}), reference);
      expectSameOutputs(outputs.map(outputOf), i === 1 ? expected : reference);
      tf.dispose(outputs);
    });
    runAgain();
    await Promise.all(results);
    other.dispose();
    warn.mockRestore();
  });

  it('ends with its backend, and the next has programs of its own', async () => {
    plan();
    model.dispose();
    const old = backend();
    await startOnThreads(1);
    expect(backend()).not.toBe(old);
    x = randomTensor(1); // the other's data is gone
    tensors = tf.memory().numTensors - 1;
    model = load(plannedNetwork().artifacts(['y', 'sum']));
    for (let i = 0; i < 4; i++) runAgain();
    expect(watch.runs).toBe(4);
  });

  it('gives the error that it gives without regions where its backend was started anew under it', async () => {
    plan();
    const old = [model, x] as const;
    await startOnThreads(1);
    x = randomTensor(1);
    for (let i = 0; i < 4; i++) expect(() => infer(old[0], {x})).toThrow();
    tensors = tf.memory().numTensors - 1;
    model = load(plannedNetwork().artifacts(['y', 'sum']));
    for (let i = 0; i < 4; i++) runAgain();
  });
});

function runsOf(model: ReturnType<typeof load>, inputs: tf.NamedTensorMap, fetch: string[]) {
  const watch = watchPrograms();
  const results = Array.from({length: 5}, () => infer(model, inputs, fetch)[0].bits);
  const {runs} = watch;
  watch.end();
  model.dispose();
  tf.dispose(inputs);
  return {runs, different: new Set(results).size};
}

it('an inference whose inputs share their data runs as ever, and those after it as a program', () => {
  const graph = [placeholder('a', [1, 8]), placeholder('b', [1, 8]), node('y', 'AddV2', ['a', 'b'])];
  const model = load(artifactsOf(graph, {}));
  const [a, b] = [randomTensor(1, [1, 8]), randomTensor(2, [1, 8])];
  const watch = watchPrograms();
  const twice = infer(model, {a, b: a});
  for (let i = 0; i < 3; i++) expectSameOutputs(infer(model, {a, b: a}), twice);
  expect(watch.obstacles).toEqual(['two inputs share their data']);
  const sum = infer(model, {a, b});
  expect(watch.obstacles).toEqual([]);
  expectSameOutputs(infer(model, {a, b}), sum);
  expect(watch.runs).toBe(1);
  expectSameOutputs(infer(model, {a, b: a}), twice);
  watch.end();
  model.dispose();
  tf.dispose([a, b]);
});

describe('what is left alone', () => {
  it('is a graph with random ops', () => {
    const graph = [
      placeholder('x', [1, 2, 2, 8]),
      node('noise', 'RandomUniform', ['shape'], {dtype: typeAttr('DT_FLOAT'), T: typeAttr('DT_INT32')}),
      node('a', 'AddV2', ['x', 'noise']),
      node('y', 'Conv2D', ['a', 'w'], CONV),
    ];
    const model = load(artifactsOf(graph, {shape: weight([1, 2, 2, 8]), w: randomWeight([1, 1, 8, 4], 1)}));
    expect(runsOf(model, {x: randomTensor(1, [1, 2, 2, 8])}, ['y'])).toEqual({runs: 0, different: 5});
  });

  it('is a graph with custom ops of the user', () => {
    let calls = 0;
    registerOp('Counter', ({inputs}) => tf.add(inputs[0], ++calls));
    const graph = [placeholder('x', [8]), node('a', 'Counter', ['x']), node('y', 'Relu6', ['a'])];
    const result = runsOf(load(artifactsOf(graph, {})), {x: tf.zeros([8])}, ['y']);
    deregisterOp('Counter');
    expect(result).toEqual({runs: 0, different: 5});
    expect(calls).toBe(5);
  });
});

it('a model that was loaded without our rewriting runs as a program too', () => {
  configure({rewrite: false});
  const model = load(plannedNetwork().artifacts(['y']));
  configure({rewrite: true});
  expect(runsOf(model, {x: randomTensor(1)}, ['y'])).toEqual({runs: 3, different: 1});
});
