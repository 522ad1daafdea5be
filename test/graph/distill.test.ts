import * as tf from '@tensorflow/tfjs-core';
import type {io} from '@tensorflow/tfjs-core';
import {distill, type DistillOptions, ModelGraph, pruneArtifacts} from '../../src/graph';
import {PlainModel, TrainableModel} from '../../src/graph/trainableModel';
import {OURS, useVariant} from '../support/backends';
import {randomFloats, randomNumbers} from '../support/random';
import {ConvGraphBuilder} from './convGraphs';
import {run} from './smallGraphs';

const SIZE = 8;
const SAMPLES = 40;

/** Convolutions with a residual sum and a depthwise one among them, and a classifier at the end. */
function classifier({
  batch = -1,
  end = (g: ConvGraphBuilder, logits: string) => g.add('probs', 'Softmax', [logits]),
} = {}) {
  const g = new ConvGraphBuilder(3);
  const first = g.conv('first', g.input('x', [batch, SIZE, SIZE, 3]), {
    out: 16,
    k: 3,
    stride: 2,
    fused: ['BiasAdd', 'Relu6'],
  });
  const expand = g.conv('expand', first, {out: 32, fused: ['BiasAdd', 'Relu']});
  const depth = g.depthwise('depth', expand, {fused: ['BiasAdd', 'Relu6']});
  const sum = g.add('sum', 'AddV2', [g.conv('project', depth, {out: 16, fused: ['BiasAdd']}), first]);
  const logits = g.matMul('logits', g.reduce('mean', 'Mean', sum, [1, 2], false), 6);
  return g.artifacts([end(g, logits)]);
}

const pruned = (artifacts: io.ModelArtifacts) =>
  pruneArtifacts(artifacts, {n: 4, sparsity: {expand: 0.5, project: 0.5}}).artifacts;

function read(index: number): tf.NamedTensorMap {
  const values = randomFloats(SIZE * SIZE * 3, randomNumbers(100 + index));
  return {x: tf.tensor(values, [1, SIZE, SIZE, 3])};
}

const options: DistillOptions = {samples: SAMPLES, read, batchSize: 8, steps: 60, learningRate: 3e-4, seed: 1};

/** The values of all float weights, in their order. */
function weightsOf(artifacts: io.ModelArtifacts): Map<string, Float32Array> {
  const graph = ModelGraph.from(artifacts);
  const names = graph.weightNames().filter((name) => graph.weightType(name) === 'float32');
  return new Map(names.map((name) => [name, graph.weightValues(name)]));
}

