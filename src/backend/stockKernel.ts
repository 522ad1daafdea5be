import {getKernel, type KernelConfig, type TensorInfo} from '@tensorflow/tfjs-core';
import type {BlockSparseBackend} from './blockSparseBackend';

/** Arguments of a tfjs kernel function. */
export type KernelArgs = Parameters<KernelConfig['kernelFunc']>[0];

/** What a stock wasm kernel needs to run on our backend: its setup, which binds its C++ function to the active heap. */
export function stockSetup(kernelName: string): (backend: object) => void {
  return (backend) => getKernel(kernelName, 'wasm').setupFunc?.(backend);
}

/** Runs tfjs's own kernel; it also gives tfjs's own errors for arguments that it does not take. */
export function runStock(kernelName: string, args: KernelArgs): TensorInfo {
  return getKernel(kernelName, 'wasm').kernelFunc(args) as TensorInfo;
}

/** Replaces a kernel's intermediate result by what a stock unary kernel makes of it. */
export function replaceByStockUnary(kernelName: string, x: TensorInfo, backend: BlockSparseBackend): TensorInfo {
  const result = runStock(kernelName, {inputs: {x}, attrs: {}, backend});
  backend.disposeData(x.dataId);
  return result;
}
