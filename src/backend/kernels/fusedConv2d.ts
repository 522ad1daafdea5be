import {FusedConv2D} from '@tensorflow/tfjs-core';
import {convolve} from '../convolve';
import {ourKernel} from '../stockKernel';

/** Conv2D + BiasAdd + activation in one pass. */
export const fusedConv2DConfig = ourKernel(FusedConv2D, convolve);