describe('distillation', () => {
  beforeAll(() => useVariant('relaxed'));
  let tensors = 0;
  beforeEach(() => (tensors = tf.memory().numTensors));
  afterEach(() => expect(tf.memory().numTensors).toBe(tensors));

  test('brings a pruned classifier closer to the dense one on samples that it was not trained on', async () => {
    const dense = classifier();
    const steps: number[] = [];
    const {artifacts, gained, before, after, stopped} = await distill(dense, pruned(dense), {
      ...options,
      onStep: (done, loss) => {
        expect(loss).toBeGreaterThan(0);
        steps.push(done);
      },
    });
    expect({gained, stopped}).toEqual({gained: true, stopped: null});
    expect(after).toBeLessThan(0.8 * before);
    expect(steps).toEqual(Array.from({length: 60}, (_, i) => i + 1));
    // The figure is that of the artifacts: the mean divergence of every fifth sample.
    let sum = 0;
    for (let i = 4; i < SAMPLES; i += 5) {
      const inputs = read(i);
      const [[p], [q]] = [dense, artifacts].map((model) => run(model, inputs));
      sum += p.reduce((total, x, j) => total + x * Math.log(x / q[j]), 0);
      tf.dispose(inputs);
    }
    expect(sum / (SAMPLES / 5)).toBeCloseTo(after, 3);
  });

  test('leaves the zeros of pruned filters zero, and trains all other filters and biases', async () => {
    const student = pruned(classifier());
    const result = await distill(classifier(), student, {...options, steps: 10, evaluate: descending()});
    const [before, after] = [weightsOf(student), weightsOf(result.artifacts)];
    let zeros = 0;
    for (const [name, values] of before) {
      const now = after.get(name)!;
      expect([name, now.every((x, i) => values[i] !== 0 || x === 0)]).toEqual([name, true]);
      expect([name, now.some((x, i) => x !== values[i])]).toEqual([name, true]);
      zeros += values.filter((x) => x === 0).length;
    }
    expect(zeros).toBe((16 * 32 + 32 * 16) / 2);
  });

  test('gives the same bits for the same seed, and others for another', async () => {
    const dense = classifier();
    const short = {...options, steps: 6, evaluate: descending};
    const bytes = async (seed: number) => {
      const {artifacts} = await distill(dense, pruned(dense), {...short, evaluate: descending(), seed});
      return Buffer.from(artifacts.weightData as ArrayBuffer).toString('hex');
    };
    const first = await bytes(5);
    expect(await bytes(5)).toBe(first);
    expect(await bytes(6)).not.toBe(first);
  });

  test('keeps the best state met, and gives the pruned artifacts back where nothing was gained', async () => {
    const [dense, student] = [classifier(), pruned(classifier())];
    const scores = [5, 6, 3, 4, 7];
    let best: io.ModelArtifacts | undefined;
    let asked = 0;
    const kept = await distill(dense, student, {
      ...options,
      steps: 4,
      evaluate: (artifacts) => {
        if (asked === 2) best = artifacts;
        return scores[asked++];
      },
    });
    expect(kept).toMatchObject({gained: true, before: 5, after: 3, steps: 4, stopped: null});
    expect(kept.artifacts.weightData).toEqual(best!.weightData);
    const worse = await distill(dense, student, {...options, steps: 20, evaluate: ascending()});
    expect(worse).toMatchObject({gained: false, before: 1, after: 1, steps: 6});
    expect(worse.stopped).toMatch(/3 checks in a row/);
    expect(worse.artifacts).toBe(student);
  });

  test('trains models of a fixed batch size sample by sample, to the same as in batches', async () => {
    const [one, any] = await Promise.resolve(
      [1, -1].map((batch) => async () => {
        const dense = classifier({batch});
        const short = {...options, steps: 3, augment: false, evaluate: descending()};
        return weightsOf((await distill(dense, pruned(dense), short)).artifacts);
      }),
    ).then(async ([a, b]) => [await a(), await b()]);
    for (const [name, values] of one) {
      // Adam's first steps are as long as the rate, whatever the gradient: where that is near 0 they differ.
      const far = values.filter((x, i) => Math.abs(x - any.get(name)![i]) > 1e-5).length;
      expect([name, far / values.length < 0.02]).toEqual([name, true]);
    }
  });

  test('compares inner nodes too where it is asked to', async () => {
    const [dense, student] = [classifier(), pruned(classifier())];
    const errorOf = (artifacts: io.ModelArtifacts) => {
      let total = 0;
      for (let i = 4; i < SAMPLES; i += 5) {
        const inputs = read(i);
        const [a, b] = [dense, artifacts].map((model) => {
          const plain = new PlainModel(model, ['sum']);
          const [sum] = plain.run(inputs);
          const values = sum.dataSync<'float32'>();
          tf.dispose(sum);
          plain.dispose();
          return values;
        });
        total += a.reduce((sum, x, j) => sum + (x - b[j]) ** 2, 0);
        tf.dispose(inputs);
      }
      return total;
    };
    const longer = {...options, steps: 200};
    const alone = await distill(dense, student, longer);
    const together = await distill(dense, student, {...longer, inner: ['sum', 'logits']});
    expect(errorOf(together.artifacts)).toBeLessThan(0.95 * errorOf(alone.artifacts));
    await expect(distill(dense, student, {...options, inner: ['nowhere']})).rejects.toThrow(/inner node 'nowhere'/);
  });

  test('trains regressors by their relative error', async () => {
    const regressor = () => classifier({end: (_, logits) => logits});
    const {before, after} = await distill(regressor(), pruned(regressor()), options);
    expect(after).toBeLessThan(0.8 * before);
  });

  test('ends with the reason of its signal, without a trace', async () => {
    const dense = classifier();
    const controller = new AbortController();
    const onStep = (done: number) => done === 3 && controller.abort(new Error('enough'));
    await expect(distill(dense, pruned(dense), {...options, onStep, signal: controller.signal})).rejects.toThrow(
      'enough',
    );
    await expect(distill(dense, pruned(dense), {...options, signal: controller.signal})).rejects.toThrow('enough');
  });

  test('stops at numbers that are none, and ends with the error of a sample that cannot be read', async () => {
    const dense = classifier();
    const spoilt = (index: number) => {
      if (index !== 7) return read(index);
      return {x: tf.fill([1, SIZE, SIZE, 3], NaN)};
    };
    const result = await distill(dense, pruned(dense), {...options, read: spoilt, evaluate: ascending()});
    expect(result).toMatchObject({gained: false, stopped: expect.stringMatching(/no finite number/) as string});
    const broken = (index: number) => {
      if (index === 7) throw new Error('no such picture');
      return read(index);
    };
    await expect(distill(dense, pruned(dense), {...options, read: broken})).rejects.toThrow('no such picture');
  });

  test('names the node whose op has no gradient', async () => {
    const end = (g: ConvGraphBuilder, logits: string) => g.add('probs', 'Softmax', [g.add('steps', 'Floor', [logits])]);
    const dense = classifier({
      end: (g, logits) =>
        end(
          g,
          g.add('reversed', 'Cumsum', [logits, g.ints('axis', [1], [])], {exclusive: {b: false}, reverse: {b: false}}),
        ),
    });
    await expect(distill(dense, pruned(dense), {...options, steps: 1})).rejects.toThrow(
      /^Node 'reversed' \(Cumsum\) has no gradient/,
    );
  });

  test.each([
    [{samples: 0}, /samples is 0/],
    [{batchSize: 1.5}, /batchSize is 1.5/],
    [{steps: -1}, /steps is -1/],
    [{learningRate: 1e-3}, /learningRate is 0.001, .* at most 0.0003/],
    [{learningRate: NaN}, /learningRate is NaN/],
    [{seed: 0.5}, /seed is 0.5/],
  ])('refuses %j', async (change, message) => {
    const dense = classifier();
    await expect(distill(dense, dense, {...options, ...change})).rejects.toThrow(message);
  });

  test('refuses models whose outputs do not match, and models without weights', async () => {
    const regressor = classifier({end: (_, logits) => logits});
    await expect(distill(classifier(), regressor, options)).rejects.toThrow(
      /softmax of logits\) are not those .*\(logits\)/,
    );
    const g = new ConvGraphBuilder();
    const empty = g.artifacts([g.add('y', 'Relu', [g.input('x', [-1, 2])])]);
    await expect(distill(empty, empty, options)).rejects.toThrow(/^Nothing to train: .*'y'/);
  });
});

