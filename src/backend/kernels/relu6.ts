import {Relu6} from '@tensorflow/tfjs-core';
import {Elementwise} from '../../../kernels/task';
import {unaryKernel} from '../elementwise';

/** TensorFlow Relu6. */
export const relu6Config = unaryKernel(Relu6, Elementwise.reluUpTo, () => 6);
