import {Concat, type ConcatAttrs, type TensorInfo, util} from '@tensorflow/tfjs-core';
import type {BlockSparseBackend} from '../blockSparseBackend';
import {concatRows, isCopied, MOST_INPUTS} from '../copies';
import {ourKernel} from '../stockKernel';

/**
 * @returns null where stock's kernel has to run: other types than float32 and int32, mixed types, one input or too many,
 *     empty ones.
 */
function concat(backend: BlockSparseBackend, inputs: TensorInfo[], attrs: ConcatAttrs): TensorInfo | null {
  // Stock's kernel takes views of all inputs, which unpacking one of them could kill.
  for (const {dataId} of inputs) backend.dataIdMap.get(dataId);
  if (inputs.length < 2 || inputs.length > MOST_INPUTS || !isCopied(inputs[0].dtype)) return null;
  const outShape = inputs[0].shape.slice();
  const [axis] = util.parseAxisParam(attrs.axis, outShape);
  outShape[axis] = 0;
  for (const {dtype, shape} of inputs) {
    if (dtype !== inputs[0].dtype || shape.length !== outShape.length || shape.includes(0)) return null;
    if (shape.some((size, i) => i !== axis && size !== outShape[i])) return null;
    outShape[axis] += shape[axis];
  }
  let rows = 1;
  for (let i = 0; i < axis; i++) rows *= outShape[i];
  return concatRows(backend, inputs, rows, outShape);
}

/** TensorFlow ConcatV2. */
export const concatConfig = ourKernel(Concat, concat);
