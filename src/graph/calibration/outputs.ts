/** What a model's outputs are compared by. */
import {dispose, type NamedTensorMap, type Tensor} from '@tensorflow/tfjs-core';
import type {OutputQuality} from '../calibrationOptions';
import {parseRef, type ModelGraph} from '../modelGraph';
import type {Samples} from './samples';
import type {ScratchModel} from './scratchModel';

/** One output that is compared. */
export interface ComparedOutput {
  /** As it is fetched. */
  readonly name: string;
  /** The softmax's input where the output is a distribution over classes, as it is fetched. */
  readonly logits: string | null;
}

/** With fewer samples or classes nothing is told of what the outputs look like. */
const FEWEST_TO_JUDGE = 30;
const MANY_CLASSES = 10;

const SHAPES_ONLY = new Set(['Identity', 'Reshape', 'Squeeze', 'ExpandDims']);

/** The model's declared outputs. */
export function comparedOutputs(graph: ModelGraph): ComparedOutput[] {
  return graph.outputNames().map((name) => {
    let node = graph.node(name);
    while (SHAPES_ONLY.has(node.op)) node = graph.node(graph.inputs(node)[0].node);
    return {name, logits: node.op === 'Softmax' ? node.input![0] : null};
  });
}

/** Sums over samples, of one or several outputs. */
export class QualityMeter {
  private samples = 0;
  private same = 0;
  private right = 0;
  private kl = 0;
  private distributions = 0;
  private confidence = 0;
  private classes = 0;
  private readonly chosen = new Map<number, number>();
  private errors: number[] = [];
  private squares: number[] = [];
  private sums: number[] = [];
  private counts: number[] = [];
  private range = [Infinity, -Infinity];

  constructor(
    private readonly outputs: readonly ComparedOutput[],
    private readonly labels: ArrayLike<number> | undefined,
  ) {}

  /** @param indices of the samples of the batch */
  add(dense: NamedTensorMap, other: NamedTensorMap, indices: readonly number[]): void {
    this.outputs.forEach(({name, logits}, i) => {
      if (dense[name].dtype !== 'float32') return;
      const [a, b] = [dense[name].dataSync(), other[name].dataSync()] as Float32Array[];
      this.addErrors(i, a, b);
      if (logits !== null) this.addDistributions(a, b, indices);
    });
    this.samples += indices.length;
  }

  private addErrors(i: number, a: Float32Array, b: Float32Array): void {
    let [error, square, sum] = [0, 0, 0];
    let [low, high] = this.range;
    // Of detections a model may give another number each time: what is missing counts as zero.
    for (let k = 0; k < a.length; k++) {
      const value = a[k];
      const difference = value - (k < b.length ? b[k] : 0);
      error += difference * difference;
      square += value * value;
      sum += value;
      if (i === 0 && value < low) low = value;
      if (i === 0 && value > high) high = value;
    }
    this.range = [low, high];
    const more = (sums: number[], value: number) => (sums[i] = (sums[i] ?? 0) + value);
    more(this.errors, error);
    more(this.squares, square);
    more(this.sums, sum);
    more(this.counts, a.length);
  }

  private addDistributions(a: Float32Array, b: Float32Array, indices: readonly number[]): void {
    const classes = (this.classes = a.length / indices.length);
    for (let s = 0; s < indices.length; s++) {
      const [from, to] = [s * classes, (s + 1) * classes];
      const [best, other] = [highest(a, from, to), highest(b, from, to)];
      if (best === other) this.same++;
      this.confidence += a[best];
      this.chosen.set(best - from, (this.chosen.get(best - from) ?? 0) + 1);
      if (this.labels && other - from === this.labels[indices[s]]) this.right++;
      for (let k = from; k < to; k++) if (a[k] > 0) this.kl += a[k] * Math.log(a[k] / Math.max(b[k], 1e-12));
      this.distributions++;
    }
  }

  /** What a layer's damage is told by: mean KL of distributions, relative squared error of other outputs. */
  get loss(): number {
    const others = this.outputs.flatMap(({logits}, i) => (logits === null ? [this.relativeErrorOf(i)] : []));
    return (this.distributions ? this.kl / this.distributions : 0) + others.reduce((sum, error) => sum + error, 0);
  }

  private relativeErrorOf(i: number): number {
    if (!this.counts[i]) return 0;
    const variance = this.squares[i] - this.sums[i] ** 2 / this.counts[i];
    return variance > 0 ? this.errors[i] / variance : this.errors[i] > 0 ? Infinity : 0;
  }

  /** What makes the samples look as if the model expected others; empty where nothing does. */
  get oddities(): string[] {
    const {distributions, classes} = this;
    if (distributions < FEWEST_TO_JUDGE || classes < MANY_CLASSES) return [];
    const confidence = this.confidence / distributions;
    const most = Math.max(...this.chosen.values()) / distributions;
    const percent = (share: number) => `${Math.round(share * 100)}%`;
    const seen =
      most > 0.8
        ? `gives one and the same class for ${percent(most)} of the samples`
        : confidence < 0.25
          ? `is unsure of the samples (${percent(confidence)} for its first choice on average)`
          : undefined;
    return seen ? [`The model ${seen}: are they preprocessed as it expects?`] : [];
  }

  get quality(): OutputQuality {
    const {distributions} = this;
    const errors = this.outputs.map((_, i) => this.relativeErrorOf(i));
    const [low, high] = this.range;
    const meanError = (this.errors[0] ?? 0) / (this.counts[0] || 1);
    return {
      agreement: distributions ? this.same / distributions : null,
      kl: distributions ? this.kl / distributions : null,
      relativeError: errors.reduce((sum, error) => sum + error, 0) / errors.length,
      decibels: meanError > 0 ? 10 * Math.log10((high - low) ** 2 / meanError) : Infinity,
      accuracy: this.labels && distributions ? this.right / distributions : null,
    };
  }
}

function highest(values: Float32Array, from: number, to: number): number {
  let best = from;
  for (let k = from + 1; k < to; k++) if (values[k] > values[best]) best = k;
  return best;
}

/** Runs two networks on some samples. */
export async function measureQuality(
  networks: {readonly dense: ScratchModel; readonly pruned: ScratchModel},
  outputs: readonly ComparedOutput[],
  samples: Samples,
  which: readonly number[],
  batchSize: number,
  labels: ArrayLike<number> | undefined,
): Promise<QualityMeter> {
  const meter = new QualityMeter(outputs, labels);
  const names = outputs.map(({name}) => name);
  for await (const {feeds, indices} of samples.batches(which, batchSize)) {
    const dense = await networks.dense.run(feeds, names);
    const pruned = networks.pruned === networks.dense ? dense : await networks.pruned.run(feeds, names);
    meter.add(dense, pruned, indices);
    dispose([feeds, dense, pruned] as unknown as Tensor[]);
  }
  return meter;
}

/** The name of a tensor as it is fetched, `node` for a first output. */
export function fetchName(written: string): string {
  const {node, output} = parseRef(written);
  return output === 0 ? node : `${node}:${output}`;
}
