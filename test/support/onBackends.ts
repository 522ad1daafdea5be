import * as tf from '@tensorflow/tfjs-core';
import {Job} from '../../kernels/task';
import {backendInfo, configure} from '../../src';
import {KernelRunner} from '../../src/runtime';
import {OURS, useVariant} from './backends';

/** What one backend made of an op. */
export interface Outcome {
  readonly shapes: number[][];
  readonly values: (Float32Array | Int32Array)[];
}

/** An op's results on ours and on stock. */
export interface Comparison {
  readonly ours: Outcome;
  readonly stock: Outcome;
  /** The jobs that our kernels were given on several threads, but for the packing of weights. */
  readonly jobs: Job[];
}

const MOST_THREADS = 3;

/** Starts our backend afresh with one kernel variant and three threads. */
export async function useThreads(variant: Parameters<typeof useVariant>[0]): Promise<void> {
  configure({threads: MOST_THREADS});
  await useVariant(variant);
  expect(backendInfo().threads).toBe(MOST_THREADS);
}

/**
 * Runs an op on stock and on ours, there on one thread and on three. Expects the same bits of both, stock's shapes, and
 * that no tensor is left over. For tests that began with `useThreads`.
 */
export async function onBackends(run: () => tf.Tensor | tf.Tensor[]): Promise<Comparison> {
  await tf.setBackend('wasm');
  const stock = outcome(run);
  await tf.setBackend(OURS);
  const spy = jest.spyOn(KernelRunner.prototype, 'run');
  try {
    configure({threads: 1});
    const ours = outcome(run);
    configure({threads: MOST_THREADS});
    spy.mockClear();
    const threaded = outcome(run);
    const jobs = spy.mock.calls
      .map(([{job}]) => job)
      .filter((job) => job !== Job.countBlocks && job !== Job.packBlocks);
    expect(sameBits(threaded.values, ours.values)).toBe(true);
    expect(ours.shapes).toEqual(stock.shapes);
    return {ours, stock, jobs};
  } finally {
    spy.mockRestore();
  }
}

function outcome(run: () => tf.Tensor | tf.Tensor[]): Outcome {
  const before = tf.memory().numDataBuffers;
  const result = tf.tidy(() => {
    const out = run();
    const tensors = Array.isArray(out) ? out : [out];
    return {
      shapes: tensors.map(({shape}) => shape),
      values: tensors.map((tensor) => tensor.dataSync<'float32' | 'int32'>()),
    };
  });
  expect(tf.memory().numDataBuffers).toBe(before);
  return result;
}

/** Whether arrays hold the same bits; Jest's own comparison takes seconds for large ones. */
export function sameBits(a: readonly NodeJS.TypedArray[], b: readonly NodeJS.TypedArray[]): boolean {
  const bytes = ({buffer, byteOffset, byteLength}: NodeJS.TypedArray) => Buffer.from(buffer, byteOffset, byteLength);
  return a.length === b.length && a.every((values, i) => bytes(values).equals(bytes(b[i])));
}
