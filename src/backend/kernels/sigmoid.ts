import {Sigmoid} from '@tensorflow/tfjs-core';
import {Elementwise} from '../../../kernels/task';
import {unaryKernel} from '../elementwise';

/** TensorFlow Sigmoid. */
export const sigmoidConfig = unaryKernel(Sigmoid, Elementwise.sigmoid);
