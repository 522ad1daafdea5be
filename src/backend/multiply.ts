import type {TensorInfo} from '@tensorflow/tfjs-core';
import type {FusedActivation} from './activation';
import type {BlockSparseBackend} from './blockSparseBackend';
import {makeOutput} from './output';
import type {ProductShape} from './productShape';
import {replaceByUnary} from './stockKernel';

/** A convolution or MatMul whose arguments have been checked. */
export interface Product {
  readonly x: TensorInfo;
  readonly filter: TensorInfo;
  /** outChannels floats. */
  readonly bias?: TensorInfo;
  readonly shape: ProductShape;
  readonly activation: FusedActivation;
}

/**
 * Runs a product on our kernels: the one way from tfjs kernels into the runtime.
 *
 * @returns null where the layer is better off on stock's kernel.
 */
export function multiply(
  backend: BlockSparseBackend,
  {x, filter, bias, shape, activation}: Product,
): TensorInfo | null {
  const layer = backend.weightCache.resolve(filter.dataId, shape, backend.runner.threads);
  if (!layer) return null;
  const out = makeOutput(backend, [...shape.outShape], (output) =>
    backend.runner.conv2d({
      input: backend.getMemoryOffset(x.dataId),
      output,
      weights: layer.weights,
      bias: bias ? backend.getMemoryOffset(bias.dataId) : 0,
      geometry: shape.geometry,
      epilogue: activation.epilogue,
      cut: layer.cut,
    }),
  );
  return activation.then ? replaceByUnary(activation.then, out, backend) : out;
}
