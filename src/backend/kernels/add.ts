import {Add} from '@tensorflow/tfjs-core';
import {Elementwise} from '../../../kernels/task';
import {binaryKernel} from '../elementwise';

/** TensorFlow Add. */
export const addConfig = binaryKernel(Add, Elementwise.add);
