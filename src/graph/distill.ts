/**
 * Distillation under masks (Hinton et al., arXiv 1503.02531, at temperature 1): what is left of a pruned model's weights is
 * trained by gradient descent towards the outputs of the dense one. No labels are needed, and what was pruned stays zero.
 */
import {concat, dispose, tidy, type io, type NamedTensorMap} from '@tensorflow/tfjs-core';
import {randomNumbers} from '../pruning';
import {Adam} from './adam';
import {augment} from './augment';
import {cleanUpGraph} from './cleanup';
import {distance, innerTargets, targetsOf, type Target} from './distillLoss';
import {readWeightStream} from './loadHook';
import {ModelGraph} from './modelGraph';
import {unpackArtifacts} from './packed';
import {PlainModel, TrainableModel} from './trainableModel';

/** Adam with longer steps wrecks a network whose batch norms are folded. */
const MOST_RATE = 3e-4;
/** Checks on samples kept out. */
const CHECKS = 10;
/** So many of them in a row that are worse than no distillation at all end it. */
const MOST_BAD_CHECKS = 3;
/** Every so many samples one is kept out, unless the caller evaluates. */
const KEPT_OUT = 5;

export interface DistillOptions {
  /** Number of samples. */
  readonly samples: number;
  /**
   * A sample (or a batch, with models of a fixed batch size) as the model's `execute` takes it, preprocessed as the model
   * expects it; the same for the same index, from 0 to `samples`. Its tensors are disposed of once they are read.
   */
  readonly read: (index: number) => NamedTensorMap | PromiseLike<NamedTensorMap>;
  /**
   * Inner nodes of both models, float32, that are to be alike as well, e.g. residual sums: their relative squared errors,
   * averaged, are added to the loss. Few samples teach more this way than by their outputs alone. Default: none.
   */
  readonly inner?: readonly string[];
  /** Samples a step. Default 16. */
  readonly batchSize?: number;
  /** Default: as many as take each sample twice, at least 100. */
  readonly steps?: number;
  /** The largest step of Adam, over 0 and at most 3e-4. Default 3e-5. It grows over the first 5% and falls as a cosine. */
  readonly learningRate?: number;
  /** Whether images are mirrored, cut and brightened at random. Default true. */
  readonly augment?: boolean;
  /** Of the order of samples and of what is done to them, an integer. Default 0. */
  readonly seed?: number;
  /** Ends the work with its reason as the error; nothing is left behind. */
  readonly signal?: AbortSignal;
  /** Called after each step with the number of steps done, the loss on its samples, and the number of steps there are. */
  readonly onStep?: (done: number, loss: number, steps: number) => void;
  /**
   * How far a model is from what is wanted, 0 or more, on samples that are none of `samples`: the least wins. Default: the
   * loss on a fifth of the samples, which are then not trained on.
   */
  readonly evaluate?: (artifacts: io.ModelArtifacts) => number | PromiseLike<number>;
}

export interface Distillation {
  /** The best state met, or the pruned model as it was given where none was better. */
  readonly artifacts: io.ModelArtifacts;
  /** Whether the evaluation has become better. */
  readonly gained: boolean;
  /** The evaluation of the pruned model and of the result. */
  readonly before: number;
  readonly after: number;
  /** Steps taken. */
  readonly steps: number;
  /** Why these are fewer than asked for; `null` where they are not. */
  readonly stopped: string | null;
}

/**
 * Trains the filters and biases of a pruned graph model towards its dense form: those of convolutions, depthwise
 * convolutions and MatMuls that are constant and float32. Zeros in filters of convolutions and MatMuls stay zero. The loss
 * of an output behind a softmax is the Kullback-Leibler divergence in nats, of any other its squared error over its
 * variance. Both models are cleaned up first, losslessly. Runs on the active backend, a step between turns of the event
 * loop.
 *
 * @param dense the teacher
 * @param pruned the student: a model with the same inputs, and outputs in the same order
 * @throws RangeError for options that make no sense; Error where the outputs do not match, where there is nothing to
 *     train, where an op has no gradient, naming the node; the signal's reason
 */
