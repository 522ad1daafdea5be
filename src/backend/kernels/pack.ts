import {Pack, type PackAttrs, type TensorInfo, util} from '@tensorflow/tfjs-core';
import type {BlockSparseBackend} from '../blockSparseBackend';
import {concatRows, isCopied, MOST_INPUTS} from '../copies';
import {ourKernel} from '../stockKernel';

/**
 * @returns null where stock's kernel has to run: other types than float32 and int32, mixed types, one input or too many,
 *     empty ones.
 */
function pack(backend: BlockSparseBackend, inputs: TensorInfo[], attrs: PackAttrs): TensorInfo | null {
  if (inputs.length < 2 || inputs.length > MOST_INPUTS || !isCopied(inputs[0].dtype)) return null;
  const [{dtype, shape}] = inputs;
  const axis = attrs.axis < 0 ? attrs.axis + shape.length + 1 : attrs.axis;
  if (axis < 0 || axis > shape.length || shape.includes(0)) return null;
  for (const input of inputs) {
    if (input.dtype !== dtype || !util.arraysEqual(input.shape, shape)) return null;
  }
  let rows = 1;
  for (let i = 0; i < axis; i++) rows *= shape[i];
  return concatRows(backend, inputs, rows, [...shape.slice(0, axis), inputs.length, ...shape.slice(axis)]);
}

/** TensorFlow Pack: n tensors [..outer, ..inner] to [..outer, n, ..inner]. */
export const packConfig = ourKernel(Pack, pack);
