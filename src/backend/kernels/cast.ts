import {Cast, type CastAttrs, type TensorInfo, util} from '@tensorflow/tfjs-core';
import {Elementwise} from '../../../kernels/task';
import {runElementwise} from '../elementwise';
import {ourKernel} from '../stockKernel';

const OPS: Readonly<Record<string, Elementwise>> = {int32: Elementwise.fromInteger, bool: Elementwise.fromBool};

/** TensorFlow Cast: from int32 and bool to float32, and to its own type, which shares the data as Identity does. */
export const castConfig = ourKernel(Cast, (backend, {x}: {x: TensorInfo}, {dtype}: CastAttrs) => {
  const {dataId, shape} = x;
  if (dtype === x.dtype) {
    backend.incRef(dataId);
    return {dataId, shape, dtype};
  }
  const op = OPS[x.dtype];
  if (op === undefined || dtype !== 'float32' || shape.includes(0)) return null;
  return runElementwise(backend, {op, shape, x, y: x, images: 1, repeats: 1, row: util.sizeFromShape(shape)});
});
