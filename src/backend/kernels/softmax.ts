import {Softmax, type SoftmaxAttrs, type TensorInfo, util} from '@tensorflow/tfjs-core';
import {Job} from '../../../kernels/task';
import {isNonemptyFloat32} from '../elementwise';
import {makeOutput} from '../output';
import {runItems} from '../parallel';
import {ourKernel} from '../stockKernel';

/** Time of a value, in nanoseconds. */
const EXP_NS = 2;

/** TensorFlow Softmax over the last axis. */
export const softmaxConfig = ourKernel(Softmax, (backend, {logits}: {logits: TensorInfo}, {dim}: SoftmaxAttrs) => {
  const {shape} = logits;
  if (!isNonemptyFloat32(logits) || dim < 0 || dim !== shape.length - 1) return null; // a scalar has no axis
  const rowFloats = shape[dim];
  return makeOutput(backend, shape, (output) =>
    runItems(backend, {
      job: Job.softmax,
      words: [backend.getMemoryOffset(logits.dataId), output, rowFloats],
      items: util.sizeFromShape(shape) / rowFloats,
      nanosecondsAnItem: EXP_NS * rowFloats,
    }),
  );
});
