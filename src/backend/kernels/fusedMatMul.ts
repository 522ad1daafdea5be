import {_FusedMatMul, type KernelConfig} from '@tensorflow/tfjs-core';
import type {BlockSparseBackend} from '../blockSparseBackend';
import {matMultiply, type MatMulAttrs, type MatMulInputs} from '../matMultiply';
import {type KernelArgs, runStock, stockSetup} from '../stockKernel';

/** MatMul + BiasAdd + activation in one pass. */
export const fusedMatMulConfig: KernelConfig = {
  kernelName: _FusedMatMul,
  backendName: 'blocksparse-1xn',
  setupFunc: stockSetup(_FusedMatMul),
  kernelFunc: (args) => {
    const {inputs, attrs, backend} = args as KernelArgs & {backend: BlockSparseBackend};
    return (
      matMultiply(backend, inputs as unknown as MatMulInputs, attrs as unknown as MatMulAttrs) ??
      runStock(_FusedMatMul, args)
    );
  },
};
