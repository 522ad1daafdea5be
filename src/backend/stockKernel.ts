import {getKernel, type KernelConfig, type TensorInfo} from '@tensorflow/tfjs-core';
import type {BlockSparseBackend} from './blockSparseBackend';
import {NotRecorded} from '../runtime';
import {options} from './config';

type KernelArgs = Parameters<KernelConfig['kernelFunc']>[0];

/** What `ourKernel` is given, for any inputs and attributes. */
type Run = (backend: BlockSparseBackend, inputs: unknown, attrs: unknown) => TensorInfo | TensorInfo[] | null;

const ours = new Map<string, Run>();

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
  ours.set(kernelName, run as Run);
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
      const out = stockAlone() ? null : run(backend, inputs as unknown as Inputs, attrs as unknown as Attrs);
      if (out) return out;
      if (backend.records) throw new NotRecorded();
      return stock.kernelFunc(args);
    },
  };
}

/** A tfjs kernel of ours with no stock one behind it: it takes all that there is, or says in an error what it does not take. */
export function newKernel<Inputs, Attrs>(
  kernelName: string,
  run: (backend: BlockSparseBackend, inputs: Inputs, attrs: Attrs) => TensorInfo,
): KernelConfig {
  return {
    kernelName,
    backendName: 'blocksparse-1xn',
    kernelFunc: ({inputs, attrs, backend}) =>
      run(backend as BlockSparseBackend, inputs as unknown as Inputs, attrs as unknown as Attrs),
  };
}

/** What a kernel of ours runs; undefined where stock's alone may run. */
export function recordableKernel(kernelName: string): Run | undefined {
  return stockAlone() ? undefined : ours.get(kernelName);
}

/** Whether the options say that stock's kernels run. */
function stockAlone(): boolean {
  const {path} = options();
  return path !== 'auto' && path.kind === 'stock';
}

/** Replaces a kernel's intermediate result by what a unary kernel makes of it, ours where there is one. */
export function replaceByUnary(kernelName: string, x: TensorInfo, backend: BlockSparseBackend): TensorInfo {
  if (backend.records && !ours.has(kernelName)) throw new NotRecorded();
  const result = getKernel(kernelName, 'blocksparse-1xn').kernelFunc({inputs: {x}, attrs: {}, backend}) as TensorInfo;
  backend.disposeData(x.dataId);
  return result;
}
