import {DepthwiseConv2dNative} from '@tensorflow/tfjs-core';
import {depthwiseConvolve} from '../depthwiseConvolve';
import {ourKernel} from '../stockKernel';

/** TensorFlow DepthwiseConv2dNative: x [batch, inHeight, inWidth, channels], filter [kh, kw, channels, multiplier]. */
export const depthwiseConv2dConfig = ourKernel(DepthwiseConv2dNative, depthwiseConvolve);
