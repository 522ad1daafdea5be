import {BatchMatMul, type KernelConfig} from '@tensorflow/tfjs-core';
import type {BlockSparseBackend} from '../blockSparseBackend';
import {matMultiply, type MatMulAttrs, type MatMulInputs} from '../matMultiply';
import {type KernelArgs, runStock, stockSetup} from '../stockKernel';

/** TensorFlow BatchMatMulV2: a [..., rows, k], b [..., k, m]. */
export const batchMatMulConfig: KernelConfig = {
  kernelName: BatchMatMul,
  backendName: 'blocksparse-1xn',
  setupFunc: stockSetup(BatchMatMul),
  kernelFunc: (args) => {
    const {inputs, attrs, backend} = args as KernelArgs & {backend: BlockSparseBackend};
    return (
      matMultiply(backend, inputs as unknown as MatMulInputs, attrs as unknown as MatMulAttrs) ??
      runStock(BatchMatMul, args)
    );
  },
};
