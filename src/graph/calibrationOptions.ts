/** Options and reports of pruning with samples: what is repaired by them, and what was measured. */
import type {NamedTensorMap, Tensor} from '@tensorflow/tfjs-core';

/**
 * Samples as the model's `execute` takes them: a tensor with one or more samples along its first axis, or, for several
 * inputs, such tensors by name or in the order of the inputs. They are only read; who made them disposes of them.
 */
export type SampleBatch = Tensor | NamedTensorMap | readonly Tensor[];

type Maybe<T> = T | PromiseLike<T>;
type BatchSource = SampleBatch | Iterable<SampleBatch> | AsyncIterable<SampleBatch>;

/**
 * Unlabelled samples, preprocessed as the model expects them: a batch, several batches, or a function that gives them. A
 * function is called once for each pass over the samples and has to give the same ones each time; tensors that its
 * iterator yields are disposed of once they are read. What can be iterated once only is kept in memory.
 */
export type Calibration = BatchSource | (() => Maybe<BatchSource>);

/** What is done about the accuracy that pruning costs. */
export const REPAIR_METHODS = ['none', 'closed', 'distill'] as const;

/** One of `REPAIR_METHODS`. */
export type RepairMethod = (typeof REPAIR_METHODS)[number];

/** The most that may be lost on samples that are kept out of the fit. */
export type MaxDrop =
  /** Share of samples whose highest output is another one than before, 0 to 1. */
  | {readonly agreement: number}
  /** Squared error of the outputs over their variance, 0 or more. */
  | {readonly relativeError: number}
  /** The peak signal-to-noise ratio of the outputs to those before, in dB, must be at least this. */
  | {readonly decibels: number};

export interface CalibrationProgress {
  /** What is being done, for people. */
  readonly stage: string;
  /** Share of all that is to be done, 0 to 1. */
  readonly done: number;
  /** Estimated. */
  readonly secondsLeft: number;
}

/** The options of pruning that go with `calibration`. */
export interface CalibrationOptions {
  /** With it, blocks are chosen and weights are repaired by what the network computes on samples. */
  readonly calibration?: Calibration;
  /** Use at most so many of the samples. Default: all. */
  readonly samples?: number;
  /** Labels of the samples, in their order: indices into the last axis of the first output. For the report alone. */
  readonly labels?: ArrayLike<number>;
  /**
   * - 'closed' (default): least squares, layer by layer.
   * - 'distill': further steps of gradient descent after it, kept only if they gain on samples that are kept out.
   * - 'none': blocks go by `criterion` and nothing is repaired; samples only measure what that costs.
   */
  readonly repair?: RepairMethod;
  /** Take the largest budget, up to the one in `sparsity`, that loses no more than this on samples kept out. */
  readonly maxDrop?: MaxDrop;
  /** Called as work goes on. */
  readonly onProgress?: (progress: CalibrationProgress) => void;
  /** Ends the work with its reason as the error; nothing is left behind. */
  readonly signal?: AbortSignal;
}

/** How close the outputs are to those of the dense model. */
export interface OutputQuality {
  /** Share of samples whose highest output is the same one, 0 to 1; `null` where no output is a distribution over classes. */
  readonly agreement: number | null;
  /** Mean Kullback-Leibler divergence from the dense distribution, in nats; `null` as before. */
  readonly kl: number | null;
  /** Squared error of all outputs over their variance. */
  readonly relativeError: number;
  /** Peak signal-to-noise ratio in dB of the first output, the peak being the range of the dense one; `Infinity` if equal. */
  readonly decibels: number;
  /** Share of samples whose highest output is the label, 0 to 1; `null` without labels. */
  readonly accuracy: number | null;
}

export interface RepairStage {
  /** 'dense' is there with `labels` alone: how often the model as it was is right. */
  readonly name: 'dense' | 'pruned' | 'closed' | 'distill';
  /** On samples that no fit has seen. */
  readonly keptOut: OutputQuality;
  /** On as many of those that it has. */
  readonly fit: OutputQuality;
}

export interface RepairReport {
  readonly method: RepairMethod;
  readonly samplesFit: number;
  readonly samplesKeptOut: number;
  readonly stages: readonly RepairStage[];
  /** Whether the last stage was left out again, as it gained nothing. */
  readonly distillationKept: boolean | null;
  /** Squared error of the layers' outputs behind their activation over the outputs' variance, on samples kept out. */
  readonly layers: ReadonlyArray<{readonly name: string; readonly relativeError: number}>;
  readonly warnings: readonly string[];
  readonly seconds: number;
}
