import * as tf from '@tensorflow/tfjs-core';
import {loadGraphModel} from '@tensorflow/tfjs-converter';
import type {io} from '@tensorflow/tfjs-core';
import {ModelGraph, pruneGraphModel, pruneOnLoad, type PruneOptions, type PruneReport} from '../../src/graph';
import {createBlockRowSolver} from '../../src/runtime';
import {useVariant} from '../support/backends';
import {ConvGraphBuilder} from './convGraphs';
import {LAYERS, network, SIZE, smoothImage, smoothImages} from './repairNetwork';
import {run} from './smallGraphs';

const SAMPLES = 60;

const samples = (count = SAMPLES) => smoothImages(count);

const options: PruneOptions = {n: 4, sparsity: 0.5, layers: LAYERS, calibration: () => samples()};

const filters = (artifacts: io.ModelArtifacts) => {
  const graph = ModelGraph.from(artifacts);
  return new Map(graph.weightNames().flatMap((name) => (graph.weightType(name) === 'float32' ? [[name, graph.weightValues(name)] as const] : []))); // prettier-ignore
};
const prune = (artifacts: io.ModelArtifacts, given: PruneOptions = options) =>
  pruneGraphModel(artifacts, given, () => createBlockRowSolver(1));

describe('pruning with samples', () => {
  beforeAll(() => useVariant('relaxed'));
  let tensors = 0;
  beforeEach(() => (tensors = tf.memory().numTensors));
  afterEach(() => expect(tf.memory().numTensors).toBe(tensors));

  test('comes closer to the dense model on samples kept out than the same blocks without a repair', async () => {
    const {report} = await prune(network());
    const [pruned, closed] = report.repair!.stages;
    expect([pruned.name, closed.name]).toEqual(['pruned', 'closed']);
    expect(closed.keptOut.kl!).toBeLessThan(pruned.keptOut.kl! / 2);
    expect(report.repair!.samplesFit).toBe(44);
    expect(report.repair!.samplesKeptOut).toBe(16);
    expect(report.accuracy).toContain('16 samples that no fit has seen');
  });

  test('drops the share of blocks that is asked for, and leaves other layers dense', async () => {
    const {artifacts, report} = await prune(network());
    for (const layer of report.layers.filter(({name}) => LAYERS.includes(name))) {
      expect(layer.blocksAfter).toBe(Math.round(layer.blocks / 2));
    }
    const first = report.layers.find(({name}) => name === 'first')!;
    expect([first.leftAlone, first.zerosAfter]).toEqual([expect.stringContaining('layers option'), 0]);
    expect(artifacts.weightData).toBeDefined();
  });

  test('knows layers by the names that the model has for them, where the clean-up fuses them', async () => {
    const g = new ConvGraphBuilder(3);
    const unfused = (name: string, x: string, out: number) => {
      const conv = g.conv(name, x, {out});
      return g.add(`${name}/relu`, 'Relu6', [g.batchNorm(`${name}/bn`, conv)]);
    };
    const wide = unfused('wide', unfused('expand', g.input('x', [-1, SIZE, SIZE, 3]), 24), 32);
    const logits = g.matMul('logits', g.reduce('mean', 'Mean', wide, [1, 2], false), 6);
    const artifacts = g.artifacts([g.add('out', 'Softmax', [logits])]);
    const chosen = {n: 4, sparsity: {wide: 0.5}} as const;
    const alone = (await prune(artifacts, chosen)).report;
    const {report} = await prune(artifacts, {...chosen, calibration: () => samples()});
    const names = (layers: PruneReport['layers']) => layers.map(({name, op, leftAlone}) => [name, op, leftAlone]);
    expect(names(report.layers)).toEqual(names(alone.layers));
    expect(report.layers.map(({name, op, sparsity}) => [name, op, sparsity])).toEqual([
      ['expand', 'Conv2D', null],
      ['wide', 'Conv2D', 0.5],
      ['logits', 'MatMul', null],
    ]);
    expect(report.repair!.layers.map(({name}) => name)).toEqual(['expand', 'wide', 'logits']);
    const unknown = {...chosen, sparsity: {'wide/relu': 0.5}, calibration: () => samples()};
    await expect(prune(artifacts, unknown)).rejects.toThrow('It has: expand, wide, logits.');
  });

  test('gives what the report measured when the model is run', async () => {
    const dense = network();
    const {artifacts, report} = await prune(dense);
    const x = smoothImage(1000);
    const [[before], [after]] = [run(dense, {x}), run(artifacts, {x})];
    x.dispose();
    const {relativeError} = report.repair!.stages[1].keptOut;
    const error = after.reduce((total, value, i) => total + (value - before[i]) ** 2, 0);
    expect(error).toBeLessThan(0.05 + 10 * relativeError);
    expect(report.repair!.layers.map(({name}) => name)).toEqual([
      'first',
      'expand',
      'depth',
      'project',
      'wide',
      'logits',
    ]);
  });

  test('gives the same bytes for the same seed', async () => {
    const [a, b] = [await prune(network()), await prune(network())];
    expect(new Uint8Array(a.artifacts.weightData as ArrayBuffer)).toEqual(new Uint8Array(b.artifacts.weightData as ArrayBuffer)); // prettier-ignore
  });

  test.each([
    ['a batch of all samples', () => tf.tidy(() => tf.concat([...samples()]))],
    ['an array of samples', () => [...samples()]],
    ['a generator that can be read once', () => samples()],
  ])('takes %s as well as a function', async (_, make) => {
    const calibration = make() as NonNullable<PruneOptions['calibration']>;
    const expected = await prune(network());
    const {artifacts} = await prune(network(), {...options, calibration});
    if (calibration instanceof tf.Tensor || Array.isArray(calibration)) tf.dispose(calibration as tf.Tensor[]);
    const [a, b] = [filters(artifacts), filters(expected.artifacts)];
    for (const [name, values] of a) expect(values).toEqual(b.get(name));
    // What a generator yields is its caller's.
    if (!(calibration instanceof tf.Tensor) && !Array.isArray(calibration)) tensors = tf.memory().numTensors;
  });

  test('spreads a budget by measured losses and reaches it', async () => {
    const {report} = await prune(network(), {...options, sparsity: {weights: 0.5}});
    expect(report.totals.budget!.reached).toBeGreaterThanOrEqual(0.49);
    const rates = report.layers.filter(({name}) => LAYERS.includes(name)).map(({sparsity}) => sparsity);
    expect(new Set(rates).size).toBeGreaterThan(1);
  });

  test('chooses N by layer', async () => {
    const {report} = await prune(network(), {...options, n: 'auto', sparsity: {weights: 0.4}});
    for (const {n} of report.layers) expect([1, 2, 4]).toContain(n);
  });

  test.each(['kernel', 'weight', 'filter'] as const)('repairs the pattern %s', async (pattern) => {
    const {report} = await prune(network(), {...options, n: undefined, pattern, sparsity: 0.25});
    const [pruned, closed] = report.repair!.stages;
    expect(closed.keptOut.kl!).toBeLessThan(pruned.keptOut.kl!);
    const wide = report.layers.find(({name}) => name === 'wide')!;
    expect(wide.blocksAfter).toBe(wide.blocks - Math.round(wide.blocks / 4));
  });

  test('measures outputs that are no distribution by their relative error', async () => {
    const {report} = await prune(network({end: 'Tanh'}));
    const [pruned, closed] = report.repair!.stages;
    expect(closed.keptOut.agreement).toBeNull();
    expect(closed.keptOut.relativeError).toBeLessThan(pruned.keptOut.relativeError);
    expect(closed.keptOut.decibels).toBeGreaterThan(pruned.keptOut.decibels);
  });

  test("with repair 'none' prunes as without samples, and measures what that costs", async () => {
    const {calibration, ...plain} = options;
    const expected = await prune(network(), plain);
    const {artifacts, report} = await prune(network(), {...plain, calibration, repair: 'none'});
    expect(new Uint8Array(artifacts.weightData as ArrayBuffer)).toEqual(new Uint8Array(expected.artifacts.weightData as ArrayBuffer)); // prettier-ignore
    expect(report.repair!.stages.map(({name}) => name)).toEqual(['pruned']);
    expect(report.repair!.stages[0].keptOut.kl!).toBeGreaterThan(0);
    expect(report.accuracy).toContain('16 samples');
  });

  test('distils on request, and keeps that only if it gains on samples kept out', async () => {
    const told: [string, number][] = [];
    const onProgress: PruneOptions['onProgress'] = ({stage, done}) => void told.push([stage, done]);
    const {report} = await prune(network(), {...options, repair: 'distill', onProgress});
    expect(told.every(([, done], i) => done >= (told[i - 1]?.[1] ?? 0))).toBe(true);
    const distilling = told.filter(([stage]) => stage === 'distilling').map(([, done]) => done);
    expect(Math.abs(distilling[0] - 0.6)).toBeLessThan(0.1);
    const {stages, distillationKept, method} = report.repair!;
    expect([method, stages.map(({name}) => name)]).toEqual(['distill', ['pruned', 'closed', 'distill']]);
    const [closed, distilled] = [stages[1].keptOut.kl!, stages[2].keptOut.kl!];
    if (distillationKept) expect(distilled).toBeLessThan(closed);
    else expect(distilled).toBeCloseTo(closed, 6);
    for (const layer of report.layers.filter(({name}) => LAYERS.includes(name))) {
      expect(layer.blocksAfter).toBe(Math.round(layer.blocks / 2));
    }
  });

  test('takes the gradient of what stands before outputs that have none', async () => {
    const {report} = await prune(network({end: 'Ceil'}));
    const [pruned, closed] = report.repair!.stages;
    expect(report.repair!.warnings.join()).toContain('The outputs have no gradient');
    expect(report.repair!.warnings.join()).not.toContain('count alike');
    expect(closed.keptOut.relativeError).toBeLessThan(pruned.keptOut.relativeError);
  });

  test('fits a model of a fixed batch, and one without biases', async () => {
    for (const shape of [{batch: 1}, {bias: false}]) {
      const {report} = await prune(network(shape));
      const [pruned, closed] = report.repair!.stages;
      expect(closed.keptOut.kl!).toBeLessThan(pruned.keptOut.kl!);
    }
  });

  test('asks for a model that takes samples one by one, or any number of them', async () => {
    await expect(prune(network({batch: 4}))).rejects.toThrow(
      /^Input 'x' takes 4 samples at once and no others: convert the model with a batch size of 1/,
    );
  });

  test('with maxDrop takes less than asked for where all of it would cost too much', async () => {
    const all = await prune(network(), {...options, sparsity: 0.8});
    const kept = await prune(network(), {...options, sparsity: 0.8, maxDrop: {relativeError: 0.01}});
    const errorOf = ({report}: typeof all) => report.repair!.stages.at(-1)!.keptOut.relativeError;
    expect(errorOf(all)).toBeGreaterThan(0.01);
    expect(errorOf(kept)).toBeLessThanOrEqual(0.01);
    expect(kept.report.repair!.warnings.join()).toContain('of the sparsity asked for');
  });

  test('gives accuracy where there are labels', async () => {
    const dense = network();
    const labels = [...samples()].map((x) => {
      const [values] = run(dense, {x});
      x.dispose();
      return [...values].indexOf(Math.max(...values));
    });
    const {report} = await prune(dense, {...options, labels});
    const {stages} = report.repair!;
    expect(stages.map(({name}) => name)).toEqual(['dense', 'pruned', 'closed']);
    expect(stages[0].keptOut).toMatchObject({accuracy: 1, agreement: 1, kl: 0, relativeError: 0, decibels: Infinity});
    for (const {keptOut, fit} of stages)
      expect([keptOut.accuracy, fit.accuracy]).toEqual([keptOut.agreement, fit.agreement]);
    const measured = await prune(dense, {...options, labels, repair: 'none'});
    expect(measured.report.repair!.stages.map(({name}) => name)).toEqual(['dense', 'pruned']);
  });

  test('fits the classifier too, but for zeros that it has by chance', async () => {
    const graph = ModelGraph.from(network());
    const name = graph
      .weightNames()
      .find((weight) => weight.startsWith('logits') && graph.weightShape(weight).length === 2)!;
    const values = graph.weightValues(name);
    values[7] = 0;
    graph.setWeight(name, values, graph.weightShape(name));
    const {artifacts, report} = await prune(graph.toArtifacts(), {...options, rearrange: false});
    const fitted = filters(artifacts).get(name)!;
    expect([...fitted.keys()].filter((i) => fitted[i] === values[i])).toEqual([7]);
    expect(report.layers.find((layer) => layer.name === 'logits')!.leftAlone).not.toBeNull();
    const [pruned, closed] = report.repair!.stages;
    expect(closed.keptOut.kl!).toBeLessThan(pruned.keptOut.kl!);
  });

  test('leaves zeros where they were and weights of layers that have some', async () => {
    const dense = network();
    const graph = ModelGraph.from(dense);
    const name = graph
      .weightNames()
      .find((weight) => weight.startsWith('first') && graph.weightShape(weight).length === 4)!;
    const values = graph.weightValues(name).map((value, i) => (i % 3 ? value : 0));
    graph.setWeight(name, values, graph.weightShape(name));
    const {artifacts, report} = await prune(graph.toArtifacts(), {...options, rearrange: false});
    expect(filters(artifacts).get(name)).toEqual(values);
    expect(report.layers.find((layer) => layer.name === 'first')!.zerosAfter).toBe(Math.ceil(values.length / 3));
  });

  test.each<[string, () => unknown, RegExp]>([
    ['one sample', () => () => samples(1), /has 1 sample: at least 32 are needed/],
    ['a NaN', () => () => [tf.fill([40, SIZE, SIZE, 3], NaN)], /sample 0 has NaN at index 0 of 'x'/],
    ['no tensors', () => 7, /gives 7: a tensor, batches/],
    [
      'a wrong name',
      () => () => [{y: tf.zeros([40, SIZE, SIZE, 3])}],
      /gives tensors for y, but the model's inputs are x/,
    ],
  ])('refuses %s', async (_, make, message) => {
    const calibration = make() as NonNullable<PruneOptions['calibration']>;
    await expect(prune(network(), {...options, calibration})).rejects.toThrow(message);
  });

  test('never gives weights that are no numbers for constant samples', async () => {
    const {artifacts} = await prune(network(), {...options, calibration: () => [tf.zeros([40, SIZE, SIZE, 3])]});
    for (const values of filters(artifacts).values()) expect(values.every(Number.isFinite)).toBe(true);
  });

  test('ends with the reason of an AbortSignal, and tells its progress until then', async () => {
    const controller = new AbortController();
    const stages = new Set<string>();
    const work = prune(network(), {
      ...options,
      signal: controller.signal,
      onProgress: ({stage, done, secondsLeft}) => {
        stages.add(stage);
        expect(done).toBeGreaterThanOrEqual(0);
        expect(secondsLeft).toBeGreaterThanOrEqual(0);
        if (stage === 'fitting layers') controller.abort(new Error('enough'));
      },
    });
    await expect(work).rejects.toThrow('enough');
    expect([...stages]).toContain('sensitivities');
  });

  test('prunes on load', async () => {
    const reports: number[] = [];
    pruneOnLoad({...options, onReport: ({repair}) => reports.push(repair!.samplesFit)}, () => createBlockRowSolver(1));
    try {
      const x = smoothImage(3);
      const model = await loadGraphModel(tf.io.fromMemory(network()));
      const output = model.predict(x) as tf.Tensor;
      expect(output.dataSync().every(Number.isFinite)).toBe(true);
      model.dispose();
      tf.dispose([x, output]);
      expect(reports).toEqual([44]);
    } finally {
      pruneOnLoad(null);
    }
  });
});
