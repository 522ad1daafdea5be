import {Multiply} from '@tensorflow/tfjs-core';
import {Elementwise} from '../../../kernels/task';
import {binaryKernel} from '../elementwise';

/** TensorFlow Multiply. */
export const multiplyConfig = binaryKernel(Multiply, Elementwise.multiply);
