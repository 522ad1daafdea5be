import {LessEqual} from '@tensorflow/tfjs-core';
import {Elementwise} from '../../../kernels/task';
import {binaryKernel} from '../elementwise';

/** TensorFlow LessEqual. */
export const lessEqualConfig = binaryKernel(LessEqual, Elementwise.lessEqual);
