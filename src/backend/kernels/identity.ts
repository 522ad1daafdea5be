import {Identity, type TensorInfo} from '@tensorflow/tfjs-core';
import {newKernel} from '../stockKernel';

/** TensorFlow Identity: the same data once more, as Reshape gives it. Stock copies it, for every tensor that a gradient keeps. */
export const identityConfig = newKernel<{x: TensorInfo}, unknown>(Identity, (backend, {x: {dataId, shape, dtype}}) => {
  backend.incRef(dataId);
  return {dataId, shape, dtype};
});
