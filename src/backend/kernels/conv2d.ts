import {Conv2D} from '@tensorflow/tfjs-core';
import {convolve} from '../convolve';
import {ourKernel} from '../stockKernel';

/** TensorFlow Conv2D: x [batch, inHeight, inWidth, inChannels], filter [kh, kw, inChannels, outChannels]. */
export const conv2DConfig = ourKernel(Conv2D, convolve);
