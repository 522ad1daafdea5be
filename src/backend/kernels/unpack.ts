import {type TensorInfo, Unpack, type UnpackAttrs} from '@tensorflow/tfjs-core';
import type {BlockSparseBackend} from '../blockSparseBackend';
import {type Axis, gatherRuns, isCopied, runsOf} from '../copies';
import {ourKernel} from '../stockKernel';

/** @returns null for other types than float32 and int32, and for empty tensors: stock's kernel has to run. */
function unpack(backend: BlockSparseBackend, {value}: {value: TensorInfo}, {axis}: UnpackAttrs): TensorInfo[] | null {
  const {dtype, shape} = value;
  if (!isCopied(dtype) || shape.includes(0)) return null;
  if (axis < 0) axis += shape.length;
  const axes: Axis[] = [];
  const offsets: number[] = [];
  for (let i = shape.length - 1, stride = 1; i >= 0; stride *= shape[i--]) {
    if (i !== axis) axes.push({size: shape[i], stride});
    else for (let part = 0; part < shape[i]; part++) offsets.push(part * stride);
  }
  const runs = runsOf(axes);
  return runs && gatherRuns(backend, value, offsets, runs, [...shape.slice(0, axis), ...shape.slice(axis + 1)]);
}

/** TensorFlow Unpack: [..outer, n, ..inner] to n tensors [..outer, ..inner]. */
export const unpackConfig = ourKernel(Unpack, unpack);
