import {Sub} from '@tensorflow/tfjs-core';
import {Elementwise} from '../../../kernels/task';
import {binaryKernel} from '../elementwise';

/** TensorFlow Sub. */
export const subConfig = binaryKernel(Sub, Elementwise.subtract);
