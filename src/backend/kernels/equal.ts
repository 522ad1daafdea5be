import {Equal} from '@tensorflow/tfjs-core';
import {Elementwise} from '../../../kernels/task';
import {binaryKernel} from '../elementwise';

/** TensorFlow Equal. */
export const equalConfig = binaryKernel(Equal, Elementwise.equal);
