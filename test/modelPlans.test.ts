import * as tf from '@tensorflow/tfjs-core';
import {configure, inspectModel, inspectPlans, measurePlan, type PlanReport} from '../src';
import {startOnThreads, stopBackend} from './support/network';
import {infer, load, plannedNetwork, randomTensor} from './support/plannedModels';

const UNKNOWN = /^inspectPlans: nothing is planned for this model/;

/** The kernels of tasks, and of calls in parentheses. */
function kernelsOf({steps}: PlanReport): string[] {
  return steps.flatMap((step) =>
    'call' in step ? [`(${step.call})`] : step.tasks.map(({kernels}) => kernels.split(' ')[0]),
  );
}

const KERNELS = ['FusedConv2D', 'FusedDepthwiseConv2D', 'FusedConv2D', 'Add', 'Mean', 'BatchMatMul', '(Tanh)'];

/** As in `plannedNetwork`, and where 'sum' is positive: a shape that depends on the values. */
function dynamicNetwork() {
  const graph = plannedNetwork();
  graph.floats('zero', [], [0]);
  graph.add('positive', 'Greater', ['sum', 'zero']);
  graph.add('places', 'Where', ['positive'], {T: {type: 'DT_BOOL'}});
  return load(graph.artifacts(['places', 'y']));
}