export async function distill(
  dense: io.ModelArtifacts,
  pruned: io.ModelArtifacts,
  options: DistillOptions,
): Promise<Distillation> {
  const settings = settle(options);
  const [teacherArtifacts, studentArtifacts] = [await cleaned(dense), await cleaned(pruned)];
  const [expected, targets] = [teacherArtifacts, studentArtifacts].map((model) => targetsOf(ModelGraph.from(model)));
  checkTargets(expected, targets);
  const isOutput = (node: string) => expected.some((target) => target.node === node);
  const inner = innerTargets((options.inner ?? []).filter((node) => !isOutput(node)));
  checkInner(inner, [teacherArtifacts, studentArtifacts]);
  const teacher = new PlainModel(teacherArtifacts, nodesOf([...expected, ...inner]));
  try {
    const student = TrainableModel.from(studentArtifacts, nodesOf([...targets, ...inner]));
    try {
      return await train(teacher, student, {outputs: targets, inner}, pruned, settings);
    } finally {
      student.dispose();
    }
  } finally {
    teacher.dispose();
  }
}

type Settings = DistillOptions & Required<Pick<DistillOptions, 'batchSize' | 'steps' | 'learningRate' | 'seed'>>;

async function train(
  teacher: PlainModel,
  student: TrainableModel,
  {outputs, inner}: {readonly outputs: readonly Target[]; readonly inner: readonly Target[]},
  pruned: io.ModelArtifacts,
  {samples, read, batchSize, steps, learningRate, seed, signal, onStep, evaluate, ...options}: Settings,
): Promise<Distillation> {
  const all = Array.from({length: samples}, (_, i) => i);
  const every = Math.min(KEPT_OUT, samples);
  const keptOut = evaluate ? [] : all.filter((i) => i % every === every - 1);
  const fit = evaluate || samples === 1 ? all : all.filter((i) => !keptOut.includes(i));
  const random = randomNumbers(seed);
  const order = shuffled(fit, random);
  const batches = (indices: readonly number[]) => readBatches(read, indices, student.takesBatches, signal);

  const evaluation = async () => {
    if (evaluate) return evaluate(student.toArtifacts());
    let total = 0;
    for (let first = 0; first < keptOut.length; first += batchSize) {
      for await (const {inputs, count} of batches(keptOut.slice(first, first + batchSize))) {
        total += count * tidy(() => distance(outputs, teacher.run(inputs), student.run(inputs)).dataSync()[0]);
      }
    }
    return total / keptOut.length;
  };

  const before = await evaluation();
  let [after, best]: [number, Float32Array[] | null] = [before, null];
  const weights = student.weights.map(({values}) => values.slice());
  const adam = new Adam(
    weights.map(({length}) => length),
    learningRate,
    steps,
  );
  let [done, bad, stopped]: [number, number, string | null] = [0, 0, null];
  while (done < steps && stopped === null) {
    const indices = Array.from({length: batchSize}, () => order.next().value as number);
    let loss = 0;
    const gradients = weights.map(({length}) => new Float32Array(length));
    for await (const {inputs, count} of batches(indices)) {
      const seen = options.augment === false ? inputs : augment(inputs, random);
      const expected = tidy(() => teacher.run(seen));
      try {
        const part = student.gradients(seen, (given) => distance([...outputs, ...inner], expected, given));
        loss += (part.loss * count) / batchSize;
        gradients.forEach((sum, i) => addScaled(sum, part.gradients[i], count / batchSize));
      } finally {
        dispose(expected);
        if (seen !== inputs) dispose(seen);
      }
    }
    if (!isFinite(loss) || !gradients.every(isFiniteArray)) {
      stopped = 'a loss or a gradient is no finite number';
      break;
    }
    adam.step(weights, gradients, (i) => student.weights[i].masked);
    student.update(weights);
    done++;
    onStep?.(done, loss, steps);
    if (done % Math.ceil(steps / CHECKS) === 0 || done === steps) {
      const now = await evaluation();
      if (now < after) [after, best] = [now, weights.map((values) => values.slice())];
      bad = now < before ? 0 : bad + 1;
      if (bad === MOST_BAD_CHECKS && done < steps)
        stopped = `${bad} checks in a row were no better than the pruned model`;
    }
    await new Promise((resolve) => setTimeout(resolve)); // others get their turn
  }
  if (best) student.update(best);
  return {artifacts: best ? student.toArtifacts() : pruned, gained: best !== null, before, after, steps: done, stopped};
}

