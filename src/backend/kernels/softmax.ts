import {Softmax, type TensorInfo, util} from '@tensorflow/tfjs-core';
import {Job} from '../../../kernels/task';
import type {BlockSparseBackend} from '../blockSparseBackend';
import {isNonemptyFloat32} from '../elementwise';
import {makeOutput} from '../output';
import {runItems} from '../parallel';
import {ourKernel} from '../stockKernel';

/** Up to so many values ours runs in programs alone: it spares them the 3 us of a call between two regions. */
const SHORT = 4096;
/** In longer rows stock's kernel takes half of our time. */
const SHORT_ROW = 32;
const VALUE_NS = 1.7;

/**
 * @returns null where stock's kernel, whose bits are the same, has to run: other types than float32, empty tensors, scalars,
 *     and where ours would take longer.
 */
function softmax(backend: BlockSparseBackend, {logits}: {logits: TensorInfo}): TensorInfo | null {
  const {dataId, shape} = logits;
  if (!isNonemptyFloat32(logits) || shape.length === 0) return null;
  const size = util.sizeFromShape(shape);
  const floats = shape[shape.length - 1]; // tfjs refuses any other axis
  if (size <= SHORT ? !backend.records : floats > SHORT_ROW && backend.runner.threads <= 2) return null;
  return makeOutput(backend, shape, (output) =>
    runItems(backend, {
      job: Job.softmax,
      words: [backend.getMemoryOffset(dataId), output, floats],
      items: size / floats,
      nanosecondsAnItem: VALUE_NS * floats,
    }),
  );
}

/** TensorFlow Softmax, over the last axis. */
export const softmaxConfig = ourKernel(Softmax, softmax);