describe('gradients of a graph model', () => {
  const inputs = () => ({x: tf.concat([read(1).x, read(2).x])});
  const gradientsOf = () => {
    const model = TrainableModel.from(pruned(classifier()), ['logits']);
    const result = tf.tidy(() => model.gradients(inputs(), ([logits]) => tf.sum(tf.square(logits))));
    model.dispose();
    return {...result, names: model.weights.map(({name}) => name)};
  };

  test('are those of the cpu backend, and those of differences', async () => {
    await useVariant('relaxed');
    const ours = gradientsOf();
    await tf.setBackend('cpu');
    const cpu = gradientsOf();
    await tf.setBackend(OURS);
    expect(ours.names).toEqual(cpu.names);
    expect(ours.names.length).toBe(9);
    ours.gradients.forEach((values, i) => {
      const size = Math.max(...cpu.gradients[i].map(Math.abs));
      expect(size).toBeGreaterThan(0);
      values.forEach((x, j) => expect(Math.abs(x - cpu.gradients[i][j]) / size).toBeLessThan(1e-4));
    });
    // Along the gradient itself the loss changes by its squared length.
    const model = TrainableModel.from(pruned(classifier()), ['logits']);
    const lossOf = ([logits]: tf.Tensor[]) => tf.sum(tf.square(logits));
    const square = ours.gradients.flatMap((values) => [...values]).reduce((sum, x) => sum + x * x, 0);
    const step = (ours.loss * 1e-3) / square;
    const values = model.weights.map((weight) => weight.values.slice());
    const losses = [step, -step].map((size) => {
      model.update(values.map((weight, i) => weight.map((x, j) => x + size * ours.gradients[i][j])));
      return tf.tidy(() => lossOf(model.run(inputs())).dataSync()[0]);
    });
    model.dispose();
    expect((losses[0] - losses[1]) / (2 * step) / square).toBeCloseTo(1, 2);
  });
});

/** An evaluation that likes each state better than the one before, and one that likes it less. */
function descending(): () => number {
  let score = 100;
  return () => score--;
}

function ascending(): () => number {
  let score = 1;
  return () => score++;
}