/** Samples for the model, together where it takes batches of any size. */
async function* readBatches(
  read: DistillOptions['read'],
  indices: readonly number[],
  together: boolean,
  signal: AbortSignal | undefined,
): AsyncGenerator<{inputs: NamedTensorMap; count: number}> {
  const held: NamedTensorMap[] = [];
  try {
    for (const [i, index] of indices.entries()) {
      signal?.throwIfAborted();
      held.push(await read(index));
      if (together && i < indices.length - 1) continue;
      const inputs = held.length === 1 ? held.pop()! : joined(held);
      try {
        yield {inputs, count: together ? indices.length : 1};
      } finally {
        dispose(inputs);
      }
    }
  } finally {
    dispose(held);
  }
}

/** One batch of several, which are disposed of. */
function joined(parts: NamedTensorMap[]): NamedTensorMap {
  const whole = tidy(() =>
    Object.fromEntries(Object.keys(parts[0]).map((name) => [name, concat(parts.map((part) => part[name]))])),
  );
  dispose(parts.splice(0));
  return whole;
}

/** All of them in a new order, again and again. */
function* shuffled(indices: readonly number[], random: () => number): Generator<number, never> {
  for (;;) {
    const left = [...indices];
    while (left.length > 0) yield left.splice(Math.floor(random() * left.length), 1)[0];
  }
}

function addScaled(sum: Float32Array, values: Float32Array, scale: number): void {
  for (let i = 0; i < sum.length; i++) sum[i] += scale * values[i];
}

/** Calls are slow in loops of millions: what is no finite number makes NaN of a sum. */
function isFiniteArray(values: Float32Array): boolean {
  let probe = 0;
  for (let i = 0; i < values.length; i++) probe += values[i] * 0;
  return probe === 0;
}

const nodesOf = (targets: readonly Target[]): string[] => targets.map(({node}) => node);

async function cleaned(artifacts: io.ModelArtifacts): Promise<io.ModelArtifacts> {
  return cleanUpGraph(unpackArtifacts(await readWeightStream(artifacts))).artifacts;
}

function checkTargets(dense: readonly Target[], pruned: readonly Target[]): void {
  if (dense.length === pruned.length && dense.every(({logits}, i) => logits === pruned[i].logits)) return;
  const list = (targets: readonly Target[]) => targets.map(({node, logits}) => (logits ? `softmax of ${node}` : node));
  throw new Error(
    `distill: the dense model's outputs (${list(dense).join(', ')}) are not those of the pruned one ` +
      `(${list(pruned).join(', ')}): give the model before and after pruning.`,
  );
}

function checkInner(inner: readonly Target[], models: readonly io.ModelArtifacts[]): void {
  const graphs = models.map((model) => ModelGraph.from(model));
  const missing = inner.find(({node}) => !graphs.every((graph) => graph.hasNode(node)));
  if (missing) throw new Error(`distill: inner node '${missing.node}' is not in both models after their clean-up.`);
}

function settle(options: DistillOptions): Settings {
  const {samples, batchSize = 16, learningRate = 3e-5, seed = 0} = options;
  const {steps = Math.max(100, Math.ceil((2 * samples) / batchSize))} = options;
  for (const [name, value] of Object.entries({samples, batchSize, steps})) {
    if (!Number.isInteger(value) || value < 1) {
      throw new RangeError(`distill: ${name} is ${value}, a whole number of 1 or more expected.`);
    }
  }
  if (!(learningRate > 0 && learningRate <= MOST_RATE)) {
    throw new RangeError(
      `distill: learningRate is ${learningRate}, a number over 0 and at most ${MOST_RATE} expected: longer steps wreck a ` +
        'network whose batch norms are folded.',
    );
  }
  if (!Number.isInteger(seed)) throw new RangeError(`distill: seed is ${seed}, a whole number expected.`);
  return {...options, batchSize, steps, learningRate, seed};
}
