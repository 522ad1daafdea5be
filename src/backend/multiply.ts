import type {TensorInfo} from '@tensorflow/tfjs-core';
import {type ActivationAttrs, type ActivationInputs, fusedActivation} from './activation';
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
}

/**
 * Runs a product on our kernels: the one way from tfjs kernels into the runtime.
 *
 * @param product null for arguments that are not for our kernels
 * @param inputs those of the fused kernel, and its attributes: for the activation
 * @returns null where stock's kernel has to run.
 */
export function multiply(
  backend: BlockSparseBackend,
  product: Product | null,
  inputs: ActivationInputs = {},
  attrs: ActivationAttrs = {},
): TensorInfo | null {
  if (!product) return null;
  const {x, filter, bias, shape} = product;
  const activation = fusedActivation(backend, shape.filter.outChannels, inputs, attrs);
  const layer = activation && backend.weightCache.resolve(filter.dataId, shape, backend);
  if (!layer) return null;
  const {epilogue, then} = activation;
  const out = makeOutput(backend, [...shape.outShape], (output) =>
    backend.runner.conv2d({
      input: backend.getMemoryOffset(x.dataId),
      output,
      weights: layer.weights,
      bias: bias ? backend.getMemoryOffset(bias.dataId) : 0,
      geometry: shape.geometry,
      epilogue,
      cut: layer.cut,
    }),
  );
  return then ? replaceByUnary(then, out, backend) : out;
}
