// Tensors put together from others, and cut out of others: 4-byte values, whatever they stand for ("floats" below).
import {type DataType, type TensorInfo, util} from '@tensorflow/tfjs-core';
import {Job} from '../../kernels/task';
import type {BlockSparseBackend} from './blockSparseBackend';
import {makeOutput, makeOutputs} from './output';
import {COPY_NS, runItems} from './parallel';

/** A task record's table has room for so many. */
export const MOST_INPUTS = 16;

/** With as many pieces of work as this there is enough to share out. */
const ENOUGH_ITEMS = 64;
/** Shorter parts of a run of floats are not worth their own start: 16 KiB. */
const SMALLEST_PART = 4096;
/** What it takes to begin a copy, in nanoseconds. */
const START_NS = 2;

/** Whether tensors of a type can be copied here: values of 4 bytes. */
export function isCopied(dtype: DataType): boolean {
  return dtype === 'float32' || dtype === 'int32';
}

/**
 * Puts the rows of tensors side by side.
 *
 * @param inputs of one type: two to `MOST_INPUTS`, each of `rows` rows, none empty.
 * @param outShape of `rows` rows as long as those of the inputs together.
 */
export function concatRows(
  backend: BlockSparseBackend,
  inputs: readonly TensorInfo[],
  rows: number,
  outShape: number[],
): TensorInfo {
  const rowFloats = util.sizeFromShape(outShape) / rows;
  const parts = partsOfRow(rows, rowFloats);
  const compute = (output: number) => {
    const words = [output, rowFloats, parts, inputs.length];
    for (const {dataId, shape} of inputs) {
      const floats = util.sizeFromShape(shape) / rows;
      words.push(backend.getMemoryOffset(dataId), floats, floatsOfPart(floats, parts));
    }
    const nanosecondsAnItem = inputs.length * START_NS + (COPY_NS * rowFloats) / parts;
    runItems(backend, {job: Job.concat, words, items: rows * parts, nanosecondsAnItem});
  };
  return makeOutput(backend, outShape, compute, inputs[0].dtype);
}

/** One axis of what is gathered: how many values, and their distance in floats, 0 where they are repeated. */
export interface Axis {
  readonly size: number;
  readonly stride: number;
}

/** Runs of floats along up to three axes, outermost first. */
export interface Runs {
  /** Floats of a run. */
  readonly run: number;
  readonly axes: readonly [Axis, Axis, Axis];
}

const NO_AXIS: Axis = {size: 1, stride: 0};

/**
 * Joins axes that continue each other.
 *
 * @param axes innermost first, sizes above 0.
 * @returns null if more than three axes are left beside the run.
 */
export function runsOf(axes: readonly Axis[]): Runs | null {
  const joined: Axis[] = [];
  let last: Axis = {size: 1, stride: 1};
  for (const axis of axes) {
    if (axis.size === 1) continue;
    if (axis.stride === last.size * last.stride) {
      last = {size: last.size * axis.size, stride: last.stride};
    } else {
      joined.push(last);
      last = axis;
    }
  }
  const [{size: run}, inner = NO_AXIS, middle = NO_AXIS, outer = NO_AXIS, ...more] = [...joined, last];
  return more.length > 0 ? null : {run, axes: [outer, middle, inner]};
}

/**
 * Gathers runs of x, once for each offset.
 *
 * @param offsets where the first run begins, in floats.
 * @returns as many tensors of x's type and of shape `outShape`.
 */
export function gatherRuns(
  backend: BlockSparseBackend,
  x: TensorInfo,
  offsets: readonly number[],
  {run, axes: [outer, middle, inner]}: Runs,
  outShape: number[],
): TensorInfo[] {
  const rows = outer.size * middle.size * inner.size;
  const parts = partsOfRow(rows, run);
  const address = backend.getMemoryOffset(x.dataId);
  const strides = [outer.stride, middle.stride, inner.stride];
  const shape = [middle.size, inner.size, ...strides, run, parts, floatsOfPart(run, parts)];
  const types = offsets.map(() => x.dtype);
  return makeOutputs(backend, outShape, types, (outputs) =>
    outputs.forEach((output, i) =>
      runItems(backend, {
        job: Job.slice,
        words: [address + 4 * offsets[i], output, ...shape],
        items: rows * parts,
        nanosecondsAnItem: START_NS + (COPY_NS * run) / parts,
      }),
    ),
  );
}

/**
 * Cuts a box out of a tensor.
 *
 * @param begin where it begins, and `size` what it measures along each axis of x
 * @param outShape of as many values
 * @returns null where our kernels don't: other types than float32 and int32, empty boxes, those that reach beyond x, and more
 *     than three axes of runs.
 */
export function cutBox(
  backend: BlockSparseBackend,
  x: TensorInfo,
  begin: readonly number[],
  size: readonly number[],
  outShape: number[],
): TensorInfo | null {
  const {dtype, shape} = x;
  if (!isCopied(dtype)) return null;
  const axes: Axis[] = [];
  let offset = 0;
  for (let i = shape.length - 1, stride = 1; i >= 0; stride *= shape[i--]) {
    if (begin[i] < 0 || size[i] < 1 || begin[i] + size[i] > shape[i]) return null;
    axes.push({size: size[i], stride});
    offset += begin[i] * stride;
  }
  const runs = runsOf(axes);
  return runs && gatherRuns(backend, x, [offset], runs, outShape)[0];
}

/** Into how many parts each of `rows` rows of so many floats is cut, so that few long rows can be shared out too. */
function partsOfRow(rows: number, floats: number): number {
  if (rows >= ENOUGH_ITEMS) return 1;
  return Math.max(1, Math.min(Math.ceil(ENOUGH_ITEMS / rows), Math.floor(floats / SMALLEST_PART)));
}

/** Floats of a part, but for the last one: whole cache lines. Parts beyond the end of the row are empty. */
function floatsOfPart(floats: number, parts: number): number {
  return parts === 1 ? floats : Math.ceil(floats / parts / 16) * 16;
}
