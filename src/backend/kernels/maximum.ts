import {Maximum} from '@tensorflow/tfjs-core';
import {Elementwise} from '../../../kernels/task';
import {binaryKernel} from '../elementwise';

/** TensorFlow Maximum. */
export const maximumConfig = binaryKernel(Maximum, Elementwise.maximum);
