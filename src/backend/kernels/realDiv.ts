import {RealDiv} from '@tensorflow/tfjs-core';
import {Elementwise} from '../../../kernels/task';
import {binaryKernel} from '../elementwise';

/** TensorFlow RealDiv. */
export const realDivConfig = binaryKernel(RealDiv, Elementwise.divide);
