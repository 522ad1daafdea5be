import type {TensorInfo} from '@tensorflow/tfjs-core';
import type {FilterShape} from '../packed';
import {winogradTiles} from '../plan';
import type {ConvGeometry} from '../runtime';
import {type ActivationAttrs, type ActivationInputs, fusedActivation} from './activation';
import type {BlockSparseBackend} from './blockSparseBackend';
import {options} from './config';
import {makeOutput} from './output';
import {replaceByUnary} from './stockKernel';
import type {ResolvedLayer, WeightSource} from './weightCache';

/** A convolution or MatMul whose arguments have been checked. */
export interface Product {
  readonly x: TensorInfo;
  readonly filter: TensorInfo;
  readonly filterShape: FilterShape;
  /** The filter tensor holds `[outChannels, K]`. */
  readonly transposed?: boolean;
  /** outChannels floats. */
  readonly bias?: TensorInfo;
  readonly geometry: ConvGeometry;
  readonly outShape: number[];
  /** Stock's kernel for this is no match for ours. */
  readonly stockIsSlow?: boolean;
}

/**
 * A product's weights, packed on first use, and how it is cut.
 *
 * @returns null where the layer is better off on stock's kernel, or has nothing to compute.
 */
export function resolveWeights(backend: BlockSparseBackend, product: Product): ResolvedLayer | null {
  const {filter, geometry, filterShape} = product;
  const outputPixels = geometry.batch * geometry.outHeight * geometry.outWidth;
  const outChannels = filterShape.outChannels;
  if (outputPixels * outChannels * filterShape.inChannels === 0) return null;
  if (options().path === 'auto' && !backend.isWeight(filter.dataId)) return null;
  const source: WeightSource = {
    dataId: filter.dataId,
    shape: filterShape,
    transposed: product.transposed ?? false,
    stockIsSlow: product.stockIsSlow ?? false,
    winogradTiles: winogradTiles(
      filterShape,
      [geometry.strideHeight, geometry.strideWidth, geometry.dilationHeight, geometry.dilationWidth],
      product.outShape,
    ),
  };
  return backend.weightCache.resolve(source, outputPixels, backend.runner.threads);
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
  const activation = product && fusedActivation(backend, product.filterShape.outChannels, inputs, attrs);
  const layer = activation && resolveWeights(backend, product);
  if (!layer) return null;
  const {x, bias, geometry} = product;
  const {epilogue, then} = activation;
  const out = makeOutput(backend, product.outShape, (output) =>
    backend.runner.conv2d({
      input: backend.getMemoryOffset(x.dataId),
      output,
      weights: layer.weights,
      bias: bias ? backend.getMemoryOffset(bias.dataId) : 0,
      geometry,
      epilogue,
      cut: layer.cut,
    }),
  );
  return then ? replaceByUnary(then, out, backend) : out;
}