describe('the plans of a model', () => {
  let model: ReturnType<typeof load>;
  let x: tf.Tensor;

  beforeAll(() => startOnThreads(3));
  afterAll(() => stopBackend());
  beforeEach(() => {
    configure({threads: 1, path: 'auto', regions: true});
    model = load(plannedNetwork().artifacts(['y']));
    x = randomTensor(1);
  });
  afterEach(() => {
    model.dispose();
    x.dispose();
  });
  const inferTimes = (times: number, input = x, fetch?: string | string[]) => {
    for (let i = 0; i < times; i++) infer(model, {x: input}, fetch);
  };
  const last = () => inspectPlans(model).at(-1)!;

  test('are none before an inference, and wait for its repetition', () => {
    expect(inspectPlans(model)).toEqual([]);
    expect(measurePlan(model, {x})).toBeNull();
    inferTimes(1);
    expect(inspectPlans(model)).toEqual([
      {
        ...{kind: expect.stringContaining('[["x"],["y"]') as string, inputs: 'float32 1,8,8,6'},
        ...{obstacle: 'the inference was not repeated yet', steps: [], kernelsInRegions: 0},
        ...{arenaBytes: 0, programBytes: 0},
      },
    ]);
    expect(measurePlan(model, {x})).toBeNull();
  });

  test('tell what runs from the second inference on', () => {
    inferTimes(2);
    expect(inspectPlans(model)).toHaveLength(1);
    const plan = last();
    expect(plan.obstacle).toBeNull();
    expect(kernelsOf(plan)).toEqual(KERNELS);
    const [region, call] = plan.steps;
    expect(call).toEqual({call: 'Tanh'});
    const tasks = 'tasks' in region ? region.tasks : [];
    expect(tasks[1].kernels).toBe('FusedDepthwiseConv2D 1x8x8x24');
    for (const {pieces} of tasks) expect(pieces).toBeGreaterThan(0);
    expect(tasks.map(({expectedMs}) => expectedMs > 0)).toEqual([true, false, true, false, false, true]);
    // All tensors are there at most, and at least the two that the depthwise convolution reads and writes.
    expect(plan.arenaBytes).toBeGreaterThanOrEqual(2 * 4 * 64 * 24);
    expect(plan.arenaBytes).toBeLessThan(2 * 4 * 64 * 24 + 3 * 4 * 64 * 6);
    expect(plan.programBytes).toBeGreaterThan(0);
    expect(plan.kernelsInRegions).toBe(KERNELS.length - 1);
    inferTimes(1);
    expect(inspectPlans(model)).toEqual([plan]);
  });

  test('are a part of what inspectModel tells of a loaded model', () => {
    inferTimes(2);
    const artifacts = plannedNetwork().artifacts(['y']);
    const inspection = inspectModel(artifacts, {model, variant: 'simd128'});
    expect(inspection.plans).toEqual(inspectPlans(model));
    expect(inspection.plans).toHaveLength(1);
    expect(inspectModel(artifacts, {variant: 'simd128'})).toEqual({layers: inspection.layers, variant: 'simd128'});
    expect(() => inspectModel(artifacts, {model: {}})).toThrow(UNKNOWN);
  });

  test('name a chain with > between its kernels', () => {
    const large = randomTensor(1, [1, 97, 93, 6]);
    inferTimes(2, large);
    const [region] = last().steps;
    const [chain] = 'tasks' in region ? region.tasks : [];
    expect(chain.kernels).toBe('FusedConv2D 1x97x93x24 > FusedDepthwiseConv2D 1x97x93x24 > FusedConv2D 1x97x93x6');
    expect(measurePlan(model, {x: large})).toHaveLength(KERNELS.length - 2);
    large.dispose();
  });

  test('are one for each kind of inference, the one that ran last behind the others', () => {
    const two = randomTensor(2, [2, 8, 8, 6]);
    inferTimes(2);
    inferTimes(2, two);
    inferTimes(2, x, 'mean');
    const inputs = () => inspectPlans(model).map((plan) => plan.inputs);
    expect(inputs()).toEqual(['float32 1,8,8,6', 'float32 2,8,8,6', 'float32 1,8,8,6']);
    expect(kernelsOf(last())).toEqual(KERNELS.slice(0, 5));
    inferTimes(1, two);
    expect(inputs()).toEqual(['float32 1,8,8,6', 'float32 1,8,8,6', 'float32 2,8,8,6']);
    two.dispose();
  });

  test('are none where inferences run kernel by kernel', () => {
    configure({regions: false});
    inferTimes(3);
    expect(inspectPlans(model)).toEqual([]);
    configure({regions: true});
    inferTimes(2);
    configure({regions: false});
    expect(measurePlan(model, {x})).toBeNull();
  });

  test('tell why there is none', () => {
    configure({path: {kind: 'stock'}});
    inferTimes(2, x, 'depthwise');
    expect(last()).toMatchObject({obstacle: 'no kernel of ours takes part', steps: [], arenaBytes: 0, programBytes: 0});
    expect(measurePlan(model, {x})).toBeNull();
  });

  test('of models that are not known throw', () => {
    for (const ask of [inspectPlans, (other: object) => measurePlan(other, {x})])
      expect(() => ask({})).toThrow(UNKNOWN);
    const random = plannedNetwork();
    random.ints('size', [1, 10]);
    random.add('noise', 'RandomUniform', ['size'], {dtype: {type: 'DT_FLOAT'}});
    random.add('z', 'AddV2', ['y', 'noise']);
    expect(() => inspectPlans(load(random.artifacts(['z'])))).toThrow(UNKNOWN);
  });

  test('are made of a model that was loaded on another backend, and run there, once this one is active', async () => {
    await tf.setBackend('wasm');
    const elsewhere = load(plannedNetwork().artifacts(['y']));
    const there = [1, 2, 3].map(() => infer(elsewhere, {x})[0].bits);
    expect(inspectPlans(elsewhere)).toEqual([]);
    await tf.setBackend('blocksparse-1xn');
    const here = [1, 2, 3].map(() => infer(elsewhere, {x})[0].bits);
    expect(new Set(here).size).toBe(1);
    expect(new Set(there).size).toBe(1);
    expect(kernelsOf(inspectPlans(elsewhere)[0])).toContain('FusedDepthwiseConv2D');
    elsewhere.dispose();
  });

  test('of a model with control flow are those of its largest stretch without', async () => {
    const dynamic = dynamicNetwork();
    for (let i = 0; i < 2; i++) tf.dispose(await dynamic.executeAsync({x}));
    const [plan, ...others] = inspectPlans(dynamic);
    expect(others).toEqual([]);
    expect(plan).toMatchObject({obstacle: null, inputs: 'float32 1,8,8,6'});
    expect(kernelsOf(plan)).toEqual(KERNELS);
    expect(measurePlan(dynamic, {x})).toHaveLength(KERNELS.length);
    dynamic.dispose();
  });

  describe('measurePlan', () => {
    test('gives a time for every task and call, leaves no tensor, and changes no inference', () => {
      const expected = infer(model, {x});
      inferTimes(2);
      const before = tf.memory();
      const times = measurePlan(model, {x})!;
      expect(times).toHaveLength(KERNELS.length);
      for (const time of times) expect(time).toBeGreaterThanOrEqual(0);
      const {numTensors, numDataBuffers, numBytes} = tf.memory();
      expect([numTensors, numDataBuffers, numBytes]).toEqual([
        before.numTensors,
        before.numDataBuffers,
        before.numBytes,
      ]);
      expect(x.isDisposed).toBe(false);
      expect(infer(model, {x})).toEqual(expected);
    });

    test('measures what was planned for inputs of these shapes, whatever ran last', () => {
      const two = randomTensor(2, [2, 8, 8, 6]);
      inferTimes(2, x, 'mean');
      inferTimes(1, two);
      expect(measurePlan(model, {x})).toHaveLength(5);
      expect(measurePlan(model, {x: two})).toBeNull(); // not repeated yet
      expect(measurePlan(model, {})).toBeNull();
      inferTimes(1, two);
      expect(measurePlan(model, {x: two})).toHaveLength(KERNELS.length);
      two.dispose();
    });

    test('measures no plan that was made for other threads or options', () => {
      inferTimes(2);
      configure({threads: 3});
      expect(measurePlan(model, {x})).toBeNull();
      inferTimes(2);
      expect(measurePlan(model, {x})).toHaveLength(KERNELS.length);
      configure({threads: 1, path: {kind: 'dense'}});
      expect(measurePlan(model, {x})).toBeNull();
      configure({path: 'auto'});
      expect(measurePlan(model, {x})).toHaveLength(KERNELS.length);
    });

    test('measures nothing while another backend is active', async () => {
      inferTimes(2);
      await tf.setBackend('wasm');
      const other = randomTensor(1);
      expect(measurePlan(model, {x: other})).toBeNull();
      other.dispose();
      await tf.setBackend('blocksparse-1xn');
    });
  });
});
