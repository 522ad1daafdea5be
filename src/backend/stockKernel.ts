import {getKernel, type KernelConfig, type TensorInfo} from '@tensorflow/tfjs-core';
import type {BlockSparseBackend} from './blockSparseBackend';
import {options} from './config';

type KernelArgs = Parameters<KernelConfig['kernelFunc']>[0];

/**
 * A tfjs kernel of ours in the place of a stock one. Stock's kernel stays behind it: it runs what ours does not take, and
 * gives tfjs's own errors for arguments that nobody takes.
 *
 * @param run gets the kernel's inputs and attributes as tfjs-core declares them for it, and returns null where stock's
 *     kernel has to run. It is not asked where the options say that stock's kernels run.
 */
export function ourKernel<Inputs, Attrs>(
  kernelName: string,
  run: (backend: BlockSparseBackend, inputs: Inputs, attrs: Attrs) => TensorInfo | TensorInfo[] | null,
): KernelConfig {
  let stock: KernelConfig; // looked up once: that takes a tenth of a small layer's time
  return {
    kernelName,
    backendName: 'blocksparse-1xn',
    // Binds stock's C++ function to the heap of the backend that becomes active.
    setupFunc: (backend) => {
      stock = getKernel(kernelName, 'wasm');
      stock.setupFunc?.(backend);
    },
    kernelFunc: (args) => {
      const {inputs, attrs, backend} = args as KernelArgs & {backend: BlockSparseBackend};
      const {path} = options();
      const stockAlone = path !== 'auto' && path.kind === 'stock';
      const out = stockAlone ? null : run(backend, inputs as unknown as Inputs, attrs as unknown as Attrs);
      return out ?? stock.kernelFunc(args);
    },
  };
}

/** Replaces a kernel's intermediate result by what a unary kernel makes of it, ours where there is one. */
export function replaceByUnary(kernelName: string, x: TensorInfo, backend: BlockSparseBackend): TensorInfo {
  const result = getKernel(kernelName, 'blocksparse-1xn').kernelFunc({inputs: {x}, attrs: {}, backend}) as TensorInfo;
  backend.disposeData(x.dataId);
  return result;
}
