import {Concat, type ConcatAttrs, type TensorInfo, util} from '@tensorflow/tfjs-core';
import {Job} from '../../../kernels/task';
import type {BlockSparseBackend} from '../blockSparseBackend';
import {makeOutput} from '../output';
import {COPY_NS, runItems} from '../parallel';
import {floatsOfPart, partsOfRow} from '../parts';
import {ourKernel} from '../stockKernel';

/** A task record's table has room for so many. */
const MOST_INPUTS = 16;

/** @returns null where stock's kernel has to run: other types than float32, one input or too many, empty ones. */
function concat(backend: BlockSparseBackend, inputs: TensorInfo[], attrs: ConcatAttrs): TensorInfo | null {
  if (inputs.length < 2 || inputs.length > MOST_INPUTS) return null;
  const outShape = inputs[0].shape.slice();
  const [axis] = util.parseAxisParam(attrs.axis, outShape);
  outShape[axis] = 0;
  for (const {dtype, shape} of inputs) {
    if (dtype !== 'float32' || shape.length !== outShape.length || shape.includes(0)) return null;
    if (shape.some((size, i) => i !== axis && size !== outShape[i])) return null;
    outShape[axis] += shape[axis];
  }
  let rows = 1;
  for (let i = 0; i < axis; i++) rows *= outShape[i];
  const rowFloats = util.sizeFromShape(outShape) / rows;
  const parts = partsOfRow(rows, rowFloats);
  return makeOutput(backend, outShape, (output) => {
    const words = [output, rowFloats, parts, inputs.length];
    for (const {dataId, shape} of inputs) {
      const floats = (rowFloats / outShape[axis]) * shape[axis];
      words.push(backend.getMemoryOffset(dataId), floats, floatsOfPart(floats, parts));
    }
    const nanosecondsAnItem = inputs.length * 2 + (COPY_NS * rowFloats) / parts;
    runItems(backend, {job: Job.concat, words, items: rows * parts, nanosecondsAnItem});
  });
}

/** TensorFlow ConcatV2. */
export const concatConfig = ourKernel(Concat, concat);
