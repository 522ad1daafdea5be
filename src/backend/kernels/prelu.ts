import {Prelu, type TensorInfo} from '@tensorflow/tfjs-core';
import {Elementwise} from '../../../kernels/task';
import {repetition} from '../broadcast';
import {isNonemptyFloat32, runElementwise} from '../elementwise';
import {ourKernel} from '../stockKernel';

/** Keras PReLU, x or slope * x: slopes that fit x's last dimensions. Stock has its own idea of what other shapes mean. */
export const preluConfig = ourKernel(Prelu, (backend, {x, alpha}: {x: TensorInfo; alpha: TensorInfo}) => {
  if (!isNonemptyFloat32(x) || alpha.dtype !== 'float32') return null;
  const slopes = repetition(x.shape, alpha.shape);
  if (!slopes || slopes.images !== 1) return null;
  return runElementwise(backend, {op: Elementwise.prelu, shape: x.shape, x, y: alpha, ...slopes});
});
