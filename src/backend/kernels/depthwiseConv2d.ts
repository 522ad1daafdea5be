import {DepthwiseConv2dNative, type KernelConfig} from '@tensorflow/tfjs-core';
import type {BlockSparseBackend} from '../blockSparseBackend';
import type {ConvInputs} from '../convolve';
import {depthwiseConvolve, type DepthwiseAttrs} from '../depthwiseConvolve';
import {type KernelArgs, runStock, stockSetup} from '../stockKernel';

/** TensorFlow DepthwiseConv2dNative: x [batch, inHeight, inWidth, channels], filter [kh, kw, channels, multiplier]. */
export const depthwiseConv2dConfig: KernelConfig = {
  kernelName: DepthwiseConv2dNative,
  backendName: 'blocksparse-1xn',
  setupFunc: stockSetup(DepthwiseConv2dNative),
  kernelFunc: (args) => {
    const {inputs, attrs, backend} = args as KernelArgs & {backend: BlockSparseBackend};
    return (
      depthwiseConvolve(backend, inputs as unknown as ConvInputs, attrs as unknown as DepthwiseAttrs) ??
      runStock(DepthwiseConv2dNative, args)
    );
  },
};
