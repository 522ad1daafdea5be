import {Relu} from '@tensorflow/tfjs-core';
import {Elementwise} from '../../../kernels/task';
import {unaryKernel} from '../elementwise';

/** TensorFlow Relu. */
export const reluConfig = unaryKernel(Relu, Elementwise.relu);
