import {concat, dispose, slice, Tensor, tidy, util, type NamedTensorMap} from '@tensorflow/tfjs-core';
import {randomNumbers} from '../../pruning';
import type {Calibration, SampleBatch} from '../calibrationOptions';
import {restoreAll, storeTensor, type StoredTensor} from './sampleStore';

type Sample = Readonly<Record<string, StoredTensor>>;

/** Samples are kept in memory up to so many bytes; where they can be read again, the rest is. */
const MOST_BYTES = 400e6;
/** Fewer cannot be split into those that fit and those that tell how well. */
const FEWEST = 32;
const FEWEST_KEPT_OUT = 16;

/** What is given as samples, once it is there: batches to go through, each once. */
type Batches = Iterable<SampleBatch> | AsyncIterable<SampleBatch>;

/** Unlabelled samples, split into those that are fitted and those that are kept out of every fit. */
export class Samples {
  /** Indices, ascending. */
  readonly fit: readonly number[];
  readonly keptOut: readonly number[];

  private constructor(
    readonly count: number,
    private readonly kept: ReadonlyMap<number, Sample>,
    private readonly read: () => AsyncGenerator<[number, NamedTensorMap]>,
    seed: number,
  ) {
    const order = Array.from({length: count}, (_, i) => i);
    const random = randomNumbers(seed);
    for (let i = count - 1; i > 0; i--) {
      const other = Math.floor(random() * (i + 1));
      [order[i], order[other]] = [order[other], order[i]];
    }
    const out = Math.max(FEWEST_KEPT_OUT, Math.floor(count / 5));
    const ascending = (a: number, b: number) => a - b;
    this.keptOut = order.slice(0, out).sort(ascending);
    this.fit = order.slice(out).sort(ascending);
  }

  /**
   * @param inputs names of the model's inputs, and the names that its signature gives them
   * @param most samples to use
   * @throws TypeError or RangeError that names what is wrong with the samples
   */
  static async read(
    calibration: Calibration,
    inputs: ReadonlyMap<string, string>,
    most: number,
    seed: number,
    signal?: AbortSignal,
  ): Promise<Samples> {
    const isFunction = typeof calibration === 'function';
    const open = async (): Promise<Batches> => batchesOf(isFunction ? await calibration() : calibration);
    const read = async function* (): AsyncGenerator<[number, NamedTensorMap]> {
      let index = 0;
      for await (const batch of await open()) {
        try {
          const named = nameInputs(batch, inputs);
          const size = Object.values(named)[0].shape[0];
          for (let i = 0; i < size && index < most; i++) {
            yield [index++, Object.fromEntries(Object.entries(named).map(([name, all]) => [name, row(all, i)]))];
          }
        } finally {
          if (isFunction) dispose(batch as Tensor);
        }
        if (index >= most) return;
      }
    };
    // An iterator gives its batches once; arrays and functions do so again.
    const again = isFunction || calibration instanceof Tensor || Array.isArray(calibration) || isPlain(calibration);
    const kept = new Map<number, Sample>();
    let bytes = 0;
    let count = 0;
    for await (const [index, sample] of read()) {
      try {
        signal?.throwIfAborted();
        checkSample(sample, index);
        if (!again || bytes < MOST_BYTES) {
          const stored = Object.fromEntries(Object.entries(sample).map(([name, value]) => [name, storeTensor(value)]));
          for (const {values} of Object.values(stored)) bytes += values.byteLength;
          kept.set(index, stored);
        }
      } finally {
        dispose(sample);
      }
      count++;
    }
    if (count < FEWEST) {
      throw new RangeError(
        `Prune option 'calibration' has ${count} ${count === 1 ? 'sample' : 'samples'}: at least ${FEWEST} are needed, ` +
          `as ${FEWEST_KEPT_OUT} or a fifth are kept out of the fit. Several hundred are better.`,
      );
    }
    return new Samples(count, kept, read, seed);
  }

  /**
   * Goes through some of the samples in batches.
   *
   * @param which indices, ascending
   * @returns their tensors, which the caller disposes of, and their indices
   */
  async *batches(which: readonly number[], size: number): AsyncGenerator<{feeds: NamedTensorMap; indices: number[]}> {
    let indices: number[] = [];
    let parts: NamedTensorMap[] = [];
    for await (const [index, sample] of this.pick(which)) {
      indices.push(index);
      parts.push(sample);
      if (parts.length < size && indices.at(-1) !== which.at(-1)) continue;
      yield {feeds: stack(parts), indices};
      [indices, parts] = [[], []];
    }
  }

