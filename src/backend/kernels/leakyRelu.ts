import {LeakyRelu, type LeakyReluAttrs} from '@tensorflow/tfjs-core';
import {Elementwise} from '../../../kernels/task';
import {unaryKernel} from '../elementwise';

/** TensorFlow LeakyRelu. */
export const leakyReluConfig = unaryKernel(LeakyRelu, Elementwise.leakyRelu, ({alpha}: LeakyReluAttrs) => alpha);
