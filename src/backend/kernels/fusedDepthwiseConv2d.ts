import {FusedDepthwiseConv2D, type KernelConfig} from '@tensorflow/tfjs-core';
import type {BlockSparseBackend} from '../blockSparseBackend';
import type {ConvInputs} from '../convolve';
import {depthwiseConvolve, type DepthwiseAttrs} from '../depthwiseConvolve';
import {type KernelArgs, runStock, stockSetup} from '../stockKernel';

/** DepthwiseConv2dNative + BiasAdd + activation in one pass. */
export const fusedDepthwiseConv2DConfig: KernelConfig = {
  kernelName: FusedDepthwiseConv2D,
  backendName: 'blocksparse-1xn',
  setupFunc: stockSetup(FusedDepthwiseConv2D),
  kernelFunc: (args) => {
    const {inputs, attrs, backend} = args as KernelArgs & {backend: BlockSparseBackend};
    return (
      depthwiseConvolve(backend, inputs as unknown as ConvInputs, attrs as unknown as DepthwiseAttrs) ??
      runStock(FusedDepthwiseConv2D, args)
    );
  },
};
