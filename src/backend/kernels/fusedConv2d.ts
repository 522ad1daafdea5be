import {FusedConv2D, type KernelConfig} from '@tensorflow/tfjs-core';
import type {BlockSparseBackend} from '../blockSparseBackend';
import {convolve, type ConvAttrs, type ConvInputs} from '../convolve';
import {type KernelArgs, runStock, stockSetup} from '../stockKernel';

/** Conv2D + BiasAdd + activation in one pass. */
export const fusedConv2DConfig: KernelConfig = {
  kernelName: FusedConv2D,
  backendName: 'blocksparse-1xn',
  setupFunc: stockSetup(FusedConv2D),
  kernelFunc: (args) => {
    const {inputs, attrs, backend} = args as KernelArgs & {backend: BlockSparseBackend};
    return (
      convolve(backend, inputs as unknown as ConvInputs, attrs as unknown as ConvAttrs) ?? runStock(FusedConv2D, args)
    );
  },
};
