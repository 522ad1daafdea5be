import {FusedDepthwiseConv2D} from '@tensorflow/tfjs-core';
import {depthwiseConvolve} from '../depthwiseConvolve';
import {ourKernel} from '../stockKernel';

/** DepthwiseConv2dNative + BiasAdd + activation in one pass. */
export const fusedDepthwiseConv2DConfig = ourKernel(FusedDepthwiseConv2D, depthwiseConvolve);
