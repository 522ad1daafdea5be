import {backend_util, type KernelConfig, type TensorInfo} from '@tensorflow/tfjs-core';
import {Elementwise, ELEMENTWISE_SCRATCH_FLOATS, Job, SPAN_FLOATS} from '../../kernels/task';
import {floatBits} from '../runtime';
import type {BlockSparseBackend} from './blockSparseBackend';
import {type Repetition, repetition, sameShape} from './broadcast';
import {makeOutput} from './output';
import {runItems} from './parallel';
import {ourKernel} from './stockKernel';

/** Assumed time of a float that is read or written: 10 GB/s. */
export const NANOSECONDS_A_FLOAT = 0.4;
/** Assumed time that a sigmoid takes beyond that. */
const NANOSECONDS_A_SIGMOID = 1;

/** Where there are several images of fewer values than this, stock's kernel runs: ours would prepare too often. */
const SMALLEST_IMAGE = 256;

/** Below so many values stock's kernels of relu and relu6 run, but in programs: what stands before ours takes longer. */
const SHORT_RELU = 8192;

/**
 * Up to so many values sigmoids in programs are ours on one thread, too: a call of stock's kernel between two regions takes 3
 * us whatever it computes.
 */
const SHORT_SIGMOID = 4096;

/** An elementwise operation whose operands have been checked. */
interface ElementwiseCall extends Repetition {
  readonly op: Elementwise;
  /** The output's. */
  readonly shape: number[];
  /** As large as the output. */
  readonly x: TensorInfo;
  /** Repeated as `Repetition` says; a number stands for a scalar. */
  readonly y: TensorInfo | number;
  /** Whether y is the first operand. Default false. */
  readonly swapped?: boolean;
}

/** A binary tfjs kernel: operands of one shape, or one of them repeated along neighbouring dimensions. */
export function binaryKernel(kernelName: string, op: Elementwise): KernelConfig {
  return ourKernel(kernelName, (backend, {a, b}: {a: TensorInfo; b: TensorInfo}) => {
    if (!isNonemptyFloat32(a) || !isNonemptyFloat32(b)) return null;
    if (sameShape(a.shape, b.shape)) {
      return runElementwise(backend, {op, shape: a.shape, x: a, y: b, images: 1, repeats: 1, row: sizeOf(a.shape)});
    }
    const shape = backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
    const swapped = sizeOf(a.shape) < sizeOf(b.shape);
    const [x, y] = swapped ? [b, a] : [a, b];
    const repeated = repetition(shape, y.shape);
    if (!repeated || sizeOf(x.shape) !== sizeOf(shape)) return null;
    if (repeated.images > 1 && repeated.repeats * repeated.row < SMALLEST_IMAGE) return null;
    return runElementwise(backend, {op, shape, x, y, ...repeated, swapped});
  });
}

/**
 * A unary tfjs kernel.
 *
 * @param parameter the number that the operation takes as y, from the kernel's attributes; left out where it takes none
 */
export function unaryKernel<Attrs>(
  kernelName: string,
  op: Elementwise,
  parameter?: (attrs: Attrs) => number,
): KernelConfig {
  return ourKernel(kernelName, (backend, {x}: {x: TensorInfo}, attrs: Attrs) => {
    if (!isNonemptyFloat32(x)) return null;
    const {shape} = x;
    const size = sizeOf(shape);
    // The same bits, and stock's takes 0.6 of our time on one thread, or as long as values are few.
    const {records, runner} = backend;
    const isRelu = op === Elementwise.relu || op === Elementwise.reluUpTo;
    if (isRelu && size < SHORT_RELU && !records) return null;
    if (op === Elementwise.sigmoid && runner.threads === 1 && !(records && size <= SHORT_SIGMOID)) return null;
    return parameter
      ? runElementwise(backend, {op, shape, x, y: parameter(attrs), images: 1, repeats: size, row: 1})
      : runElementwise(backend, {op, shape, x, y: x, images: 1, repeats: 1, row: size});
  });
}

/** Runs an elementwise operation. The output of comparisons is of bool, otherwise float32. */
export function runElementwise(backend: BlockSparseBackend, call: ElementwiseCall): TensorInfo {
  const {op, shape, x, y, images, repeats, row, swapped} = call;
  const size = images * repeats * row;
  const scalar = typeof y === 'number';
  const xAddress = backend.getMemoryOffset(x.dataId);
  const yAddress = scalar ? 0 : backend.getMemoryOffset(y.dataId);
  const valueBits = scalar ? floatBits(y) : 0;
  const floatsMoved = x === y || repeats > 1 ? 2 : 3;
  const nanoseconds = floatsMoved * NANOSECONDS_A_FLOAT + (op === Elementwise.sigmoid ? NANOSECONDS_A_SIGMOID : 0);
  const compute = (output: number) => {
    runItems(backend, {
      job: Job.elementwise,
      words: [op, size, xAddress, yAddress, output, repeats, row, swapped ? 1 : 0, valueBits],
      items: Math.ceil(size / SPAN_FLOATS),
      nanosecondsAnItem: SPAN_FLOATS * nanoseconds,
      scratchBytes: ELEMENTWISE_SCRATCH_FLOATS * 4,
    });
  };
  return makeOutput(
    backend,
    shape,
    compute,
    op === Elementwise.equal || op === Elementwise.lessEqual ? 'bool' : 'float32',
  );
}

/** Whether a tensor is one that our kernels take: stock's have other ways with empty ones and other types. */
export function isNonemptyFloat32({dtype, shape}: TensorInfo): boolean {
  return dtype === 'float32' && !shape.includes(0);
}

function sizeOf(shape: readonly number[]): number {
  let size = 1;
  for (const dimension of shape) size *= dimension;
  return size;
}
