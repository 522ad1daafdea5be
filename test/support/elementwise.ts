import * as tf from '@tensorflow/tfjs-core';
import {backendInfo, configure} from '../../src';
import type {BlockSparseBackend} from '../../src/backend';
import {OURS} from './backends';

/** What a kernel made of its inputs. */
export interface Result {
  readonly shape: number[];
  readonly dtype: string;
  readonly values: Float32Array | Int32Array | Uint8Array;
}

/** The same operation on stock and on ours. */
export interface Comparison {
  readonly stock: Result;
  readonly ours: Result;
  /** Whether a task of ours ran, rather than stock's kernel. */
  readonly taken: boolean;
}

/**
 * Runs an operation on stock and on ours, with one thread and with three, and checks that it leaks nothing and that the
 * bits do not depend on the threads. Our backend has to have been started with three.
 */
export async function compareBackends(run: () => tf.Tensor): Promise<Comparison> {
  await tf.setBackend('wasm');
  const stock = collect(run);
  await tf.setBackend(OURS);
  const spy = jest.spyOn((tf.backend() as BlockSparseBackend).runner, 'run');
  try {
    const ours = onThreads(3, run);
    const taken = spy.mock.calls.length > 0;
    const alone = onThreads(1, run);
    expect(bytesOf(ours).equals(bytesOf(alone))).toBe(true);
    return {stock, ours, taken};
  } finally {
    spy.mockRestore();
    configure({threads: 3});
  }
}

/** The first place where two results differ, -0 being different from 0 and NaN from all but NaN; -1 if there is none. */
export function firstDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Math.min(a.length, b.length);
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return i;
  return -1;
}

/** Expects the same shape, type and values. */
export function expectSame({ours, stock}: Comparison): void {
  expect(ours.shape).toEqual(stock.shape);
  expect(ours.dtype).toBe(stock.dtype);
  expect(firstDifference(ours.values, stock.values)).toBe(-1);
}

/** Numbers that kernels treat in ways of their own, NaNs of both signs among them. */
export function oddFloats(): Float32Array {
  const values = Float32Array.of(0, 0, 0, -0, Infinity, -Infinity, 1, -1, 6, 7.5, -3.25, 1e-40, -1e-40, 3e38, -3e38);
  new Uint32Array(values.buffer).set([0x7fc00000, 0xffc00000]);
  return values;
}

function onThreads(threads: number, run: () => tf.Tensor): Result {
  configure({threads});
  expect(backendInfo().threads).toBe(threads);
  return collect(run);
}

function collect(run: () => tf.Tensor): Result {
  const buffers = tf.memory().numDataBuffers;
  const result = tf.tidy(() => {
    const {shape, dtype, ...out} = run();
    return {shape, dtype, values: tf.backend().readSync(out.dataId) as Float32Array};
  });
  expect(tf.memory().numDataBuffers).toBe(buffers);
  return result;
}

function bytesOf({values}: Result): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}
