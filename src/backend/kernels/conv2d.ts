import {Conv2D, type KernelConfig} from '@tensorflow/tfjs-core';
import type {BlockSparseBackend} from '../blockSparseBackend';
import {convolve, type ConvAttrs, type ConvInputs} from '../convolve';
import {type KernelArgs, runStock, stockSetup} from '../stockKernel';

/** TensorFlow Conv2D: x [batch, inHeight, inWidth, inChannels], filter [kh, kw, inChannels, outChannels]. */
export const conv2DConfig: KernelConfig = {
  kernelName: Conv2D,
  backendName: 'blocksparse-1xn',
  setupFunc: stockSetup(Conv2D),
  kernelFunc: (args) => {
    const {inputs, attrs, backend} = args as KernelArgs & {backend: BlockSparseBackend};
    return convolve(backend, inputs as unknown as ConvInputs, attrs as unknown as ConvAttrs) ?? runStock(Conv2D, args);
  },
};
