import {Minimum} from '@tensorflow/tfjs-core';
import {Elementwise} from '../../../kernels/task';
import {binaryKernel} from '../elementwise';

/** TensorFlow Minimum. */
export const minimumConfig = binaryKernel(Minimum, Elementwise.minimum);