  private async *pick(which: readonly number[]): AsyncGenerator<[number, NamedTensorMap]> {
    const missing = which.filter((index) => !this.kept.has(index));
    for (const index of which) {
      const stored = this.kept.get(index);
      if (stored) yield [index, restoreAll(stored)];
    }
    if (missing.length === 0) return;
    const wanted = new Set(missing);
    for await (const [index, sample] of this.read()) {
      if (wanted.has(index)) yield [index, sample];
      else dispose(sample);
      if (index === missing.at(-1)) return;
    }
  }
}

function isPlain(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !(Symbol.iterator in value) && !(Symbol.asyncIterator in value);
}

function batchesOf(given: unknown): Batches {
  if (given instanceof Tensor) return [given];
  if (Array.isArray(given)) return given as SampleBatch[];
  if (typeof given !== 'object' || given === null) {
    throw new TypeError(
      `Prune option 'calibration' gives ${String(given)}: a tensor, batches of tensors, or a function of these expected.`,
    );
  }
  return isPlain(given) ? [given as SampleBatch] : (given as Batches);
}

/** The tensors of a batch by the names of the model's input nodes. */
function nameInputs(batch: SampleBatch, inputs: ReadonlyMap<string, string>): NamedTensorMap {
  const known = [...new Set(inputs.values())];
  const named: NamedTensorMap = {};
  if (batch instanceof Tensor) {
    named[known[0]] = batch;
  } else if (Array.isArray(batch)) {
    batch.forEach((tensor: Tensor, i) => (named[known[i] ?? `input ${i}`] = tensor));
  } else {
    for (const [name, tensor] of Object.entries(batch as NamedTensorMap)) named[inputs.get(name) ?? name] = tensor;
  }
  const names = Object.keys(named);
  const wrong = names.find((name) => !known.includes(name) || !(named[name] instanceof Tensor));
  if (wrong !== undefined || names.length !== known.length) {
    throw new TypeError(
      `Prune option 'calibration' gives tensors for ${names.join(', ') || 'no input'}, but the model's inputs are ` +
        `${known.join(', ')}: give a tensor for each.`,
    );
  }
  const sizes = new Set(Object.values(named).map(({shape}) => shape[0]));
  if (sizes.size !== 1 || sizes.has(undefined as never)) {
    throw new RangeError(
      `Prune option 'calibration' gives tensors of ${[...sizes].join(' and ')} samples for the inputs of one batch: the ` +
        'first axis counts the samples, alike for all inputs.',
    );
  }
  return named;
}

function row(all: Tensor, index: number): Tensor {
  const begin = all.shape.map((_, axis) => (axis === 0 ? index : 0));
  return tidy(() => slice(all, begin, [1, ...all.shape.slice(1)]));
}

function stack(parts: readonly NamedTensorMap[]): NamedTensorMap {
  if (parts.length === 1) return parts[0];
  const stacked = Object.fromEntries(
    Object.keys(parts[0]).map((name) => {
      const tensors = parts.map((part) => part[name]);
      const [first, other] = [tensors[0], tensors.find(({shape}) => !util.arraysEqual(shape, tensors[0].shape))];
      if (other) {
        throw new RangeError(
          `Prune option 'calibration' gives samples of shapes [${first.shape.slice(1)}] and [${other.shape.slice(1)}]: ` +
            'they must all be alike.',
        );
      }
      return [name, concat(tensors, 0)];
    }),
  );
  dispose(parts as unknown as NamedTensorMap[]);
  return stacked;
}

function checkSample(sample: NamedTensorMap, index: number): void {
  for (const [name, tensor] of Object.entries(sample)) {
    if (tensor.dtype !== 'float32') continue;
    const values = tensor.dataSync();
    const at = values.findIndex((value) => !Number.isFinite(value));
    if (at < 0) continue;
    throw new RangeError(
      `Prune option 'calibration': sample ${index} has ${values[at]} at index ${at} of '${name}'. All values must be finite.`,
    );
  }
}

/** Some of the samples, evenly spread. */
export function pickEvenly(which: readonly number[], most: number): number[] {
  if (which.length <= most) return [...which];
  return Array.from({length: most}, (_, i) => which[Math.floor((i * which.length) / most)]);
}
